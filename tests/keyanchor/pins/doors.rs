//! Keys that want a PIN with each signature, and tokens whose PIN is typed on their own keys.

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use super::{finish, for_key, on_terminal, typed};
use crate::golden::check;
use crate::lab::{Lab, fault, granted, lab, run};

/// CKF_PROTECTED_AUTHENTICATION_PATH, and a PIN that is typed after that time.
fn pad(after: &str) -> String {
    let pin = hsm_test::softhsm::SoftHsm::PIN;
    format!("C_GetTokenInfo * flags +0x100\nC_Login * pad {pin} after {after}")
}

fn through(command: &mut Command, lab: &Lab, script: &str) -> hsm_test::fault::Fault {
    let fault = fault(lab, script);
    command.arg("--pkcs11-lib").arg(fault.module());
    fault
}

#[test]
fn one_answer_serves_the_token_and_the_key() {
    let lab = lab();
    let mut command = for_key(&lab, "always");
    let fault = through(&mut command, &lab, "");
    let mut terminal = on_terminal(&command);
    terminal.wait_for("PIN for token 'lab': ").type_in(&typed());
    assert_eq!(finish(&mut terminal).code, 0, "{}", terminal.shown());
    assert_eq!(terminal.shown().matches("PIN for token").count(), 1);
    assert_eq!(fault.calls("C_Login"), 2);
}

#[test]
fn a_key_with_a_pin_of_its_own_is_asked_for_and_the_person_told_why() {
    let lab = lab();
    let mut command = for_key(&lab, "always");
    let fault = through(&mut command, &lab, "C_Login 2-3 rv 0xa0");
    let mut terminal = on_terminal(&command);
    terminal.wait_for("PIN for token 'lab': ").type_in(&typed());
    terminal
        .wait_for("the key wants a PIN of its own with each signature; the token's was refused");
    // What was refused is not sent again; what is wrong is sent, and asked for once more.
    terminal.wait_for("PIN for token 'lab': ").type_in(&typed());
    terminal.wait_for("this PIN was refused a moment ago, and was not sent again");
    assert_eq!(fault.calls("C_Login"), 2);
    terminal.wait_for("PIN for token 'lab': ").type_in("12345678\n");
    terminal.wait_for("wrong PIN");
    assert_eq!(fault.calls("C_Login"), 3);
    terminal.type_in("\x03");
    assert_eq!(finish(&mut terminal).code, 4);
    assert!(lab.server.requests().is_empty());
}

#[test]
fn the_right_pin_of_a_key_signs_although_another_was_refused_before() {
    let lab = lab();
    let mut command = for_key(&lab, "always");
    // The token's PIN is taken and the key's refused once, as if they were two.
    let fault = through(&mut command, &lab, "C_Login 1 answer 0x0\nC_Login 2 rv 0xa0");
    let file = lab.hsm.pin_file();
    let mut unattended = for_key(&lab, "always");
    unattended.arg("--pkcs11-lib").arg(fault.module()).arg("--pin-file").arg(&file);
    let mut terminal = on_terminal(&unattended);
    terminal.wait_for("the key wants a PIN of its own with each signature");
    terminal.wait_for("PIN for token 'lab': ").type_in(&typed());
    assert_eq!(finish(&mut terminal).code, 0, "{}", terminal.shown());
    assert_eq!((fault.calls("C_Login"), lab.server.requests().len()), (3, 1));
}

#[test]
fn with_reuse_pin_nobody_is_asked_for_another() {
    let lab = lab();
    let mut command = for_key(&lab, "always");
    let fault = through(command.arg("--reuse-pin"), &lab, "C_Login 2 rv 0xa0");
    let mut terminal = on_terminal(&command);
    terminal.wait_for("PIN for token 'lab': ").type_in(&typed());
    check("pin-of-a-key-is-another-one", &lab, &finish(&mut terminal));
    assert_eq!(fault.calls("C_Login"), 2);
    granted(lab.with_key("always").arg("--reuse-pin"));
}

#[test]
fn a_pin_for_a_pad_is_typed_there_and_a_notice_says_so() {
    let lab = lab();
    let mut command = for_key(&lab, "laptop");
    let fault = through(&mut command, &lab, &pad("1500ms"));
    let mut terminal = on_terminal(&command);
    terminal.wait_for("keyanchor: type the PIN on the reader of token 'lab'");
    assert_eq!(finish(&mut terminal).code, 0, "{}", terminal.shown());
    assert!(!terminal.shown().contains("PIN for token"), "{}", terminal.shown());
    assert_eq!(fault.calls("C_Login"), 1);
}

#[test]
fn nobody_is_waited_for_at_a_pad_where_that_was_forbidden() {
    let lab = lab();
    let mut command = for_key(&lab, "laptop");
    let fault = through(&mut command, &lab, &pad("1500ms"));
    check("pad-that-nobody-may-type-on", &lab, &run(command.arg("--no-prompt")));
    assert_eq!(fault.calls("C_Login"), 0);
}

#[test]
fn a_pin_that_was_wrong_on_a_pad_is_told_so() {
    let lab = lab();
    let mut command = for_key(&lab, "laptop");
    let script = "C_GetTokenInfo * flags +0x100\nC_Login * pad 00000000 after 10ms";
    let fault = through(&mut command, &lab, script);
    check("pad-with-a-wrong-pin", &lab, &run(&mut command));
    assert_eq!(fault.calls("C_Login"), 1);
}

#[test]
fn what_is_quick_is_not_told() {
    let lab = lab();
    let mut command = for_key(&lab, "laptop");
    let _fault = through(&mut command, &lab, &pad("10ms"));
    let mut terminal = on_terminal(&command);
    assert_eq!(finish(&mut terminal).code, 0);
    assert_eq!(terminal.shown(), "");
}

#[test]
fn a_person_at_a_pad_has_their_own_time() {
    let lab = lab();
    let mut command = for_key(&lab, "laptop");
    let _fault = through(&mut command, &lab, &pad("3"));
    granted(command.args(["--timeout", "2s"]));
}

#[test]
fn a_touch_is_asked_for_only_while_it_is_waited_for() {
    let lab = lab();
    // Yubico's module, as far as its name and its patience go.
    let script = "C_GetTokenInfo * maker Yubico\nC_Sign 1 sleep 3";
    let mut command = for_key(&lab, "laptop");
    let _fault = through(&mut command, &lab, script);
    command.args(["--timeout", "2s", "--pin-file"]).arg(lab.hsm.pin_file());
    let mut terminal = on_terminal(&command);
    terminal.wait_for("keyanchor: touch token 'lab'");
    assert_eq!(finish(&mut terminal).code, 0, "{}", terminal.shown());
    assert!(
        terminal.shown_since().contains("\x1b[K") || terminal.shown().ends_with("\x1b[J"),
        "{:?}",
        terminal.shown()
    );
    let mut other = for_key(&lab, "laptop");
    let _fault = through(&mut other, &lab, "C_Sign 1 sleep 1");
    other.arg("--pin-file").arg(lab.hsm.pin_file());
    let mut terminal = on_terminal(&other);
    assert_eq!(finish(&mut terminal).code, 0);
    assert_eq!(terminal.shown(), "", "nobody touches an HSM");
}

#[test]
fn a_touch_or_a_pin_that_does_not_come_ends_the_run_at_last() {
    let touch = "C_GetTokenInfo * maker Yubico\nC_Sign 1 sleep forever".to_owned();
    let runs = [("touch-that-does-not-come", touch), ("pad-that-nobody-types-on", pad("forever"))];
    thread::scope(|scope| {
        for (name, script) in runs {
            scope.spawn(move || {
                let lab = lab();
                let mut command = for_key(&lab, "laptop");
                let _fault = through(&mut command, &lab, &script);
                let start = Instant::now();
                let ended = run(command.arg("--pin-file").arg(lab.hsm.pin_file()));
                check(name, &lab, &ended);
                let took = start.elapsed();
                assert!((Duration::from_secs(49)..Duration::from_secs(75)).contains(&took));
            });
        }
    });
}
