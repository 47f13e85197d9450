//! What the lab says is in a TPM, against what was put there.

use std::time::{Duration, Instant};

use hsm_test::swtpm::{Lockout, Parent, Swtpm, Template, code};

use super::{said, sign, verifies};

/// Protected, with a password.
const PROTECTED: Template =
    Template { protected: true, password: Some("s3cret"), ..Template::P256 };
const HANDLE: u32 = 0x8100_0101;

#[test]
fn provisioning_leaves_nothing_but_what_was_asked_for() {
    let mut tpm = Swtpm::start();
    assert!(tpm.persistent().is_empty() && tpm.nv_indices().is_empty());
    tpm.make_parent(Parent::SRK, None);
    let key = tpm.key_under(&Template::P256, Parent::SRK);
    tpm.persist(&key, HANDLE);
    tpm.certificate_in_nv(&key, 0x0180_0001);
    tpm.file_by_tpm2_tools(&key);
    tpm.key_by_openssl(Template::P256.algorithm, None);
    assert_eq!(tpm.persistent(), [0x8100_0001, HANDLE]);
    assert_eq!(tpm.nv_indices(), [0x0180_0001]);
    assert!(tpm.left_behind().is_empty(), "{:x?}", tpm.left_behind());
}

#[test]
fn three_objects_fill_a_tpm_and_flushing_empties_it() {
    let tpm = Swtpm::start();
    let key = tpm.key(&Template::P256);
    tpm.persist(&key, HANDLE);
    tpm.leak_objects(3);
    assert_eq!(tpm.transient(), [0x8000_0000, 0x8000_0001, 0x8000_0002]);
    let mut create = tpm.tpm2("createprimary");
    let refused = create.args(["-C", "n"]).output().expect("tpm2-tools are installed");
    assert!(said(&refused).contains("(0x902)"), "{}", said(&refused));
    tpm.flush();
    assert!(tpm.transient().is_empty());
    assert!(sign(&tpm, "0x81000101", &Template::P256, None).status.success());
}

#[test]
fn three_sessions_fill_a_tpm_and_flushing_empties_it() {
    let tpm = Swtpm::start();
    tpm.leak_sessions(3);
    assert_eq!(tpm.loaded_sessions(), [0x0200_0000, 0x0200_0001, 0x0200_0002]);
    let mut start = tpm.tpm2("startauthsession");
    let refused = start.arg("-S").arg(tpm.dir().join("session")).output();
    let refused = refused.expect("tpm2-tools are installed");
    assert!(said(&refused).contains("0x903"), "{}", said(&refused));
    tpm.flush();
    assert!(tpm.loaded_sessions().is_empty());
}

#[test]
fn a_session_that_was_saved_is_told_from_a_loaded_one() {
    let tpm = Swtpm::start();
    let mut start = tpm.tpm2("startauthsession");
    let started = start.arg("-S").arg(tpm.dir().join("session")).status();
    assert!(started.expect("tpm2-tools are installed").success());
    assert!(tpm.loaded_sessions().is_empty());
    assert_eq!(tpm.saved_sessions().len(), 1);
    assert_eq!(tpm.left_behind(), tpm.saved_sessions());
}

#[test]
fn wrong_passwords_are_counted_until_it_locks_and_heals() {
    let tpm = Swtpm::start();
    let seconds = Duration::from_secs;
    let factory = Lockout {
        counter: 0,
        locked: false,
        max_tries: 3,
        interval: seconds(1000),
        recovery: seconds(1000),
    };
    assert_eq!(tpm.lockout(), factory);
    let key = tpm.key(&PROTECTED);
    tpm.persist(&key, HANDLE);
    tpm.set_lockout(2, seconds(3));
    tpm.enter_wrong(HANDLE, 1);
    assert_eq!((tpm.lockout().counter, tpm.lockout().locked), (1, false));
    tpm.enter_wrong(HANDLE, 1);
    let locked = tpm.lockout();
    assert_eq!((locked.counter, locked.locked, locked.max_tries), (2, true, 2));
    assert_eq!((locked.interval, locked.recovery), (seconds(3), seconds(0)));
    let refused = sign(&tpm, "0x81000101", &PROTECTED, None);
    assert!(said(&refused).contains("(0x921)"), "{}", said(&refused));
    let deadline = Instant::now() + seconds(30);
    while tpm.lockout().locked {
        assert!(Instant::now() < deadline, "it does not heal: {:?}", tpm.lockout());
        std::thread::sleep(Duration::from_millis(100));
    }
    let output = sign(&tpm, "0x81000101", &PROTECTED, None);
    assert!(output.status.success() && verifies(&tpm, &key), "{}", said(&output));
}

#[test]
fn a_locked_tpm_is_cleared_with_its_password() {
    let mut tpm = Swtpm::start();
    tpm.persist(&tpm.key(&PROTECTED), HANDLE);
    tpm.set_hierarchy_password(Parent::LOCKOUT, "the keeper");
    tpm.set_lockout(1, Duration::from_secs(1000));
    tpm.enter_wrong(HANDLE, 1);
    assert!(tpm.lockout().locked);
    tpm.clear_lockout();
    assert_eq!((tpm.lockout().counter, tpm.lockout().locked), (0, false));
}

#[test]
fn a_command_can_be_sent_octet_by_octet() {
    let tpm = Swtpm::start();
    let flush = [[0x80, 0x01, 0, 0, 0, 14].as_slice(), &code::FLUSH_CONTEXT.to_be_bytes()].concat();
    let answer = tpm.transmit(&[&flush[..], &[0x80, 0, 0, 0]].concat());
    assert_eq!(answer, [0x80, 0x01, 0, 0, 0, 10, 0, 0, 0x01, 0xcb]);
}
