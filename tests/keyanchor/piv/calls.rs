//! What is sent to the card for one credential, in its order; and that nothing of it stays, whatever ends a run.

use std::process::Stdio;
use std::time::Duration;

use hsm_test::piv::{PinPolicy, Template, Touch, TouchPolicy, YubiKey, until};

use super::{lab, with};
use crate::lab::{granted, run};
use crate::secrecy::{calls_that, traced};

#[test]
fn a_credential_takes_one_pin_one_signature_and_few_commands() {
    let lab = lab();
    lab.card.key(&Template::P256);
    let mark = lab.card.mark();
    granted(&mut lab.with_pin("piv:slot=9a"));
    let log = lab.card.log_since(mark);
    let commands: Vec<_> =
        log.commands().into_iter().filter(|name| *name != "GET-RESPONSE").collect();
    let looking =
        ["SELECT", "GET-VERSION", "GET-SERIAL", "SELECT", "GET-METADATA", "SELECT", "GET-DATA"];
    let asking = ["SELECT", "VERIFY-STATUS", "SELECT", "GET-SERIAL", "VERIFY-STATUS"];
    let signing = ["VERIFY", "GENERAL-AUTHENTICATE", "VERIFY-LOGOUT"];
    assert_eq!(commands, [&looking[..], &asking, &signing].concat());
    assert!(log.commands().len() <= 20, "{} with the pieces of answers", log.commands().len());
}

#[test]
fn a_certificate_in_a_file_is_not_read_from_the_card() {
    let lab = lab();
    let key = lab.card.key(&Template { pin_policy: PinPolicy::Never, ..Template::P256 });
    let mark = lab.card.mark();
    granted(lab.with("piv:slot=9a").arg("--certificate").arg(key.certificate()));
    let log = lab.card.log_since(mark);
    let commands = [
        "SELECT",
        "GET-VERSION",
        "GET-SERIAL",
        "SELECT",
        "GET-METADATA",
        "SELECT",
        "GENERAL-AUTHENTICATE",
    ];
    assert_eq!(log.commands(), commands);
}

#[test]
fn before_firmware_5_3_the_policies_come_from_an_attestation() {
    let lab = with(YubiKey::V5_2);
    lab.card.key(&Template { pin_policy: PinPolicy::Never, ..Template::P256 });
    let (ended, pins, signatures) = lab.counted(&mut lab.with("piv:slot=9a"));
    assert_eq!((ended.code, pins, signatures), (0, 0, 1), "{}", ended.stderr);
    // of an imported key nobody can say it: the slot decides
    lab.card.key(&Template { slot: 0x9c, imported: true, ..Template::P256 });
    let (ended, pins, signatures) = lab.counted(&mut lab.with_pin("piv:slot=9c"));
    assert_eq!((ended.code, pins, signatures), (0, 1, 1), "{}", ended.stderr);
}

/// A key whose policy nobody can tell, in the slot that usually wants no PIN: it turns out to want one.
#[test]
fn a_key_that_wants_a_pin_after_all_gets_it() {
    let lab = with(YubiKey::V5_2);
    let template =
        Template { slot: 0x9e, pin_policy: PinPolicy::Once, imported: true, ..Template::P256 };
    lab.card.key(&template);
    let (ended, pins, signatures) = lab.counted(&mut lab.with_pin("piv:slot=9e"));
    assert_eq!((ended.code, pins, signatures), (0, 1, 2), "{}", ended.stderr);
}

#[test]
fn the_pin_counts_no_more_whatever_ends_a_run() {
    let lab = with(YubiKey { touch_timeout: Duration::from_millis(1500), ..YubiKey::V5_4 });
    lab.card.key(&Template { touch_policy: TouchPolicy::Always, ..Template::P256 });
    lab.card.touch(Touch::Never);
    for signal in ["TERM", "INT", "KILL"] {
        for whole_session in [false, true] {
            let mark = lab.card.mark();
            let mut run = crate::lab::bare(&lab.with_pin("piv:slot=9a"));
            let mut child =
                run.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
            until("a touch is awaited", || lab.card.log_since(mark).count("TOUCH awaited") > 0);
            assert!(lab.card.state().verified);
            let host = crate::piv::child_of(child.id());
            let ends = if whole_session { host } else { child.id() };
            crate::piv::kill(signal, ends);
            child.wait().expect("a child");
            until("the PIN counts no more", || !lab.card.state().verified);
        }
    }
    lab.card.touch(Touch::AtOnce);
    granted(&mut lab.with_pin("piv:slot=9a"));
}

#[test]
fn a_failed_signature_leaves_no_pin_behind() {
    let lab = lab();
    lab.card.key(&Template::P256);
    for fault in [
        "GENERAL-AUTHENTICATE 1 sw 6F00",
        "GENERAL-AUTHENTICATE 1 garble",
        "VERIFY-LOGOUT 1 sw 6A86",
    ] {
        lab.card.script(fault);
        run(&mut lab.with_pin("piv:slot=9a"));
        lab.card.clear();
        assert!(!lab.card.state().verified, "{fault}");
    }
}

/// A PIN of eight bytes is in some memory by chance sooner than in a system call: those are looked at.
#[test]
fn the_pin_goes_to_the_card_once_and_nowhere_else() {
    const PIN: &str = "Zq7~Wk9%";
    let lab = lab();
    lab.card.key(&Template::P256);
    lab.card.change_pin(YubiKey::PIN, PIN);
    let mut command = lab.with("piv:slot=9a");
    command.arg("--pin-file").arg(lab.pin(PIN));
    let output = traced(lab.folder.path(), &command).output().expect("strace");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.contains("GENERAL AUTHENTICATE"), "{said}");
    assert!(!said.contains(PIN));
    let has_pin = |strings: &[u8]| strings.windows(PIN.len()).any(|part| part == PIN.as_bytes());
    let calls = calls_that(lab.folder.path(), &has_pin);
    let calls: Vec<_> = calls.iter().map(|(name, call)| (name.as_str(), call.as_str())).collect();
    assert_eq!(calls, [("keyanchor-piv", "sendto")]);
}
