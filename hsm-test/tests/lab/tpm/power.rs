//! On, off, stopped, reset and failed; and that nothing is left of a TPM whose guard is gone.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::thread;

use hsm_test::swtpm::{Swtpm, Template};

use super::{said, sign};

fn random(tpm: &Swtpm) -> Result<(), String> {
    let output = tpm.tpm2("getrandom").args(["--hex", "8"]).output();
    let output = output.expect("tpm2-tools are installed");
    if output.status.success() { Ok(()) } else { Err(said(&output)) }
}

#[test]
fn persistent_keys_survive_each_way_of_going_off_and_on() {
    let mut tpm = Swtpm::start();
    tpm.persist(&tpm.key(&Template::P256), 0x8100_0101);
    tpm.restart();
    tpm.kill();
    assert!(TcpStream::connect(("127.0.0.1", tpm.port())).is_err());
    assert!(TcpStream::connect(("127.0.0.1", tpm.port() + 1)).is_err());
    let port = tpm.port();
    tpm.restart();
    assert_eq!(tpm.port(), port);
    let read = tpm.tpm2("readpublic").args(["-c", "0x81000101"]).output();
    assert!(read.expect("tpm2-tools are installed").status.success());
}

#[test]
fn losing_power_after_a_protected_key_was_used_counts_as_a_wrong_password() {
    let mut tpm = Swtpm::start();
    let template = Template { protected: true, password: Some("s3cret"), ..Template::P256 };
    tpm.persist(&tpm.key(&template), 0x8100_0101);
    assert!(sign(&tpm, "0x81000101", &template, None).status.success());
    tpm.restart();
    assert_eq!(tpm.lockout().counter, 0);
    assert!(sign(&tpm, "0x81000101", &template, None).status.success());
    tpm.kill();
    tpm.restart();
    assert_eq!(tpm.lockout().counter, 1);
}

#[test]
fn a_paused_tpm_takes_connections_and_answers_when_it_goes_on() {
    let tpm = Swtpm::start();
    tpm.pause();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| random(&tpm));
        thread::sleep(std::time::Duration::from_millis(100));
        assert!(!waiting.is_finished());
        tpm.resume();
        assert_eq!(waiting.join().expect("no panic"), Ok(()));
    });
}

#[test]
fn a_reset_tpm_wants_to_be_started() {
    let tpm = Swtpm::start();
    tpm.reset();
    let mut read = tpm.tpm2("readpublic");
    let refused = read.args(["-c", "0x81000101"]).output().expect("tpm2-tools are installed");
    assert!(said(&refused).contains("0x100)"), "{}", said(&refused));
    let startup = tpm.tpm2("startup").arg("-c").output();
    assert!(startup.expect("tpm2-tools are installed").status.success());
    assert_eq!(random(&tpm), Ok(()));
}

#[test]
fn a_failed_tpm_refuses_everything_until_it_is_restarted() {
    let mut tpm = Swtpm::start();
    tpm.persist(&tpm.key(&Template::P256), 0x8100_0101);
    tpm.fail();
    let mut read = tpm.tpm2("readpublic");
    let refused = read.args(["-c", "0x81000101"]).output().expect("tpm2-tools are installed");
    assert!(said(&refused).contains("(0x101)"), "{}", said(&refused));
    tpm.restart();
    let read = read.output().expect("tpm2-tools are installed");
    assert!(read.status.success(), "{}", said(&read));
}

#[test]
fn many_start_at_once_on_ports_of_their_own_and_leave_nothing() {
    let started: Vec<_> = thread::scope(|scope| {
        let starting: Vec<_> = (0..12).map(|_| scope.spawn(Swtpm::start)).collect();
        starting.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    let mut ports: Vec<_> = started.iter().map(Swtpm::port).collect();
    ports.sort_unstable();
    assert!(ports.windows(2).all(|pair| pair[1] - pair[0] >= 2), "{ports:?}");
    for tpm in started {
        let (directory, id, port) = (tpm.dir().to_owned(), tpm.id(), tpm.port());
        assert_eq!(random(&tpm), Ok(()));
        tpm.pause();
        drop(tpm);
        assert!(!directory.exists() && !Path::new(&format!("/proc/{id}")).exists());
        TcpListener::bind(("127.0.0.1", port)).expect("nobody listens there any more");
    }
}
