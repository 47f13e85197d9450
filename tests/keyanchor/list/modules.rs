//! Which modules are asked where none is named.

use std::path::Path;
use std::process::Command;

use hsm_test::softhsm::SoftHsm;
use serde_json::Value;

use crate::golden::check;
use crate::lab::{Lab, lab, run};
use crate::list::{items, json, list};

fn unnamed(lab: &Lab) -> Command {
    let mut command = list(lab);
    command.env_remove("KEYANCHOR_PKCS11_LIB");
    command
}

/// A module file of the user, in a folder of configuration.
fn register(config: &Path, name: &str, text: &str) {
    let folder = config.join("pkcs11/modules");
    std::fs::create_dir_all(&folder).expect("folder");
    std::fs::write(folder.join(name), text).expect("module file");
}

fn paths(document: &Value) -> Vec<String> {
    let modules = items(document, "modules").iter();
    modules.map(|module| module["path"].as_str().expect("path").to_owned()).collect()
}

#[test]
fn what_is_in_the_usual_places_is_asked_once_and_proxies_are_not() {
    let lab = lab();
    register(
        &lab.hsm.dir().join(".config"),
        "again.module",
        &format!("module: {}\n", SoftHsm::module().display()),
    );
    let paths = paths(&json(&mut unnamed(&lab)));
    for name in ["libsofthsm2.so", "opensc-pkcs11.so"] {
        let count = paths.iter().filter(|path| path.ends_with(&format!("/{name}"))).count();
        assert_eq!(count, 1, "{name} in {paths:?}");
    }
    for name in ["p11-kit-proxy", "p11-kit-trust", "pkcs11-spy", "onepin"] {
        assert!(!paths.iter().any(|path| path.contains(name)), "{name} in {paths:?}");
    }
}

#[test]
fn a_users_module_files_are_where_xdg_says_unless_they_are_not_wanted() {
    let lab = lab();
    let copy = lab.safe.path().join("copy.so");
    std::fs::copy(SoftHsm::module(), &copy).expect("copy");
    let config = lab.hsm.dir().join("xdg");
    register(&config, "copy.module", &format!("module: {}\npriority: 10\n", copy.display()));
    let asked = |command: &mut Command| paths(&json(command)).contains(&copy.display().to_string());
    assert!(!asked(&mut unnamed(&lab)), "not in the usual place");
    assert!(asked(unnamed(&lab).env("XDG_CONFIG_HOME", &config)));
    let mut unwanted = unnamed(&lab);
    assert!(!asked(unwanted.env("XDG_CONFIG_HOME", &config).env("P11_KIT_NO_USER_CONFIG", "1")));
    std::fs::write(config.join("pkcs11/pkcs11.conf"), "user-config: none\n").expect("settings");
    assert!(!asked(unnamed(&lab).env("XDG_CONFIG_HOME", &config)));
    std::fs::write(config.join("pkcs11/pkcs11.conf"), "user-config: only\n").expect("settings");
    assert!(asked(unnamed(&lab).env("XDG_CONFIG_HOME", &config)));
}

#[test]
fn a_registered_module_that_is_gone_is_named() {
    let lab = lab();
    register(&lab.hsm.dir().join(".config"), "gone.module", "module: /nonexistent/gone.so\n");
    let document = json(&mut unnamed(&lab));
    let gone = items(&document, "modules").iter().find(|m| m["path"] == "/nonexistent/gone.so");
    assert_eq!(gone.expect("the module")["problem"]["kind"], "missing");
}

#[test]
fn options_that_cannot_be_used_are_told() {
    let lab = lab();
    let uri = format!("pkcs11:token=lab?pin-value={}", SoftHsm::PIN);
    check("list-key-is-a-uri", &lab, &run(list(&lab).args(["--key", &uri])));
    check("list-unknown-option", &lab, &run(list(&lab).arg("--jsno")));
    check("list-last-try-without-login", &lab, &run(list(&lab).arg("--use-last-try")));
    let two = ["--pkcs11-lib", "/a.so", "--pkcs11-lib", "/b.so", "--pkcs11-init-args", "x"];
    check("list-arguments-for-several-modules", &lab, &run(list(&lab).args(two)));
    let long = "x".repeat(4097);
    let long = ["--pkcs11-lib", "/a.so", "--pkcs11-init-args", &long];
    check("module-with-arguments-that-are-too-long", &lab, &run(list(&lab).args(long)));
    let full = std::fs::File::options().write(true).open("/dev/full").expect("/dev/full");
    let ended = list(&lab).stdout(full).stderr(std::process::Stdio::piped()).output().expect("run");
    check("list-stdout-is-full", &lab, &crate::lab::ended(&ended));
}

#[test]
fn help_fits_a_terminal_and_has_an_example() {
    let lab = lab();
    let help = run(lab.command().args(["list", "--help"]));
    assert_eq!((help.code, help.stderr.as_str()), (0, ""));
    for word in ["--pkcs11-lib", "--login", "--json", "$ keyanchor list", "NO_COLOR"] {
        assert!(help.stdout.contains(word), "{word} is missing from\n{}", help.stdout);
    }
    assert!(help.stdout.lines().all(|line| line.chars().count() <= 100), "{}", help.stdout);
}
