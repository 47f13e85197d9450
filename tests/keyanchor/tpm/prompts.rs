//! The password of a key, and that of its parent, asked for on a terminal or by a pinentry: what is
//! asked, how often, and when nobody is.

use std::process::Command;

use hsm_test::pinentry::{Answer, Pinentry};
use hsm_test::swtpm::{Parent, Tap, Template};
use hsm_test::terminal::Terminal;

use super::runs::{BY_HANDLE, HANDLE, NO_DA, PASSWORD, PROTECTED, typed, uses};
use super::{TpmLab, lab};
use crate::lab::{bare, ended, granted, run};

/// A terminal on which a run asks.
fn asked(command: &Command) -> Terminal {
    let mut terminal = Terminal::open();
    terminal.start_captured(&bare(command));
    terminal
}

fn is_granted(terminal: &mut Terminal) {
    let ended = ended(&terminal.finish());
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{:?}", terminal.shown());
    assert!(!terminal.shown().contains(PASSWORD), "what is typed is not shown");
}

#[test]
fn a_person_is_asked_for_the_password_of_the_key() {
    for template in [NO_DA, PROTECTED] {
        let lab = lab();
        let (key, chain) = lab.persistent(template);
        for reference in [BY_HANDLE, &lab.file(&key)] {
            let mut terminal = asked(&lab.with(reference, &chain));
            terminal
                .wait_for(" wants to sign with tpm:")
                .wait_for(reference.trim_start_matches("tpm:"));
            terminal.wait_for("password for TPM key tpm:").wait_for(": ");
            terminal.type_in(&format!("{PASSWORD}\n"));
            is_granted(&mut terminal);
        }
        assert_eq!(lab.tpm.lockout().counter, 0);
    }
}

#[test]
fn a_key_without_a_password_asks_nobody() {
    let lab = lab();
    let (key, chain) = lab.persistent(Template::P256);
    for reference in [BY_HANDLE, &lab.file(&key)] {
        let mut terminal = asked(&lab.with(reference, &chain));
        is_granted(&mut terminal);
        assert_eq!(terminal.shown(), "");
    }
}

#[test]
fn a_person_is_asked_again_while_tries_are_left() {
    let lab = lab();
    let tap = Tap::start(&lab.tpm);
    let (_, chain) = lab.persistent(PROTECTED);
    let mut command = lab.with(BY_HANDLE, &chain);
    command.env("KEYANCHOR_TCTI", tap.tcti());
    let mut terminal = asked(&command);
    typed(&mut terminal, "wrong");
    terminal.wait_for("keyanchor: wrong ").wait_for("2 tries are left");
    typed(&mut terminal, PASSWORD);
    is_granted(&mut terminal);
    assert_eq!((uses(&tap), lab.tpm.lockout().counter), (2, 1));
    // the last one is kept
    let mut terminal = asked(&command);
    typed(&mut terminal, "also wrong");
    lab.check("tpm-password-typed-wrong", &ended(&terminal.finish()));
    assert_eq!((uses(&tap), lab.tpm.lockout().counter), (3, 2));
    let mut terminal = asked(&command);
    let untried = ended(&terminal.finish());
    assert!(untried.stderr.contains("only one try is left"), "{}", untried.stderr);
    assert_eq!((terminal.shown().as_str(), uses(&tap)), ("", 3), "nobody is asked");
}

#[test]
fn who_gives_up_is_told_what_to_do() {
    let lab = lab();
    let (_, chain) = lab.persistent(PROTECTED);
    let mut terminal = asked(&lab.with(BY_HANDLE, &chain));
    terminal.wait_for("password for TPM key ").wait_for(": ").type_in("12\x03");
    lab.check("tpm-password-not-given", &ended(&terminal.finish()));
    assert_eq!(lab.tpm.left_behind(), Vec::<u32>::new());
}

/// A file below a parent that has a password, and a run with it.
fn below_a_parent(template: Template) -> (TpmLab, String, Command) {
    let mut lab = lab();
    lab.tpm.make_parent(Parent::SRK, Some("above"));
    let key = lab.tpm.key_under(&template, Parent::SRK);
    let file = lab.file(&key);
    let command = lab.with(&file, &lab.tpm.chain(&key));
    (lab, file, command)
}

#[test]
fn a_person_is_asked_for_the_password_of_the_parent() {
    let (lab, _, command) = below_a_parent(Template::P256);
    let mut terminal = asked(&command);
    terminal.wait_for("password for TPM parent 0x81000001: ").type_in("wrong\n");
    terminal.wait_for("password for TPM parent 0x81000001: ").type_in("above\n");
    is_granted(&mut terminal);
    assert_eq!(lab.tpm.left_behind(), Vec::<u32>::new());
}

#[test]
fn both_passwords_are_asked_for_where_both_are_wanted() {
    let (_lab, _, command) = below_a_parent(PROTECTED);
    let mut terminal = asked(&command);
    terminal.wait_for("password for TPM key ").wait_for(": ").type_in(&format!("{PASSWORD}\n"));
    terminal.wait_for("password for TPM parent 0x81000001: ").type_in("above\n");
    is_granted(&mut terminal);
    let (_lab, _, command) = below_a_parent(NO_DA);
    let mut terminal = asked(&command);
    terminal.wait_for("password for TPM parent 0x81000001: ").type_in("above\n");
    terminal.wait_for("password for TPM key ").wait_for(": ").type_in(&format!("{PASSWORD}\n"));
    is_granted(&mut terminal);
}

#[test]
fn the_password_of_a_parent_or_a_hierarchy_may_be_in_a_file() {
    let (lab, file, mut command) = below_a_parent(PROTECTED);
    command.arg("--pin-file").arg(lab.password(PASSWORD));
    lab.check("tpm-no-terminal-for-the-parents-password", &run(&mut command));
    let (above, wrong) = (lab.password("above"), lab.password("wrong"));
    let with = |source: &std::path::Path| {
        let key = lab.tpm.key_under(&PROTECTED, Parent::SRK);
        let reference = format!("tpm:file={file}?parent-pin-source={}", source.display());
        let mut command = lab.with(&reference, &lab.tpm.chain(&key));
        command.arg("--pin-file").arg(lab.password(PASSWORD));
        command
    };
    granted(&mut with(&above));
    lab.check("tpm-wrong-password-of-the-parent", &run(&mut with(&wrong)));
    let again = run(&mut with(&wrong));
    assert_eq!(again.code, 4, "{}", again.stderr);
    assert!(again.stderr.contains("refused before"), "{}", again.stderr);
}

#[test]
fn a_hierarchy_may_have_a_password_too() {
    let mut lab = lab();
    let key = lab.tpm.key(&NO_DA);
    let (file, chain) = (lab.file(&key), lab.tpm.chain(&key));
    lab.tpm.set_hierarchy_password(Parent::OWNER.hierarchy, "above");
    let mut command = lab.with(&file, &chain);
    command.arg("--pin-file").arg(lab.password(PASSWORD));
    let mut terminal = asked(&command);
    terminal.wait_for("password for TPM parent the owner hierarchy: ").type_in("above\n");
    is_granted(&mut terminal);
    let source = lab.password("above");
    let reference = format!("tpm:file={file}?parent-pin-source={}", source.display());
    let mut command = lab.with(&reference, &chain);
    granted(command.arg("--pin-file").arg(lab.password(PASSWORD)));
    assert_eq!(lab.tpm.left_behind(), Vec::<u32>::new());
    assert_eq!(lab.tpm.lockout().counter, 0);
}

#[test]
fn a_pinentry_asks_for_it_too() {
    let lab = lab();
    lab.tpm.persist(&lab.tpm.key(&PROTECTED), HANDLE);
    let home = std::env::home_dir().expect("home").canonicalize().expect("home");
    let safe = tempfile::Builder::new().prefix(".keyanchor-test-").tempdir_in(home).expect("home");
    let pinentry = Pinentry::new(safe.path(), &[Answer::Pin("wrong"), Answer::Pin(PASSWORD)]);
    let mut command = lab.with(BY_HANDLE, &lab.tpm.chain(&lab.tpm.key(&PROTECTED)));
    granted(command.env("KEYANCHOR_PINENTRY", pinentry.program()));
    let told = pinentry.told("SETDESC");
    assert!(told[0].contains("tpm:handle=0x81000101"), "{told:?}");
    assert_eq!(pinentry.told("GETPIN").len(), 2);
    assert!(
        pinentry.told("SETPROMPT").iter().all(|prompt| !prompt.contains("PIN")),
        "{:?}",
        pinentry.received()
    );
    assert_eq!(lab.tpm.lockout().counter, 1);
}
