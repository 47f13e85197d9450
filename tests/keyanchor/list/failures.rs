//! Modules that hang, crash, or may not be loaded: each is named with the reason, and the others
//! are shown all the same.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use hsm_test::softhsm::SoftHsm;
use serde_json::Value;

use crate::errors::loaded;
use crate::golden::check;
use crate::lab::{Lab, lab, named_fault, run};
use crate::list::{items, json, list, table};

fn with(lab: &Lab, modules: &[&Path]) -> Command {
    let mut command = list(lab);
    modules.iter().for_each(|module| {
        command.arg("--pkcs11-lib").arg(module);
    });
    command
}

/// Another module with the same token.
fn twin(lab: &Lab) -> PathBuf {
    let twin = lab.safe.path().join("twin.so");
    std::fs::copy(SoftHsm::module(), &twin).expect("twin");
    twin
}

/// What the JSON says of the module at that path.
fn of<'v>(document: &'v Value, path: &Path) -> &'v Value {
    let named = |module: &&Value| module["path"].as_str() == path.to_str();
    items(document, "modules").iter().find(named).unwrap_or_else(|| panic!("{document}"))
}

#[test]
fn of_three_modules_one_hangs_and_the_others_are_shown_in_time() {
    let lab = lab();
    let (hanging, twin) = (named_fault(&lab, "hangs", "C_Initialize * sleep forever"), twin(&lab));
    let softhsm = SoftHsm::module().canonicalize().expect("module");
    let start = Instant::now();
    let document = json(&mut with(&lab, &[&softhsm, &hanging, &twin]));
    let whole = start.elapsed();
    for good in [&softhsm, &twin] {
        let module = of(&document, good);
        assert_eq!(items(&items(module, "tokens")[0], "keys").len(), 4);
        assert!(module["milliseconds"].as_u64().is_some_and(|time| time < 3500), "{module}");
    }
    let problem = &of(&document, &hanging)["problem"];
    assert_eq!((&problem["kind"], &problem["exit_code"]), (&"hung".into(), &6.into()));
    let error = problem["error"].as_str().expect("error");
    assert!(error.ends_with("did not return from C_Initialize within 3s"), "{error}");
    // Three seconds, and what a busy machine adds; one after the other would be more than this.
    assert!((Duration::from_secs(3)..Duration::from_secs(8)).contains(&whole), "{whole:?}");
}

#[test]
fn a_module_has_its_time_in_all_and_not_for_each_call() {
    let lab = lab();
    let slow = named_fault(&lab, "slow", "C_GetAttributeValue * sleep 400ms");
    let mut command = with(&lab, &[&slow, &SoftHsm::module()]);
    let document = json(command.args(["--timeout", "2s"]));
    assert_eq!(of(&document, &slow)["problem"]["kind"], "hung", "{document}");
}

#[test]
fn every_kind_of_failure_is_named_beside_the_good_ones() {
    let lab = lab();
    let crash = named_fault(&lab, "crashes", "C_Initialize * segv");
    let exit = named_fault(&lab, "exits", "C_Initialize * exit 3");
    let refuses = named_fault(&lab, "refuses", "C_Initialize * rv 0x6");
    let not_one = lab.safe.path().join("not-one.so");
    std::fs::copy(loaded("libgcc_s.so"), &not_one).expect("copy");
    let open = lab.safe.path().join("open.so");
    std::fs::copy(SoftHsm::module(), &open).expect("copy");
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o777)).expect("chmod");
    let missing = PathBuf::from("/nonexistent.so");
    let good = SoftHsm::module();
    let all: [&Path; 7] = [&crash, &exit, &refuses, &not_one, &open, &missing, &good];
    let document = json(&mut with(&lab, &all));
    for (path, kind, words) in [
        (&crash, "crashed", "crashed (signal 11) in C_Initialize"),
        (&exit, "crashed", "ended its process (status 3) in C_Initialize"),
        (&refuses, "failed", "C_Initialize failed on"),
        (&not_one, "unusable", "is not a usable PKCS#11 module"),
        (&open, "unsafe", "is not safe to load"),
        (&missing, "missing", "there is no PKCS#11 module"),
    ] {
        let problem = &of(&document, path)["problem"];
        assert_eq!(problem["kind"], kind, "{problem}");
        assert!(problem["error"].as_str().is_some_and(|error| error.contains(words)), "{problem}");
        assert!(problem["hint"].is_string() && problem["cause"].is_string() || kind == "crashed");
    }
    let shown = table(&mut with(&lab, &all));
    for words in [
        "crashed (signal 11) in C_Initialize",
        "is not safe to load\n    others can write to it",
        "laptop",
    ] {
        assert!(shown.contains(words), "{words} is not in\n{shown}");
    }
    let headings: Vec<_> = all.iter().map(|path| path.display().to_string()).collect();
    let fits = |line: &str| line.chars().count() <= 80 || headings.iter().any(|h| line == h);
    assert!(shown.lines().all(fits), "{shown}");
}

#[test]
fn where_no_module_answers_the_error_is_that_of_the_first() {
    let lab = lab();
    let crash = named_fault(&lab, "crashes", "C_Initialize * segv");
    let ended = run(&mut with(&lab, &[&crash]));
    assert!(ended.stdout.contains("  the PKCS#11 module crashed (signal 11) in C_Initialize\n"));
    let ended = crate::lab::Ended { stdout: String::new(), ..ended };
    check("list-module-crashes", &lab, &ended);
}

#[test]
fn a_module_without_a_token_is_an_answer() {
    let lab = lab();
    let empty =
        lab.write("empty.conf", &format!("directories.tokendir = {}\n", lab.safe.path().display()));
    let shown = table(list(&lab).env("SOFTHSM2_CONF", &empty));
    assert!(
        shown.ends_with(
            "  no token\n\nno token is in sight: insert one, or name its module with --pkcs11-lib\n"
        ),
        "{shown}"
    );
    assert_eq!(
        items(&items(&json(list(&lab).env("SOFTHSM2_CONF", empty)), "modules")[0], "tokens").len(),
        0
    );
}

#[test]
fn a_token_that_cannot_be_read_does_not_hide_the_others() {
    let lab = lab();
    lab.hsm.add_token("second");
    let module = named_fault(&lab, "second", "C_GetTokenInfo * unparsable second");
    let document = json(&mut with(&lab, &[&module]));
    assert_eq!(crate::list::token(&document)["label"], "lab");
}
