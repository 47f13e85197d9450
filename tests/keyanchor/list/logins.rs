//! `--login`: which tokens are logged in to, with which PIN, and when nothing is tried.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use hsm_test::softhsm::SoftHsm;
use hsm_test::terminal::Terminal;
use serde_json::Value;

use crate::calls::Calls;
use crate::lab::{Lab, bare, lab, named_fault, run};
use crate::list::{items, json, key, list, spied, table, token};

/// The provisioned token without its public objects: nothing of its keys can be seen.
fn hiding() -> Lab {
    let lab = lab();
    ["laptop", "rsa2048", "p384", "always"].iter().for_each(|key| lab.hsm.delete_public_key(key));
    lab
}

fn with_login(lab: &Lab) -> Command {
    let mut command = list(lab);
    command.arg("--login").env("KEYANCHOR_PIN_FILE", lab.hsm.pin_file());
    command
}

#[test]
fn a_token_that_hides_its_objects_shows_them_after_a_login() {
    let lab = hiding();
    let before = json(&mut list(&lab));
    assert_eq!(
        (items(token(&before), "keys").len(), &token(&before)["hides_objects"]),
        (0, &true.into())
    );
    assert!(table(&mut list(&lab)).contains("    a login may show more: --login\n"));
    let after = json(&mut with_login(&lab));
    let token = token(&after);
    assert_eq!(
        (items(token, "keys").len(), &token["logged_in"], &token["hides_objects"]),
        (4, &true.into(), &false.into())
    );
    for (label, kind, certificate) in
        [("laptop", "P-256", "none"), ("p384", "P-384", "none"), ("rsa2048", "RSA-2048", "valid")]
    {
        let key = key(token, label);
        assert_eq!((&key["kind"], &key["private"]), (&kind.into(), &"seen".into()));
        assert_eq!(key["certificate"], certificate, "{label}");
    }
}

#[test]
fn a_login_is_made_once_and_nothing_is_signed() {
    let lab = hiding();
    let (ended, calls) = spied(&lab, &mut with_login(&lab), &SoftHsm::module());
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    assert_eq!((calls.of("C_Login"), calls.of("C_SignInit")), (1, 0));
}

#[test]
fn a_public_key_whose_private_half_is_nowhere_is_told() {
    let lab = lab();
    let delete = ["--delete-object", "--type", "privkey", "--label", "laptop"];
    let mut tool = Command::new("pkcs11-tool");
    tool.arg("--module").arg(SoftHsm::module()).args([
        "--token-label",
        "lab",
        "--login",
        "--pin",
        SoftHsm::PIN,
    ]);
    assert!(
        tool.args(delete)
            .envs(lab.hsm.command_env())
            .output()
            .expect("pkcs11-tool")
            .status
            .success()
    );
    assert_eq!(key(token(&json(&mut list(&lab))), "laptop")["private"], "hidden");
    assert_eq!(key(token(&json(&mut with_login(&lab))), "laptop")["private"], "absent");
    assert!(table(&mut with_login(&lab)).contains("without its private half\n"));
}

/// A login to a token with these flags: what is told of it, and the calls.
fn flagged(flags: &str, options: &[&str]) -> (Value, Calls) {
    let lab = hiding();
    let module = named_fault(&lab, "flagged", &format!("C_GetTokenInfo * flags +{flags}"));
    let mut command = with_login(&lab);
    command.arg("--json").args(options);
    let (ended, calls) = spied(&lab, &mut command, &module);
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    (token(&serde_json::from_str(&ended.stdout).expect("JSON")).clone(), calls)
}

#[test]
fn a_locked_token_is_left_alone() {
    for options in [&[][..], &["--use-last-try"]] {
        let (token, calls) = flagged("0x40000", options);
        assert_eq!((&token["pin"], &token["problem"]["kind"]), (&"locked".into(), &"pin".into()));
        assert_eq!(calls.of("C_Login"), 0);
    }
}

#[test]
fn the_last_try_is_used_only_by_name() {
    let (token, calls) = flagged("0x20000", &[]);
    assert_eq!((&token["pin"], calls.of("C_Login")), (&"last-try".into(), 0));
    assert!(token["problem"]["hint"].as_str().is_some_and(|hint| hint.contains("--use-last-try")));
    let (token, calls) = flagged("0x20000", &["--use-last-try"]);
    assert_eq!((&token["logged_in"], calls.of("C_Login")), (&true.into(), 1));
}

#[test]
fn few_tries_are_told_without_a_login() {
    let lab = lab();
    let wrong = lab.write("wrong", "000000");
    let ended = run(with_login(&lab).env("KEYANCHOR_PIN_FILE", wrong));
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(ended.stdout.contains("    wrong PIN for token 'lab'\n"), "{}", ended.stdout);
    let shown = table(&mut list(&lab));
    assert!(shown.contains("    a wrong PIN was entered before; few tries are left\n"), "{shown}");
    assert_eq!(token(&json(&mut list(&lab)))["pin"], "few-tries");
}

#[test]
fn one_pin_is_not_sent_to_two_tokens() {
    let lab = hiding();
    lab.hsm.add_token("second");
    let mut command = with_login(&lab);
    let (ended, calls) = spied(&lab, command.arg("--json"), &SoftHsm::module());
    assert_eq!(calls.of("C_Login"), 0);
    let document: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    for token in items(&items(&document, "modules")[0], "tokens") {
        let label = token["label"].as_str().expect("label");
        let error = format!("the PIN that is configured was not tried on token '{label}'");
        assert_eq!(token["problem"]["error"].as_str(), Some(error.as_str()));
        assert_eq!(token["problem"]["cause"], "it is for one token, and 2 tokens want one");
    }
}

#[test]
fn a_token_that_two_modules_show_gets_one_pin() {
    let lab = hiding();
    let twin: PathBuf = lab.safe.path().join("twin.so");
    std::fs::copy(SoftHsm::module(), &twin).expect("twin");
    let mut command = with_login(&lab);
    let document =
        json(command.arg("--pkcs11-lib").arg(SoftHsm::module()).arg("--pkcs11-lib").arg(twin));
    let logged_in = |module: &Value| items(module, "tokens")[0]["logged_in"].clone();
    let logins: Vec<_> = items(&document, "modules").iter().map(logged_in).collect();
    assert_eq!(logins, [Value::from(true), Value::from(false)]);
}

#[test]
fn without_a_pin_and_a_terminal_the_rest_is_shown() {
    let lab = hiding();
    let shown = table(list(&lab).arg("--login"));
    assert!(shown.contains("    no terminal to ask for the PIN of token 'lab'\n"), "{shown}");
}

/// `list` on a terminal, which is all that its stdout and stderr are.
fn on_a_terminal(lab: &Lab, variables: &[(&str, &str)], options: &[&str]) -> Terminal {
    let mut command = bare(&list(lab));
    command.env("TERM", "xterm").envs(variables.iter().copied()).args(options);
    let mut terminal = Terminal::open();
    terminal.start(&command);
    terminal
}

#[test]
fn a_person_is_asked_and_their_time_does_not_count() {
    let lab = hiding();
    let mut terminal = on_a_terminal(&lab, &[], &["--login"]);
    terminal.wait_for("PIN for token 'lab': ");
    std::thread::sleep(Duration::from_secs(4));
    terminal.type_in(&format!("{}\n", SoftHsm::PIN));
    assert!(terminal.finish().status.success());
    let shown = terminal.shown();
    assert!(!shown.contains(SoftHsm::PIN), "{shown}");
    assert!(shown.contains("pkcs11:token=lab;object=laptop;id=%01"), "{shown}");
}

#[test]
fn colour_is_for_a_terminal_that_can_show_it_and_a_person_who_wants_it() {
    let lab = lab();
    let shown = |variables: &[_], options: &[&str]| {
        let mut terminal = on_a_terminal(&lab, variables, options);
        terminal.finish();
        terminal.shown()
    };
    let coloured = shown(&[], &[]);
    assert!(coloured.contains("\x1b[32mcertificate: valid until"), "{coloured}");
    assert!(shown(&[("NO_COLOR", "")], &[]).contains("\x1b["), "empty is not set");
    for variable in [("NO_COLOR", "1"), ("TERM", "dumb"), ("TERM", "")] {
        let plain = shown(&[variable], &[]);
        assert!(plain.contains("laptop") && !plain.contains('\x1b'), "{variable:?}: {plain}");
    }
    assert!(!shown(&[], &["--json"]).contains('\x1b'));
    assert!(!table(list(&lab).env("TERM", "xterm")).contains('\x1b'), "a pipe is no terminal");
}
