//! `keyanchor list`: what it shows of a real token, and that what it shows can be pasted.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::calls::{Calls, spy};
use crate::lab::{Ended, Lab, lab, run};

mod documented;
mod failures;
mod logins;
mod modules;
mod uris;

fn list(lab: &Lab) -> Command {
    let mut command = lab.command();
    command.arg("list");
    command
}

fn json(command: &mut Command) -> Value {
    let ended = run(command.arg("--json"));
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{}", ended.stdout);
    serde_json::from_str(&ended.stdout).expect("JSON")
}

fn table(command: &mut Command) -> String {
    let ended = run(command);
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{}", ended.stdout);
    ended.stdout
}

fn items<'v>(value: &'v Value, name: &str) -> &'v [Value] {
    value[name].as_array().unwrap_or_else(|| panic!("{name} is no list in {value}"))
}

/// The only token of the only module.
fn token(document: &Value) -> &Value {
    let [module] = items(document, "modules") else { panic!("{document}") };
    let [token] = items(module, "tokens") else { panic!("{document}") };
    token
}

fn key<'v>(token: &'v Value, label: &str) -> &'v Value {
    let found = items(token, "keys").iter().find(|key| key["label"] == label);
    found.unwrap_or_else(|| panic!("no key {label} in {token}"))
}

/// `command` by way of pkcs11-spy, and the calls that it made.
fn spied(lab: &Lab, command: &mut Command, module: &Path) -> (Ended, Calls) {
    let log = lab.hsm.dir().join("spy.log");
    command.arg("--pkcs11-lib").arg(spy()).env("PKCS11SPY", module).env("PKCS11SPY_OUTPUT", &log);
    let ended = run(command);
    (ended, Calls(std::fs::read_to_string(log).expect("the spy's log")))
}

#[test]
fn nothing_is_signed_and_no_login_made() {
    let lab = lab();
    let (ended, calls) = spied(&lab, &mut list(&lab), &hsm_test::softhsm::SoftHsm::module());
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    assert!(ended.stdout.contains("laptop") && calls.of("C_FindObjectsInit") > 0);
    for function in ["C_Login", "C_SignInit", "C_Sign", "C_CreateObject", "C_SetAttributeValue"] {
        assert_eq!(calls.of(function), 0, "{function}");
    }
    assert_eq!(calls.of("C_Finalize"), 1);
}

#[test]
fn whether_a_certificate_is_the_keys_is_told_by_the_public_key() {
    let lab = lab();
    lab.hsm.import_certificate(&lab.hsm.certificate("laptop"), "elsewhere", "77");
    lab.hsm.import_certificate(&lab.hsm.certificate("laptop"), "p384", "03");
    let document = json(&mut list(&lab));
    let token = token(&document);
    let (laptop, p384) = (key(token, "laptop"), key(token, "p384"));
    assert_eq!(
        (&laptop["certificate"], &p384["certificate"]),
        (&"several-valid".into(), &"another-keys".into())
    );
    assert!(items(laptop, "certificates").iter().all(|c| c["belongs"] == true));
    assert_eq!(items(p384, "certificates")[0]["belongs"], false);
    let shown = table(&mut list(&lab));
    assert!(
        shown.contains("certificate: another key's\n") && shown.contains(", another key's\n"),
        "{shown}"
    );
}

#[test]
fn expired_and_future_certificates_are_told_apart() {
    use hsm_test::pki::Leaf;
    use std::time::{Duration, SystemTime};
    let lab = lab();
    let (now, day) = (SystemTime::now(), Duration::from_secs(86_400));
    let validity = |label: &str, id: &str, not_before, not_after| {
        let leaf = Leaf { not_before, not_after, ..Leaf::of(&lab.hsm.public_key_pem(label)) };
        lab.hsm.import_certificate(&lab.write("leaf.pem", &lab.pki().leaf(&leaf)), label, id);
    };
    validity("laptop", "01", now - day * 3, now - day);
    validity("p384", "03", now + day, now + day * 3);
    validity("always", "04", now - day, now + day * 5 + day / 2);
    let document = json(&mut list(&lab));
    for (label, state) in [("laptop", "expired"), ("p384", "not-yet-valid"), ("always", "valid")] {
        assert_eq!(key(token(&document), label)["certificate"], state, "{label}");
    }
    let shown = table(&mut list(&lab));
    for words in
        ["certificate: expired on 20", "certificate: not valid before 20", ", 5 days left\n"]
    {
        assert!(shown.contains(words), "{words} is not in\n{shown}");
    }
}

#[test]
fn keys_that_the_service_does_not_take_are_named() {
    let lab = lab();
    for (label, id, kind) in [
        ("edwards", "61", "EC:edwards25519"),
        ("small", "62", "rsa:1024"),
        ("koblitz", "63", "EC:secp256k1"),
    ] {
        lab.hsm.generate(label, id, kind);
    }
    let document = json(&mut list(&lab));
    for (label, kind) in [("edwards", "Ed25519"), ("small", "RSA-1024"), ("koblitz", "secp256k1")] {
        let key = key(token(&document), label);
        assert_eq!((&key["kind"], &key["supported"]), (&kind.into(), &false.into()));
    }
    assert_eq!(table(&mut list(&lab)).matches("not supported\n").count(), 3);
}

#[test]
fn labels_cannot_reach_the_terminal_or_break_the_json() {
    let lab = lab();
    let label = "a\x1b[2J\"\u{202e}\nb";
    lab.hsm.generate(label, "64", "EC:prime256v1");
    let document = json(&mut list(&lab));
    let key = key(token(&document), label);
    assert_eq!(key["uri"], "pkcs11:token=lab;object=a%1B%5B2J%22%E2%80%AE%0Ab;id=%64");
    let shown = table(&mut list(&lab));
    assert!(shown.contains(r#"    a\u{1b}[2J"\u{202e}\nb  P-256"#), "{shown}");
    assert!(!shown.contains('\x1b') && !shown.contains('\u{202e}'));
}

#[test]
fn key_files_are_shown_and_held_against_certificates() {
    let lab = lab();
    let (private, public) = lab.pki().software_key("EC:P-384");
    let pem = lab.write("key.pem", &private);
    let leaf = lab.write("leaf.pem", &lab.pki().leaf(&hsm_test::pki::Leaf::of(&public)));
    let mut command = list(&lab);
    command.arg("--key").arg(&pem).arg("--certificate").arg(&leaf);
    let document = json(command.arg("--certificate").arg(lab.hsm.chain("laptop")));
    let [file] = items(&document, "key_files") else { panic!("{document}") };
    assert_eq!((&file["kind"], &file["certificate"]), (&"P-384".into(), &"valid".into()));
    let [own] = items(file, "certificates") else { panic!("{file}") };
    assert_eq!((&own["belongs"], own["file"].as_str()), (&true.into(), leaf.to_str()));
    let laptop = key(token(&document), "laptop");
    assert_eq!(laptop["certificate"], "valid", "a file's certificate counts for a token's key");
    let mut other = list(&lab);
    other.arg("--key").arg(&pem).arg("--certificate").arg(lab.hsm.chain("laptop"));
    let shown = table(&mut other);
    assert!(shown.contains("P-384  certificate: another key's\n"), "{shown}");
    let missing = json(list(&lab).args(["--key", "/nonexistent.pem"]));
    assert_eq!(items(&missing, "key_files")[0]["problem"]["cause"], "no such file or directory");
}

#[test]
fn more_than_an_answer_can_hold_is_counted() {
    let lab = lab();
    let label = "long".repeat(150);
    lab.hsm.import_certificate(&lab.hsm.certificate("laptop"), &label, "90");
    let (folder, object) = objects(&lab)
        .into_iter()
        .max_by_key(|(path, _)| {
            std::fs::metadata(path).and_then(|data| data.modified()).expect("time")
        })
        .map(|(path, text)| (path.parent().expect("folder").to_owned(), text))
        .expect("object");
    for number in 0..300 {
        let name = format!("00000000-0000-0000-0000-{number:012}");
        std::fs::write(folder.join(format!("{name}.object")), &object).expect("object");
        std::fs::write(folder.join(format!("{name}.lock")), "").expect("lock");
    }
    let document = json(&mut list(&lab));
    let token = token(&document);
    let under = items(key(token, "laptop"), "certificates").len();
    let shown = under + items(token, "certificates").len();
    let more = token["more_certificates"].as_u64().expect("number") as usize;
    assert_eq!(shown + more, 303, "all are counted");
    assert!((100..=256).contains(&shown), "{shown} are shown");
    assert_eq!(items(token, "keys").len(), 4, "the keys come first");
    assert!(table(&mut list(&lab)).contains(&format!("and {more} certificates more\n")));
}

/// The files of SoftHSM's objects, and what is in them.
fn objects(lab: &Lab) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let tokens = std::fs::read_dir(lab.hsm.dir().join("tokens")).expect("tokens").flatten();
    let files = tokens.flat_map(|token| std::fs::read_dir(token.path()).expect("token").flatten());
    let objects = files.map(|file| file.path());
    let objects = objects.filter(|path| {
        path.extension().is_some_and(|extension| extension == "object")
            && path.file_name().is_some_and(|name| name != "token.object")
    });
    objects
        .map(|path| {
            let text = std::fs::read(&path).expect("object");
            (path, text)
        })
        .collect()
}

#[test]
fn other_tools_count_the_same_keys_and_certificates() {
    let lab = lab();
    lab.hsm.import_certificate(&lab.hsm.certificate("laptop"), "laptop", "01");
    let module = hsm_test::softhsm::SoftHsm::module();
    let document = json(&mut list(&lab));
    let keys = items(token(&document), "keys");
    let under: usize = keys.iter().map(|key| items(key, "certificates").len()).sum();
    let certificates = under + items(token(&document), "certificates").len();
    let output = |command: &mut Command| {
        let output = command.envs(lab.hsm.command_env()).output().expect("a tool of the lab");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let mut pkcs11_tool = Command::new("pkcs11-tool");
    pkcs11_tool.arg("--module").arg(&module).args(["--token-label", "lab", "-O"]);
    let seen = output(&mut pkcs11_tool);
    let count = |word: &str| seen.lines().filter(|line| line.starts_with(word)).count();
    assert_eq!(
        (count("Public Key Object"), count("Certificate Object")),
        (keys.len(), certificates)
    );
    let mut p11tool = Command::new("p11tool");
    p11tool.arg("--provider").arg(&module).args(["--batch", "--list-all", "pkcs11:token=lab"]);
    let seen = output(&mut p11tool);
    let count = |class: &str| seen.matches(&format!(";type={class}\n")).count();
    assert_eq!((count("public"), count("cert")), (keys.len(), certificates), "{seen}");
}
