//! A PIN for unattended use: from each place where it can be, in one order, and what is said where it
//! cannot be read.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use hsm_test::softhsm::SoftHsm;

use super::{for_key, wrong_file};
use crate::golden::check;
use crate::lab::{Ended, Lab, fault, granted, lab, run, under};

/// A program that prints a text.
fn printing(lab: &Lab, text: &str) -> String {
    let file = lab.write("printed", text);
    format!("/bin/cat '{}'", file.display())
}

/// The command, run by a shell that redirects file descriptors.
fn redirected(command: &Command, redirection: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("exec \"$@\" {redirection}"), "sh"]).arg(command.get_program());
    shell.args(command.get_args()).env_clear();
    shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell
}

fn with(lab: &Lab, options: &[&str]) -> Command {
    let mut command = for_key(lab, "laptop");
    command.args(options);
    command
}

#[test]
fn a_file_a_variable_a_credential_and_a_program_give_the_pin() {
    let lab = lab();
    let file = lab.hsm.pin_file();
    granted(with(&lab, &["--pin-file"]).arg(&file));
    granted(with(&lab, &["--pin-env", "PIN_OF_LAB"]).env("PIN_OF_LAB", SoftHsm::PIN));
    granted(with(&lab, &["--pin-credential", "pin"]).env("CREDENTIALS_DIRECTORY", lab.hsm.dir()));
    granted(with(&lab, &["--pin-command"]).arg(printing(&lab, &format!("{}\n", SoftHsm::PIN))));
    assert_eq!(lab.server.requests().len(), 4);
}

#[test]
fn a_file_descriptor_gives_the_pin_and_stdin_is_one() {
    let lab = lab();
    let file = lab.hsm.pin_file().display().to_string();
    granted(&mut redirected(&with(&lab, &["--pin-fd", "7"]), &format!("7<'{file}'")));
    granted(&mut redirected(&with(&lab, &["--pin-fd", "0"]), &format!("<'{file}'")));
    // A pipe, whose writer has ended before it is read.
    let pipe = format!("7<<END\n{}\nEND", SoftHsm::PIN);
    granted(&mut redirected(&with(&lab, &["--pin-fd", "7"]), &pipe));
}

#[test]
fn a_named_pipe_whose_writer_has_gone_gives_what_is_in_it() {
    let lab = lab();
    let pipe = lab.hsm.dir().join("pipe").display().to_string();
    let command = with(&lab, &["--pin-fd", "7"]);
    let line = format!(
        "mkfifo -m 600 '{pipe}'; exec 8<>'{pipe}' 7<'{pipe}'; echo {} >&8; exec 8>&-; exec \"$@\"",
        SoftHsm::PIN
    );
    granted(&mut under(&command, &["sh", "-c", &line, "sh"]));
}

#[test]
fn a_program_that_leaves_another_behind_is_not_waited_for() {
    let lab = lab();
    let line = format!("sleep 30 & echo {}", SoftHsm::PIN);
    let start = Instant::now();
    granted(with(&lab, &["--pin-command"]).arg(format!("/bin/sh -c '{line}'")));
    assert!(start.elapsed() < Duration::from_secs(25), "{:?}", start.elapsed());
}

#[test]
fn an_option_counts_before_the_uri_and_the_uri_before_the_environment() {
    let lab = lab();
    let (right, wrong) = (lab.hsm.pin_file(), wrong_file(&lab));
    granted(
        lab.credential_process()
            .args(["--key", &format!("pkcs11:object=laptop?pin-source={}", wrong.display())])
            .arg("--certificate")
            .arg(lab.hsm.chain("laptop"))
            .arg("--pin-file")
            .arg(&right)
            .env("KEYANCHOR_PIN_FILE", &wrong),
    );
    granted(lab.with_key("laptop").env("KEYANCHOR_PIN_FILE", &wrong));
    granted(for_key(&lab, "laptop").env("KEYANCHOR_PIN_FILE", &right));
}

/// A program that asks a person is waited for as one would be, without the token's lock.
#[test]
fn a_program_may_take_longer_than_a_run() {
    let lab = lab();
    let program = lab.safe.path().join("slow");
    let script = format!("#!/bin/sh\nsleep 3\necho {}\n", SoftHsm::PIN);
    crate::lab::install(lab.write("script", &script), &program);
    let option = program.display().to_string();
    let mut slow = with(&lab, &["--timeout", "2s", "--pin-command", &option]);
    slow.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let slow = slow.spawn().expect("the program starts");
    granted(&mut lab.with_key("rsa2048"));
    let output = slow.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn fails(name: &str, lab: &Lab, command: &mut Command) {
    check(name, lab, &run(command));
    assert!(lab.server.requests().is_empty(), "{name}");
}

#[test]
fn a_source_that_gives_no_pin_says_why() {
    let lab = lab();
    fails("pin-variable-that-is-not-set", &lab, &mut with(&lab, &["--pin-env", "PIN_OF_LAB"]));
    fails(
        "pin-credential-outside-a-service",
        &lab,
        &mut with(&lab, &["--pin-credential", "lab-pin"]),
    );
    fails(
        "pin-credential-that-is-missing",
        &lab,
        with(&lab, &["--pin-credential", "lab-pin"]).env("CREDENTIALS_DIRECTORY", lab.hsm.dir()),
    );
    fails("pin-program-that-fails", &lab, &mut with(&lab, &["--pin-command", "/bin/false 1"]));
    fails(
        "pin-program-that-is-missing",
        &lab,
        &mut with(&lab, &["--pin-command", "/no/such/program"]),
    );
    let long = printing(&lab, &"1".repeat(2000));
    fails("pin-program-that-says-too-much", &lab, with(&lab, &["--pin-command"]).arg(long));
    fails(
        "pin-descriptor-that-is-empty",
        &lab,
        &mut redirected(&with(&lab, &["--pin-fd", "5"]), "5</dev/null"),
    );
    fails(
        "pin-value-that-is-too-long",
        &lab,
        lab.credential_process()
            .args(["--key", &format!("pkcs11:object=laptop?pin-value={}", "1".repeat(300))])
            .arg("--certificate")
            .arg(lab.hsm.chain("laptop")),
    );
}

#[test]
fn options_about_the_pin_that_cannot_be_are_told_and_not_shown() {
    let lab = lab();
    for (name, options) in [
        (
            "pin-options-that-exclude-each-other",
            ["--pin-env", "A", "--pin-credential", "b"].as_slice(),
        ),
        ("pin-option-twice-is-not-shown", &["--pin-env", "PIN648219", "--pin-env", "OTHER648219"]),
        ("pin-fd-that-is-no-number", &["--pin-fd", "648219x"]),
        ("pin-fd-of-stdout", &["--pin-fd", "1"]),
        ("pin-fd-that-is-not-open", &["--pin-fd", "9"]),
        ("pin-env-that-is-no-name", &["--pin-env", "648219"]),
        ("pin-credential-that-is-a-path", &["--pin-credential", "../648219"]),
        ("pin-command-without-a-path", &["--pin-command", "pass 648219"]),
        ("pin-command-with-an-open-quote", &["--pin-command", "/bin/echo '648219"]),
    ] {
        let ended: Ended = run(&mut with(&lab, options));
        check(name, &lab, &ended);
        assert!(!ended.stderr.contains("648219"), "{name}: {}", ended.stderr);
    }
    let mut list = lab.command();
    check("list-pin-without-login", &lab, &run(list.args(["list", "--pin-env", "A"])));
}

#[test]
fn nobody_is_asked_where_that_was_forbidden() {
    let lab = lab();
    let mut terminal = super::on_terminal(&with(&lab, &["--no-prompt"]));
    check("pin-that-nobody-may-be-asked-for", &lab, &super::finish(&mut terminal));
    assert_eq!(terminal.shown(), "");
}

#[test]
fn a_token_without_a_pin_is_told_so() {
    let lab = lab();
    let fault = fault(&lab, "C_GetTokenInfo * flags -0x8");
    let mut command = lab.with_key("laptop");
    check("pin-that-was-never-set", &lab, &run(command.arg("--pkcs11-lib").arg(fault.module())));
    assert_eq!(fault.calls("C_Login"), 0);
}
