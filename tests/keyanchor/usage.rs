//! The command line is wrong: what is said, with what would be right, and never a secret.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use hsm_test::softhsm::SoftHsm;

use crate::golden::check;
use crate::lab::{Lab, granted, lab, run};

/// `credential-process` with nothing but these words.
fn alone(name: &str, words: &[&str]) {
    let lab = lab();
    let ended = run(lab.command().arg("credential-process").args(words));
    assert_eq!(ended.code, 2, "{name}: {}", ended.stderr);
    check(name, &lab, &ended);
}

/// The journey of a key, with more words.
fn journey(lab: &Lab, words: &[&str]) -> std::process::Command {
    let mut command = lab.with_key("laptop");
    command.args(words);
    command
}

#[test]
fn an_option_that_is_nearly_right_is_recognised_with_its_value_too() {
    alone("unknown-option-with-a-value", &["--sesion-duration=900"]);
    alone("unknown-option-hides-its-value", &["--pin-value=648219"]);
    alone("unknown-short-option", &["-k", "x"]);
    let lab = lab();
    let early = run(lab.command().args(["--debug", "credential-process"]));
    check("option-before-the-command", &lab, &early);
}

#[test]
fn an_option_without_a_value_or_with_one_too_many_is_named() {
    alone("option-without-a-value", &["--role-arn"]);
    alone("option-followed-by-an-option", &["--role-arn", "--debug"]);
    alone("option-with-an-empty-value", &["--role-arn", ""]);
    alone("option-with-an-empty-path", &["--ca-bundle="]);
    alone("switch-with-a-value", &["--debug=true"]);
}

#[test]
fn only_what_is_missing_is_named() {
    alone("missing-options-but-no-key", &["--certificate", "combined.pem"]);
    alone("missing-role-only", &["--key", "x", "--trust-anchor-arn", "a", "--profile-arn", "b"]);
}

#[test]
fn an_option_given_twice_counts_once_if_it_says_the_same() {
    let lab = lab();
    let role = lab.server.role_arn();
    let words = ["--role-arn", &role, &format!("--role-arn={role}"), "--fips", "--fips"];
    let ended = run(&mut journey(&lab, &words));
    assert!(ended.stderr.contains("and FIPS"), "both were taken: {}", ended.stderr);
    granted(&mut journey(&lab, &words[..3]));
    let other = ["--role-arn", "arn:aws:iam::111122223333:role/Other"];
    check("option-twice-with-different-values", &lab, &run(&mut journey(&lab, &other)));
    let uri = format!("pkcs11:token=lab?pin-value={}", SoftHsm::PIN);
    let certificate = ["--certificate", &uri];
    check("option-twice-that-may-hold-a-pin", &lab, &run(&mut journey(&lab, &certificate)));
}

/// What a shell leaves of a line with a URI that is not in quotes, and what an INI file's reader
/// makes of a line that goes on below.
#[test]
fn a_line_that_was_cut_is_recognised() {
    alone("uri-cut-at-a-semicolon", &["--key", "pkcs11:token=lab"]);
    alone("uri-cut-at-an-ampersand", &["--key=pkcs11:token=lab?pin-source=/run/pin"]);
    alone("line-continued-with-a-backslash", &["\\"]);
    alone("line-continued-by-its-reader", &["\n--key", "x"]);
    let lab = lab();
    let cut = "exec \"$0\" credential-process --key pkcs11:token=lab;object=laptop?pin-source=/x";
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", cut, env!("CARGO_BIN_EXE_keyanchor")]);
    check("uri-cut-at-a-semicolon", &lab, &run(&mut shell));
    let whole = ["--key", "pkcs11:token=lab;object=laptop"];
    let ended = run(lab.command().arg("credential-process").args(whole));
    assert!(!ended.stderr.contains("cut"), "{}", ended.stderr);
}

#[test]
fn bytes_that_are_no_text_are_refused_where_text_is_wanted() {
    let lab = lab();
    let latin1 = |text: &str| -> OsString {
        let bytes: Vec<u8> = text.bytes().map(|b| if b == b'?' { 0xe9 } else { b }).collect();
        OsStr::from_bytes(&bytes).to_owned()
    };
    let with = |option: &str, value: OsString| {
        let mut command = lab.credential_process();
        if option != "--key" {
            command.args(["--key", "x"]);
        }
        run(command.arg(option).arg(value))
    };
    check("option-that-is-not-text", &lab, &with("--region", latin1("caf?")));
    check("uri-that-is-not-text", &lab, &with("--key", latin1("pkcs11:token=caf?")));
}

/// What stands in `~/.aws/config` can be looked into as it stands there.
#[test]
fn explain_and_doctor_take_every_option_of_credential_process() {
    let lab = lab();
    let options = |verb: &str| {
        let help = run(lab.command().args([verb, "--help"])).stdout;
        let lines = help.lines().filter_map(|line| line.trim_start().strip_prefix("--"));
        let names = lines.filter_map(|line| line.split([' ', '\n']).next().map(str::to_owned));
        names.collect::<std::collections::BTreeSet<_>>()
    };
    let all = options("credential-process");
    assert!(all.len() > 25 && all.contains("no-cache"), "{all:?}");
    for verb in ["explain", "doctor"] {
        let own = options(verb);
        let missing: Vec<_> = all.difference(&own).collect();
        assert!(missing.is_empty(), "{verb}: {missing:?}");
    }
}
