//! pcscd itself: alone, ended, killed, stopped and started again, and without a reader.

use std::os::unix::net::UnixStream;
use std::path::Path;

use hsm_test::piv::{Pcscd, Reader, Sharing};

use super::said;

/// The readers as OpenSC lists them.
fn listed(pcscd: &Pcscd) -> String {
    said(&pcscd.command("opensc-tool").arg("--list-readers").output().expect("opensc is installed"))
}

#[test]
fn a_reader_has_two_empty_slots() {
    let pcscd = Pcscd::start();
    let empty = |name: &str| Reader { name: name.into(), card: None, sharing: Sharing::Shared(0) };
    let slots = ["Yubico YubiKey OTP+FIDO+CCID 00 00", "Yubico YubiKey OTP+FIDO+CCID 00 01"];
    assert_eq!(pcscd.readers(), slots.map(empty));
    let listed = listed(&pcscd);
    let lines: Vec<&str> = listed.lines().skip(2).collect();
    let expected = [
        "0    No              Yubico YubiKey OTP+FIDO+CCID 00 00",
        "1    No              Yubico YubiKey OTP+FIDO+CCID 00 01",
    ];
    assert_eq!(lines, expected, "{listed}");
}

#[test]
fn a_reader_has_the_name_it_is_given_or_is_not_there() {
    let pcscd = Pcscd::with_reader("Example Reader");
    assert!(listed(&pcscd).contains("Example Reader 00 00"));
    let pcscd = Pcscd::without_reader();
    assert_eq!(pcscd.readers(), []);
    assert_eq!(listed(&pcscd), "No smart card readers found.\n");
}

#[test]
fn services_side_by_side_do_not_see_each_other() {
    let (one, other) = (Pcscd::with_reader("One"), Pcscd::with_reader("Other"));
    assert!(listed(&one).contains("One 00 00") && !listed(&one).contains("Other"));
    assert!(listed(&other).contains("Other 00 00") && !listed(&other).contains("One"));
}

#[test]
fn a_client_finds_no_service_once_it_is_stopped_or_killed_and_finds_it_again() {
    let mut pcscd = Pcscd::start();
    let found = listed(&pcscd);
    for end in [Pcscd::stop, Pcscd::kill] {
        end(&mut pcscd);
        assert_eq!(listed(&pcscd), "No smart card readers found.\n");
        pcscd.restart();
        assert_eq!(listed(&pcscd), found);
    }
}

#[test]
fn a_stopped_service_has_no_socket_and_a_killed_one_leaves_its_own() {
    let mut pcscd = Pcscd::start();
    pcscd.stop();
    assert!(!pcscd.socket().exists());
    pcscd.restart();
    pcscd.kill();
    assert!(pcscd.socket().exists() && UnixStream::connect(pcscd.socket()).is_err());
}

#[test]
fn a_paused_service_takes_connections_and_answers_when_it_goes_on() {
    let pcscd = Pcscd::start();
    pcscd.pause();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| listed(&pcscd));
        assert!(UnixStream::connect(pcscd.socket()).is_ok());
        std::thread::sleep(std::time::Duration::from_millis(100));
        assert!(!waiting.is_finished());
        pcscd.resume();
        assert!(waiting.join().expect("no panic").contains("00 00"));
    });
}

#[test]
fn nothing_is_left_of_a_service_whose_guard_is_gone() {
    let pcscd = Pcscd::start();
    let (directory, id) = (pcscd.dir().to_owned(), pcscd.id());
    drop(pcscd);
    assert!(!directory.exists());
    assert!(!Path::new(&format!("/proc/{id}")).exists());
}
