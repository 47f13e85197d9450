//! What crosses between the host and the TPM: no password, no command more than is wanted, and all of
//! them again where the TPM puts them off.

use hsm_test::marker::Marker;
use hsm_test::swtpm::{Swtpm, Template};
use keyanchor::key::Scheme;
use keyanchor::wire::Failure;

use crate::bench::*;
use crate::relay::{Relay, Script};

const HANDLE: u32 = 0x8100_0101;
const CREATE_PRIMARY: u32 = 0x131;
const READ_PUBLIC: u32 = 0x173;
const SIGN: u32 = 0x15d;
const START_AUTH_SESSION: u32 = 0x176;
const LOAD: u32 = 0x157;
const FLUSH: u32 = 0x165;

#[test]
fn a_tpm_that_puts_a_command_off_is_asked_again() {
    apart(|| {
        let tpm = Swtpm::start();
        let key = tpm.key(&Template { password: Some("s3cret"), ..Template::P256 });
        tpm.persist(&key, HANDLE);
        for code in [0x922, 0x908, 0x90a, 0x920, 0x902] {
            // libtss2 itself asks five times, without a pause.
            let script = Script {
                answers: vec![(SIGN, code, 8), (LOAD, code, 3), (FLUSH, code, 7)],
                ..Script::default()
            };
            let relay = Relay::before(&tpm, script);
            signs(&mut open(&relay.tcti()), &at(HANDLE), Some("s3cret"), &key);
            signs(&mut open(&relay.tcti()), &file_of(&key), Some("s3cret"), &key);
            assert!(relay.count(SIGN) >= 10, "{code:#x}");
            is_clean(&tpm);
        }
    });
}

#[test]
fn a_tpm_that_never_has_time_is_given_up_and_nothing_is_left() {
    apart(|| {
        let tpm = Swtpm::start();
        let key = tpm.key(&Template { password: Some("s3cret"), ..Template::P256 });
        let answers = vec![(SIGN, 0x922, usize::MAX)];
        let relay = Relay::before(&tpm, Script { answers, ..Script::default() });
        let mut device = open(&relay.tcti());
        device.select(&file_of(&key)).expect("a key");
        device.keep_password(pin("s3cret"));
        let busy = sign(&mut device, Scheme::EcdsaSha256).expect_err("busy");
        assert!(
            matches!(&busy, Failure::Call { code, .. } if code == "TPM_RC_RETRY (0x922)"),
            "{busy:?}"
        );
        is_clean(&tpm);
    });
}

#[test]
fn an_answer_that_makes_no_sense_is_an_error() {
    apart(|| {
        let tpm = Swtpm::start();
        let key = tpm.key(&Template { password: Some("s3cret"), ..Template::P256 });
        tpm.persist(&key, HANDLE);
        let head = |length: u32| [&[0x80, 1][..], &length.to_be_bytes(), &[0; 4]].concat();
        let answers = [
            Vec::new(),
            vec![0x80],
            head(10),
            head(4),
            head(u32::MAX),
            [head(4096), vec![0xff; 4086]].concat(),
            vec![0xff; 64],
        ];
        for (number, bytes) in answers.iter().enumerate() {
            for command in [READ_PUBLIC, START_AUTH_SESSION, SIGN] {
                let garbage = Some((command, bytes.clone()));
                let relay = Relay::before(&tpm, Script { garbage, ..Script::default() });
                let mut device = open(&relay.tcti());
                let answer = device.select(&at(HANDLE)).and_then(|_| {
                    device.keep_password(pin("s3cret"));
                    sign(&mut device, Scheme::EcdsaSha256)
                });
                let odd = answer.expect_err("no sense");
                let named = matches!(odd, Failure::Call { .. } | Failure::Key { .. });
                assert!(named, "{number}, {command:#x}: {odd:?}");
                drop(device);
                tpm.flush();
            }
        }
    });
}

#[test]
fn a_refused_password_is_sent_once() {
    apart(|| {
        let tpm = Swtpm::start();
        let key = tpm.key(&Template { password: Some("s3cret"), ..Template::P256 });
        let relay = Relay::before(&tpm, Script::default());
        let mut device = open(&relay.tcti());
        device.select(&file_of(&key)).expect("a key");
        device.keep_password(pin("wrong"));
        sign(&mut device, Scheme::EcdsaSha256).expect_err("wrong");
        assert_eq!(relay.count(SIGN), 1);
    });
}

#[test]
fn no_password_ever_crosses() {
    apart(|| {
        const KEY: &str = "marker-of-the-key-9f31c07d52ae4b";
        const OWNER: &str = "marker-of-the-owner-77c2e91b640f";
        let mut tpm = Swtpm::start();
        let template = Template { password: Some(KEY), ..Template::P256 };
        let key = tpm.key(&template);
        tpm.persist(&key, HANDLE);
        let relay = Relay::before(&tpm, Script::default());
        signs(&mut open(&relay.tcti()), &at(HANDLE), Some(KEY), &key);
        signs(&mut open(&relay.tcti()), &file_of(&key), Some(KEY), &key);
        tpm.set_hierarchy_password(0x4000_0001, OWNER);
        std::fs::remove_dir_all(std::env::var("KEYANCHOR_RUNTIME_DIR").expect("set"))
            .expect("the record goes");
        let mut device = open(&relay.tcti());
        device.select(&file_of(&key)).expect("a key");
        device.keep_password(pin(KEY));
        device.keep_parent_password(pin(OWNER));
        sign(&mut device, Scheme::EcdsaSha256).expect("a signature");
        let seen = || relay.script.lock().expect("script").seen.clone();
        for marker in [KEY, OWNER] {
            let found = Marker::new(marker).found_in(&seen());
            assert!(found.is_empty(), "{marker} crossed: {found:?}");
        }
        assert!(relay.count(SIGN) == 3 && relay.count(CREATE_PRIMARY) >= 3, "they were used");
        // One that does it otherwise is seen.
        assert_eq!(relay.send(&in_clear(KEY))[6..10], [0; 4]);
        assert!(!Marker::new(KEY).found_in(&seen()).is_empty());
        is_clean(&tpm);
    });
}

/// TPM2_Sign in a password session, as other programs do it.
fn in_clear(password: &str) -> Vec<u8> {
    let session = [&[0x40, 0, 0, 0x09, 0, 0, 0, 0, 0x20][..], password.as_bytes()].concat();
    let parameters =
        [&[0, 0x20][..], &[7; 32], &[0, 0x18, 0, 0x0b], &[0x80, 0x24, 0x40, 0, 0, 0x07, 0, 0]]
            .concat();
    let length = |bytes: usize| u32::try_from(bytes).expect("short").to_be_bytes();
    let rest = [
        &SIGN.to_be_bytes()[..],
        &HANDLE.to_be_bytes(),
        &length(session.len()),
        &session,
        &parameters,
    ]
    .concat();
    [&[0x80, 0x02][..], &length(rest.len() + 6), &rest].concat()
}
