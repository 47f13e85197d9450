//! A TPM that refuses, breaks, hangs or is another one: each has its words, and what is put off only is
//! got over.

use std::time::{Duration, Instant};

use hsm_test::swtpm::{Fault, Parent, Swtpm, Tap, Template, code};

use super::runs::{BY_HANDLE, HANDLE, NO_DA, PASSWORD, PROTECTED};
use super::{TpmLab, lab};
use crate::lab::{Ended, granted, run};

/// A run by handle or from the file, at whose command the TPM's answer is that.
fn with_fault(template: Template, by_handle: bool, command: u32, fault: Fault) -> (TpmLab, Ended) {
    let lab = lab();
    let tap = Tap::start(&lab.tpm);
    tap.order(command, .., fault);
    let (key, chain) = lab.persistent(template);
    let reference = if by_handle { BY_HANDLE.to_owned() } else { lab.file(&key) };
    let mut run = lab.with(&reference, &chain);
    if template.password.is_some() {
        run.arg("--pin-file").arg(lab.password(PASSWORD));
    }
    let ended = crate::lab::run(run.env("KEYANCHOR_TCTI", tap.tcti()));
    (lab, ended)
}

/// The answer to a command is that return code.
fn refused(name: &str, by_handle: bool, command: u32, code: u32) {
    let (lab, ended) = with_fault(Template::P256, by_handle, command, Fault::Refuse(code));
    lab.check(name, &ended);
    assert!(ended.stderr.contains(&format!("{code:#x}")), "{}", ended.stderr);
    assert_eq!(lab.tpm.left_behind(), Vec::<u32>::new(), "{name}");
}

#[test]
fn each_return_code_of_a_signature_is_a_sentence() {
    for (name, code) in [
        ("tpm-key-takes-no-password", 0x12f),
        ("tpm-attributes-forbid-it", 0x182),
        ("tpm-value-is-refused", 0x1c4),
        ("tpm-key-may-not-sign", 0x19c),
        ("tpm-key-wants-a-policy", 0x99d),
        ("tpm-scheme-does-not-fit", 0x2d2),
        ("tpm-code-that-is-unknown", 0x1a6),
    ] {
        refused(name, true, code::SIGN, code);
    }
}

#[test]
fn each_return_code_of_a_load_is_a_sentence() {
    for (name, command, code) in [
        ("tpm-hierarchy-is-not-enabled", code::CREATE_PRIMARY, 0x185),
        ("tpm-parent-is-of-another-type", code::LOAD, 0x18a),
        ("tpm-size-is-refused", code::LOAD, 0x1d5),
        ("tpm-out-of-memory", code::LOAD, 0x904),
    ] {
        refused(name, false, command, code);
    }
}

#[test]
fn a_storage_key_that_cannot_be_had_is_named() {
    let (lab, ended) = with_fault(NO_DA, true, code::CREATE_PRIMARY, Fault::Refuse(0x185));
    lab.check("tpm-storage-key-that-cannot-be-made", &ended);
}

#[test]
fn return_codes_of_passwords_are_sentences_wherever_they_come() {
    for (name, code) in [
        ("tpm-read-wants-a-password", 0x9a2),
        ("tpm-read-wants-a-protected-password", 0x98e),
        ("tpm-read-in-lock-out", 0x921),
    ] {
        refused(name, true, code::READ_PUBLIC, code);
    }
}

#[test]
fn a_lock_out_that_comes_with_the_signature_is_said() {
    let (lab, ended) = with_fault(PROTECTED, true, code::SIGN, Fault::Refuse(0x921));
    lab.check("tpm-in-lock-out-by-others", &ended);
}

#[test]
fn a_tpm_that_puts_commands_off_for_ever_is_given_up() {
    std::thread::scope(|scope| {
        for (name, code) in [
            ("tpm-yields", 0x908),
            ("tpm-tests-itself", 0x90a),
            ("tpm-slows-down", 0x920),
            ("tpm-is-busy", 0x922),
        ] {
            scope.spawn(move || refused(name, true, code::SIGN, code));
        }
    });
}

#[test]
fn commands_that_a_tpm_puts_off_are_sent_again() {
    let lab = lab();
    let (key, chain) = lab.persistent(NO_DA);
    let file = lab.file(&key);
    let password = lab.password(PASSWORD);
    for (command, reference) in [
        (code::SIGN, BY_HANDLE),
        (code::READ_PUBLIC, BY_HANDLE),
        (code::START_AUTH_SESSION, &file),
        (code::CREATE_PRIMARY, &file),
        (code::LOAD, &file),
        (code::FLUSH_CONTEXT, &file),
    ] {
        let tap = Tap::start(&lab.tpm);
        tap.order(command, 1..=2, Fault::Refuse(0x922));
        tap.order(command, 3..=3, Fault::Refuse(0x908));
        tap.order(command, 4..=4, Fault::Refuse(0x90a));
        let mut run = lab.with(reference, &chain);
        run.env("KEYANCHOR_TCTI", tap.tcti());
        granted(run.arg("--pin-file").arg(&password));
        assert!(tap.count(command) >= 5, "{command:#x}: {} times", tap.count(command));
        assert_eq!(lab.tpm.left_behind(), Vec::<u32>::new(), "{command:#x}");
    }
}

#[test]
fn a_tpm_that_is_full_for_a_moment_is_waited_for() {
    let lab = lab();
    let (key, chain) = lab.persistent(NO_DA);
    let tap = Tap::start(&lab.tpm);
    tap.order(code::LOAD, 1..=3, Fault::Refuse(0x902));
    tap.order(code::START_AUTH_SESSION, 1..=3, Fault::Refuse(0x903));
    let mut run = lab.with(&lab.file(&key), &chain);
    run.env("KEYANCHOR_TCTI", tap.tcti()).arg("--pin-file").arg(lab.password(PASSWORD));
    granted(&mut run);
}

#[test]
fn answers_that_are_none_are_errors_in_words() {
    for (name, fault) in [
        ("tpm-closes-the-connection", Fault::Close),
        ("tpm-answers-garbage", Fault::Octets(b"no answer of any TPM at all".into())),
        ("tpm-answers-nothing-but-success", Fault::hollow()),
        ("tpm-answers-too-much", Fault::oversized()),
        ("tpm-answers-a-part", Fault::Truncate(20)),
        ("tpm-answers-a-part-of-a-header", Fault::Truncate(5)),
    ] {
        let start = Instant::now();
        let (lab, ended) = with_fault(Template::P256, true, code::SIGN, fault);
        lab.check(name, &ended);
        assert!(start.elapsed() < Duration::from_secs(30), "{name}: {:?}", start.elapsed());
        assert!(lab.server.requests().is_empty(), "{name}");
    }
}

/// Whichever command it is: an error, in time, and nothing is sent to the service.
#[test]
fn garbage_at_any_command_is_an_error_in_words() {
    for command in [
        code::READ_PUBLIC,
        code::GET_CAPABILITY,
        code::CREATE_PRIMARY,
        code::START_AUTH_SESSION,
        code::LOAD,
        code::SIGN,
    ] {
        for fault in [Fault::garbage(), Fault::hollow(), Fault::oversized(), Fault::Close] {
            let by_handle = [code::READ_PUBLIC, code::GET_CAPABILITY].contains(&command);
            let (lab, ended) = with_fault(PROTECTED, by_handle, command, fault.clone());
            assert!([3, 6].contains(&ended.code), "{command:#x} {fault:?}: {}", ended.stderr);
            assert!(lab.server.requests().is_empty(), "{command:#x} {fault:?}");
        }
    }
}

#[test]
fn a_signature_that_is_not_the_keys_is_not_sent() {
    let lab = lab();
    let (_, chain) = lab.persistent(Template::P256);
    let tap = Tap::start(&lab.tpm);
    let mut run = lab.with(BY_HANDLE, &chain);
    granted(run.env("KEYANCHOR_TCTI", tap.tcti()));
    // a bit of r is another one
    let mut signature = answer_to(&tap.answered(), &tap.commands(), code::SIGN);
    signature[25] ^= 1;
    let other = Tap::start(&lab.tpm);
    other.order(code::SIGN, .., Fault::Octets(signature));
    run.env("KEYANCHOR_TCTI", other.tcti());
    lab.check("tpm-signature-that-does-not-verify", &crate::lab::run(&mut run));
    assert_eq!(lab.server.requests().len(), 1);
}

/// The answer to the last command of that code.
fn answer_to(mut answers: &[u8], commands: &[u32], wanted: u32) -> Vec<u8> {
    let mut found = Vec::new();
    for command in commands {
        let size = u32::from_be_bytes(answers[2..6].try_into().expect("four octets")) as usize;
        if *command == wanted {
            found = answers[..size].to_vec();
        }
        answers = &answers[size..];
    }
    found
}

#[test]
fn a_tpm_that_hangs_is_given_up_at_the_deadline() {
    let lab = lab();
    let (_, chain) = lab.persistent(Template::P256);
    let mut command = lab.with(BY_HANDLE, &chain);
    lab.tpm.pause();
    let start = Instant::now();
    lab.check("tpm-hangs", &run(command.args(["--timeout", "3s"])));
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    lab.tpm.resume();
    granted(&mut lab.with(BY_HANDLE, &chain));
    let (hung, ended) = with_fault(Template::P256, true, code::SIGN, Fault::Silence);
    hung.check("tpm-hangs-while-it-signs", &ended);
}

#[test]
fn a_tpm_that_is_dead_was_not_started_or_failed_is_said() {
    let mut lab = lab();
    let (_, chain) = lab.persistent(Template::P256);
    let by_handle = |lab: &TpmLab| run(&mut lab.with(BY_HANDLE, &chain));
    lab.tpm.reset();
    lab.check("tpm-was-not-started", &by_handle(&lab));
    lab.tpm.restart();
    lab.tpm.fail();
    lab.check("tpm-in-failure-mode", &by_handle(&lab));
    lab.tpm.restart();
    lab.tpm.kill();
    lab.check("tpm-is-not-running", &by_handle(&lab));
    lab.tpm.restart();
    assert_eq!(by_handle(&lab).code, 0);
}

#[test]
fn a_file_of_another_tpm_is_said() {
    let lab = lab();
    let foreign = Swtpm::foreign();
    let key = foreign.key(&Template::P256);
    let mut command = lab.with(&lab.copy(&foreign.file(&key)), &foreign.chain(&key));
    lab.check("tpm-key-of-another-tpm", &run(&mut command));
    assert_eq!(lab.tpm.left_behind(), Vec::<u32>::new());
    // the same after this one was cleared
    let key = lab.tpm.key(&Template::P256);
    let mut command = lab.with(&lab.file(&key), &lab.tpm.chain(&key));
    granted(&mut command);
    let cleared = lab.tpm.tpm2("clear").args(["-c", "p"]).status().expect("tpm2_clear");
    assert!(cleared.success());
    lab.tpm.flush();
    assert!(run(&mut command).stderr.contains("TPM_RC_INTEGRITY"));
}

/// A password goes to the TPM that it went to before, or to none.
#[test]
fn a_password_is_not_sent_to_another_tpm() {
    let lab = lab();
    let tap = Tap::start(&lab.tpm);
    let (_, chain) = lab.persistent(NO_DA);
    let mut command = lab.with(BY_HANDLE, &chain);
    command.env("KEYANCHOR_TCTI", tap.tcti()).arg("--pin-file").arg(lab.password(PASSWORD));
    granted(&mut command);
    let foreign = Swtpm::foreign();
    let key = foreign.key(&NO_DA);
    foreign.persist(&key, HANDLE);
    tap.exchange(&foreign);
    command = lab.with(BY_HANDLE, &foreign.chain(&key));
    command.env("KEYANCHOR_TCTI", tap.tcti()).arg("--pin-file").arg(lab.password(PASSWORD));
    let signatures = tap.count(code::SIGN);
    lab.check("tpm-is-another-one", &run(&mut command));
    assert_eq!(tap.count(code::SIGN), signatures, "nothing was signed with the password");
    assert_eq!(foreign.left_behind(), Vec::<u32>::new());
    tap.exchange(&lab.tpm);
    command = lab.with(BY_HANDLE, &chain);
    command.env("KEYANCHOR_TCTI", tap.tcti()).arg("--pin-file").arg(lab.password(PASSWORD));
    granted(&mut command);
}

#[test]
fn a_storage_key_that_was_exchanged_is_not_trusted() {
    let mut lab = lab();
    let rsa = Parent { rsa: true, ..Parent::SRK };
    lab.tpm.make_parent(rsa, None);
    let (_, chain) = lab.persistent(NO_DA);
    let mut command = lab.with(BY_HANDLE, &chain);
    command.arg("--pin-file").arg(lab.password(PASSWORD));
    granted(&mut command);
    lab.tpm.evict(Parent::SRK.handle());
    lab.tpm.make_parent(Parent::SRK, None);
    let ended = run(&mut command);
    assert!(ended.stderr.contains("does not have the storage key of before"), "{}", ended.stderr);
    // the way out that the hint names
    let folder = lab.folder.path().join("run/hosts");
    let records: Vec<_> = std::fs::read_dir(folder).expect("folder").flatten().collect();
    let record = records.iter().find(|file| file.file_name().to_string_lossy().contains("salt"));
    let record = record.expect("a record").path();
    assert!(ended.stderr.contains(&record.display().to_string()), "{}", ended.stderr);
    std::fs::write(&record, "{}").expect("record");
    lab.check("tpm-record-that-is-none", &run(&mut command));
    std::fs::remove_file(record).expect("record");
    granted(&mut command);
}
