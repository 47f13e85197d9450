//! A PIN that was refused is not sent again, by this run or another, until something has changed.

use std::process::Command;

use hsm_test::softhsm::SoftHsm;

use super::{finish, for_key, on_terminal, typed, wrong_file};
use crate::calls::{Calls, spy};
use crate::golden::check;
use crate::lab::{Ended, Lab, granted, lab, run, under};

/// A run with a witness, and how often it logged in.
fn spied(lab: &Lab, command: &mut Command) -> (Ended, usize) {
    let log = lab.hsm.dir().join("spy.log");
    let _ = std::fs::remove_file(&log);
    command.arg("--pkcs11-lib").arg(spy()).env("PKCS11SPY", SoftHsm::module());
    let ended = run(command.env("PKCS11SPY_OUTPUT", &log));
    let calls = Calls(std::fs::read_to_string(log).unwrap_or_default());
    (ended, calls.of("C_Login"))
}

fn with_variable(lab: &Lab, pin: &str) -> Command {
    let mut command = for_key(lab, "laptop");
    command.args(["--pin-env", "PIN_OF_LAB"]).env("PIN_OF_LAB", pin);
    command
}

fn with_file(lab: &Lab, file: &std::path::Path) -> Command {
    let mut command = for_key(lab, "laptop");
    command.arg("--pin-file").arg(file);
    command
}

fn forget(lab: &Lab, options: &[&str]) -> String {
    let ended = run(lab.command().args(["pin", "forget"]).args(options));
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    ended.stdout
}

#[test]
fn a_file_is_read_again_once_it_has_changed() {
    let lab = lab();
    let file = wrong_file(&lab);
    let (first, logins) = spied(&lab, &mut with_file(&lab, &file));
    assert_eq!((first.code, logins), (4, 1), "{}", first.stderr);
    for _ in 0..2 {
        let (again, logins) = spied(&lab, &mut with_file(&lab, &file));
        check("pin-file-that-was-refused-before", &lab, &again);
        assert_eq!(logins, 0);
    }
    lab.write("wrong", SoftHsm::PIN);
    granted(&mut with_file(&lab, &file));
}

#[test]
fn what_is_not_a_file_is_not_sent_again_until_that_is_said() {
    let lab = lab();
    let (first, logins) = spied(&lab, &mut with_variable(&lab, "00000000"));
    assert_eq!((first.code, logins), (4, 1), "{}", first.stderr);
    // Nobody can know that it is another one now.
    let (again, logins) = spied(&lab, &mut with_variable(&lab, SoftHsm::PIN));
    check("pin-that-was-refused-before", &lab, &again);
    assert_eq!(logins, 0);
    granted(&mut with_file(&lab, &lab.hsm.pin_file()));
    let told = forget(&lab, &[]);
    assert!(told.starts_with("token lab: a PIN that was not in a file, refused 20"), "{told}");
    granted(&mut with_variable(&lab, SoftHsm::PIN));
    assert_eq!(forget(&lab, &[]), "no refused PIN was remembered\n");
}

/// systemd makes it anew with each start of a service, which it may start for ever.
#[test]
fn a_credential_that_was_made_anew_may_be_the_same() {
    let lab = lab();
    let start = |folder: &str| {
        let folder = lab.hsm.dir().join(folder);
        std::fs::create_dir(&folder).expect("a folder");
        std::fs::rename(wrong_file(&lab), folder.join("pin")).expect("a credential");
        let mut command = for_key(&lab, "laptop");
        command.args(["--pin-credential", "pin"]).env("CREDENTIALS_DIRECTORY", folder);
        spied(&lab, &mut command)
    };
    for (folder, expected) in [("once", 1), ("again", 0)] {
        let (ended, logins) = start(folder);
        assert_eq!((ended.code, logins), (4, expected), "{}", ended.stderr);
    }
}

#[test]
fn what_could_not_be_remembered_is_not_sent_where_a_wrong_one_was_already() {
    let lab = lab();
    assert_eq!(run(&mut with_file(&lab, &wrong_file(&lab))).code, 4);
    let other = lab.write("other", "11111111");
    // The signal would end SoftHSM, which writes at its start, if it were not set aside.
    let line = "exec prlimit --fsize=0 \"$0\" \"$@\"";
    let full = run(&mut under(&with_file(&lab, &other), &["sh", "-c", line]));
    assert_eq!(full.code, 3, "{}", full.stderr);
    assert!(full.stderr.contains("refused PINs cannot be used"), "{}", full.stderr);
    assert!(full.stderr.contains(".json: file too large"), "{}", full.stderr);
}

#[test]
fn all_that_is_forgotten_is_named() {
    let lab = lab();
    let file = wrong_file(&lab);
    let _ = (run(&mut with_file(&lab, &file)), run(&mut with_variable(&lab, "00000000")));
    assert_eq!(forget(&lab, &["--token", "another"]), "no refused PIN was remembered\n");
    let told: serde_json::Value =
        serde_json::from_str(&forget(&lab, &["--token", "lab", "--json"])).expect("JSON");
    let forgotten = told["forgotten"].as_array().expect("a list");
    let files: Vec<_> = forgotten.iter().map(|it| it["file"].as_str()).collect();
    assert!(files.contains(&None) && files.contains(&file.to_str()), "{told}");
    assert!(forgotten.iter().all(|it| it["token"] == "lab"), "{told}");
    assert_eq!(spied(&lab, &mut with_file(&lab, &file)).1, 1, "it may be sent again");
}

#[test]
fn a_person_is_asked_for_what_is_not_sent_again_and_makes_it_good() {
    let lab = lab();
    let file = wrong_file(&lab);
    for (mut command, place) in [
        (with_variable(&lab, "00000000"), "the variable of --pin-env".to_owned()),
        (with_file(&lab, &file), file.display().to_string()),
    ] {
        assert_eq!(run(&mut command).code, 4);
        let mut terminal = on_terminal(&command);
        terminal.wait_for(&format!("the PIN in {place} was refused before; few tries are left"));
        terminal.wait_for("PIN for token 'lab': ").type_in(&typed());
        assert_eq!(finish(&mut terminal).code, 0, "{}", terminal.shown());
    }
    granted(&mut with_variable(&lab, SoftHsm::PIN));
    let (file_again, logins) = spied(&lab, &mut with_file(&lab, &file));
    assert_eq!((file_again.code, logins), (4, 0), "its content is the same still");
}

#[test]
fn a_record_that_cannot_be_read_forbids_to_send_anything() {
    let lab = lab();
    let file = wrong_file(&lab);
    assert_eq!(run(&mut with_file(&lab, &file)).code, 4);
    let folder = std::fs::read_dir(lab.hsm.dir().join("run/hosts")).expect("run").flatten();
    let records = folder.filter(|it| it.file_name().to_string_lossy().starts_with("refused-"));
    let record = records.map(|it| it.path()).next().expect("a record");
    let text = std::fs::read_to_string(&record).expect("record");
    assert!(!text.contains("00000000") && text.contains("\"token\":\"lab\""), "{text}");
    std::fs::write(&record, "{").expect("record");
    let (ended, logins) = spied(&lab, &mut with_file(&lab, &file));
    assert_eq!((ended.code, logins), (3, 0), "{}", ended.stderr);
    assert!(ended.stderr.contains("not a record of refused PINs"), "{}", ended.stderr);
    assert_eq!(forget(&lab, &[]), "no refused PIN was remembered\n");
    assert_eq!(spied(&lab, &mut with_file(&lab, &file)).1, 1);
}

#[test]
fn what_cannot_be_forgotten_is_an_error() {
    let lab = lab();
    let mut command = lab.command();
    command.args(["pin", "forget"]).env("KEYANCHOR_RUNTIME_DIR", lab.hsm.pin_file());
    check("pin-memory-that-is-no-folder", &lab, &run(&mut command));
    check("pin-without-a-command", &lab, &run(lab.command().arg("pin")));
}
