//! What a wrong password costs: one command, and one step of the TPM's counter where the key is under
//! its protection. The commands are counted by a tap, the steps by tpm2_getcap.

use std::time::Duration;

use hsm_test::swtpm::{Tap, Template, Usage};

use super::runs::{BY_HANDLE, HANDLE, NO_DA, PASSWORD, PROTECTED, uses};
use super::{TpmLab, lab};
use crate::lab::{granted, run};

/// A key at its handle and in its file.
fn both(lab: &TpmLab, template: Template) -> ([String; 2], std::path::PathBuf) {
    let (key, chain) = lab.persistent(template);
    ([BY_HANDLE.to_owned(), lab.file(&key)], chain)
}

/// A wrong password in a file: once it costs `steps`, and then nothing until the file has changed.
fn costs_one_try(template: Template, steps: u32) {
    let lab = lab();
    let tap = Tap::start(&lab.tpm);
    let (references, chain) = both(&lab, template);
    for reference in references {
        let file = lab.password("wrong");
        let mut command = lab.with(&reference, &chain);
        command.arg("--pin-file").arg(&file);
        let (first, uses, counted) = lab.counted(&tap, &mut command);
        assert_eq!((first.code, uses, counted), (4, 1, steps), "{reference}: {}", first.stderr);
        for _ in 0..2 {
            let (again, uses, counted) = lab.counted(&tap, &mut command);
            assert_eq!((again.code, uses, counted), (4, 0, 0), "{reference}: {}", again.stderr);
            assert!(again.stderr.contains("refused"), "{}", again.stderr);
        }
        std::fs::write(&file, PASSWORD).expect("the password is put right");
        let (right, uses, counted) = lab.counted(&tap, &mut command);
        assert_eq!((right.code, uses, counted), (0, 1, 0), "{reference}: {}", right.stderr);
        std::fs::remove_file(file).expect("the file is ours");
        lab.tpm.clear_lockout();
    }
    assert_eq!(lab.server.requests().len(), 2);
}

#[test]
fn a_wrong_password_costs_one_try_and_none_while_its_file_is_the_same() {
    costs_one_try(PROTECTED, 1);
}

#[test]
fn a_wrong_password_of_a_key_for_decryption_costs_one_try_too() {
    costs_one_try(Template { usage: Usage::Decrypt, ..Template { protected: true, ..RSA } }, 1);
}

const RSA: Template = Template { password: Some(PASSWORD), ..Template::RSA2048 };

#[test]
fn a_wrong_password_of_a_key_without_protection_is_sent_once_and_not_counted() {
    costs_one_try(NO_DA, 0);
}

#[test]
fn what_the_tpm_says_to_a_wrong_password_is_told() {
    let lab = lab();
    let (_, chain) = lab.persistent(PROTECTED);
    let mut one = lab.with(BY_HANDLE, &chain);
    one.arg("--pin-file").arg(lab.password("one"));
    lab.check("tpm-wrong-password-names-tries-left", &run(&mut one));
    lab.check("tpm-password-that-was-refused-before", &run(&mut one));
    let mut last = lab.with(BY_HANDLE, &chain);
    last.arg("--pin-file").arg(lab.password("two"));
    lab.check("tpm-wrong-password-leaves-one-try", &run(&mut last));
    lab.check("tpm-password-at-the-last-try", &run(&mut last));
    last.arg("--use-last-try");
    std::fs::write(lab.password("two"), "three").expect("another password");
    lab.check("tpm-wrong-password-was-the-last-try", &run(&mut last));
    lab.check("tpm-in-lock-out", &run(&mut last));
}

#[test]
fn a_wrong_password_of_a_key_without_protection_is_told() {
    let lab = lab();
    let (_, chain) = lab.persistent(NO_DA);
    let mut command = lab.with(BY_HANDLE, &chain);
    command.arg("--pin-file").arg(lab.password("wrong"));
    lab.check("tpm-wrong-password-without-protection", &run(&mut command));
}

#[test]
fn the_last_try_is_left_alone_unless_it_is_asked_for_by_name() {
    let lab = lab();
    let tap = Tap::start(&lab.tpm);
    let (references, chain) = both(&lab, PROTECTED);
    for reference in references {
        lab.tpm.enter_wrong(HANDLE, 2);
        let with = |password: &str, options: &[&str]| {
            let mut command = lab.with(&reference, &chain);
            command.arg("--pin-file").arg(lab.password(password)).args(options);
            lab.counted(&tap, &mut command)
        };
        let (ended, uses, counted) = with(PASSWORD, &[]);
        assert_eq!((ended.code, uses, counted), (4, 0, 0), "{reference}: {}", ended.stderr);
        assert!(ended.stderr.contains("only one try is left"), "{}", ended.stderr);
        let (ended, uses, counted) = with(PASSWORD, &["--use-last-try"]);
        assert_eq!((ended.code, uses, counted), (0, 1, 0), "{reference}: {}", ended.stderr);
        let (ended, uses, counted) = with("wrong", &["--use-last-try"]);
        assert_eq!((ended.code, uses, counted), (4, 1, 1), "{reference}: {}", ended.stderr);
        assert!(lab.tpm.lockout().locked);
        for options in [&[][..], &["--use-last-try"]] {
            let (ended, uses, counted) = with(PASSWORD, options);
            assert_eq!((ended.code, uses, counted), (4, 0, 0), "{reference}: {}", ended.stderr);
            assert!(ended.stderr.contains("within 17 min"), "it heals: {}", ended.stderr);
        }
        lab.tpm.clear_lockout();
    }
}

#[test]
fn a_lock_out_heals_when_it_says() {
    let lab = lab();
    let (_, chain) = lab.persistent(PROTECTED);
    lab.tpm.enter_wrong(HANDLE, 3);
    lab.tpm.set_lockout(3, Duration::from_secs(2));
    let mut command = lab.with(BY_HANDLE, &chain);
    command.arg("--use-last-try").arg("--pin-file").arg(lab.password(PASSWORD));
    if lab.tpm.lockout().locked {
        assert!(run(&mut command).stderr.contains("within 2 s"));
    }
    std::thread::sleep(Duration::from_secs(3));
    granted(&mut command);
}

#[test]
fn keys_without_protection_are_used_in_lock_out() {
    let lab = lab();
    let (_, _) = lab.persistent(PROTECTED);
    lab.tpm.enter_wrong(HANDLE, 3);
    let key = lab.tpm.key(&NO_DA);
    let mut command = lab.with(&lab.file(&key), &lab.tpm.chain(&key));
    granted(command.arg("--pin-file").arg(lab.password(PASSWORD)));
}

#[test]
fn fifty_callers_with_one_wrong_password_cost_two_tries_at_most() {
    let lab = lab();
    let tap = Tap::start(&lab.tpm);
    let (references, chain) = both(&lab, PROTECTED);
    // so many that the last of them is not what stops us
    lab.tpm.set_lockout(200, Duration::from_secs(1000));
    let wrong = lab.password("wrong");
    for reference in references {
        std::fs::write(&wrong, format!("wrong for {}", reference.len())).expect("a new file");
        let (before, used) = (lab.tpm.lockout().counter, uses(&tap));
        let codes: Vec<_> = std::thread::scope(|scope| {
            let caller = || {
                let mut command = lab.with(&reference, &chain);
                command.arg("--pin-file").arg(&wrong).args(["--timeout", "120s"]);
                run(command.env("KEYANCHOR_TCTI", tap.tcti())).code
            };
            let runs: Vec<_> = (0..50).map(|_| scope.spawn(caller)).collect();
            runs.into_iter().map(|run| run.join().expect("a run")).collect()
        });
        assert_eq!(codes, [4; 50], "{reference}");
        let (counted, uses) = (lab.tpm.lockout().counter - before, uses(&tap) - used);
        assert!((1..=2).contains(&counted), "{reference}: {counted} tries");
        assert_eq!(uses, counted as usize, "{reference}");
    }
    assert!(lab.server.requests().is_empty());
}

#[test]
fn without_a_password_and_a_person_nothing_is_tried() {
    let lab = lab();
    let tap = Tap::start(&lab.tpm);
    let (references, chain) = both(&lab, PROTECTED);
    for reference in references {
        let (ended, uses, counted) = lab.counted(&tap, &mut lab.with(&reference, &chain));
        assert_eq!((ended.code, uses, counted), (4, 0, 0), "{reference}: {}", ended.stderr);
        assert!(ended.stderr.contains("no terminal to ask for the password"), "{}", ended.stderr);
    }
    lab.check("tpm-no-terminal-for-the-password", &run(&mut lab.with(BY_HANDLE, &chain)));
}

/// tpm2_encodeobject writes the opposite of what is true: an empty password is tried, as for a key that
/// has none. That is tried once, never as the last try, and a password that is given is the only one sent.
#[test]
fn a_file_that_says_wrongly_that_it_has_no_password_costs_one_try_and_not_the_last() {
    let lab = lab();
    let tap = Tap::start(&lab.tpm);
    let (key, chain) = lab.persistent(PROTECTED);
    let file = lab.copy(&lab.tpm.file_by_tpm2_tools(&key));
    let mut with_it = lab.with(&file, &chain);
    with_it.arg("--pin-file").arg(lab.password(PASSWORD));
    let (ended, uses, counted) = lab.counted(&tap, &mut with_it);
    assert_eq!((ended.code, uses, counted), (0, 1, 0), "{}", ended.stderr);
    for (uses_then, counted_then) in [(1, 1), (0, 0), (0, 0)] {
        let (ended, uses, counted) = lab.counted(&tap, &mut lab.with(&file, &chain));
        assert_eq!((ended.code, uses, counted), (4, uses_then, counted_then), "{}", ended.stderr);
    }
    assert!(lab.forget().contains("refused"));
    lab.tpm.enter_wrong(HANDLE, 1);
    let (ended, uses, counted) = lab.counted(&tap, &mut lab.with(&file, &chain));
    assert_eq!((ended.code, uses, counted), (4, 0, 0), "{}", ended.stderr);
}
