//! What is on a token and what is not: keys without one of their halves, twins, certificates in two
//! places, nothing at all. And the module that holds it, in use by another program.

use std::process::Command;
use std::time::{Duration, Instant};

use hsm_test::pki::Leaf;

use crate::golden::check;
use crate::lab::{Lab, lab, run};

/// `credential-process` for that key, without a certificate.
fn with_key(lab: &Lab, label: &str) -> Command {
    let mut command = lab.credential_process();
    command.args(["--key", &lab.uri(label)]);
    command
}

#[test]
fn a_key_whose_private_half_is_gone_cannot_be_used() {
    let lab = lab();
    lab.hsm.delete_private_key("laptop");
    check("key-without-its-private-half", &lab, &run(&mut lab.with_key("laptop")));
    assert!(lab.server.requests().is_empty());
}

#[test]
fn a_key_whose_public_half_nothing_tells_needs_its_certificate() {
    let lab = lab();
    lab.hsm.delete_public_key("laptop");
    check("key-without-its-public-half", &lab, &run(&mut with_key(&lab, "laptop")));
}

#[test]
fn private_keys_that_nothing_tells_apart_are_not_guessed() {
    let lab = lab();
    lab.hsm.generate("twin", "71", "EC:prime256v1");
    let leaf = lab.pki().leaf(&Leaf::of(&lab.hsm.public_key_pem("twin")));
    let leaf = lab.write("leaf.pem", &leaf);
    lab.hsm.generate("twin", "71", "EC:prime256v1");
    // The certificate decides on the public half, and leads to two private ones.
    let ended = run(with_key(&lab, "twin").arg("--certificate").arg(leaf));
    check("private-keys-of-one-label-and-id", &lab, &ended);
    assert!(lab.server.requests().is_empty());
}

#[test]
fn a_token_without_any_key_is_said_to_have_none() {
    let lab = lab();
    lab.hsm.add_token("second");
    let uri = lab.uri("laptop").replace("token=lab", "token=second");
    let with = |options: &[&str]| run(lab.credential_process().args(options));
    check("token-without-a-key", &lab, &with(&["--key", &uri]));
    let (key, _) = lab.pki().software_key("EC:P-256");
    let key = lab.write("key.pem", &key).display().to_string();
    let ended = with(&["--key", &key, "--certificate", &uri]);
    check("token-without-a-certificate", &lab, &ended);
}

#[test]
fn certificates_on_two_tokens_are_both_named() {
    let lab = lab();
    lab.hsm.add_token("second");
    let certificate = lab.hsm.certificate("laptop");
    lab.hsm.import_certificate(&certificate, "mine", "55");
    lab.hsm.import_certificate_to("second", &certificate, "mine", "55");
    let mut ended = run(with_key(&lab, "laptop").args(["--certificate", "pkcs11:object=mine"]));
    // Tokens come in no particular order.
    let [first, second] =
        ["lab", "second"].map(|token| format!("pkcs11:token={token};object=mine;id=%55"));
    ended.stderr =
        ended.stderr.replace(&format!("{second}, {first}"), &format!("{first}, {second}"));
    check("certificates-on-two-tokens", &lab, &ended);
}

#[test]
fn a_module_that_another_process_keeps_to_itself_is_waited_for_and_then_said() {
    let lab = lab();
    crate::lab::granted(&mut lab.with_key("laptop"));
    let mut locks =
        std::fs::read_dir(lab.hsm.dir().join("run/hosts")).expect("the folder for locks");
    let lock = locks.find_map(|entry| {
        let path = entry.expect("an entry").path();
        path.file_name()?.to_str()?.starts_with("pkcs11-").then_some(path)
    });
    let held = std::fs::File::open(lock.expect("the module's lock")).expect("its lock");
    held.lock().expect("nobody has it");
    let start = Instant::now();
    let ended = run(lab.with_key("laptop").args(["--timeout", "4s"]));
    check("module-in-use-by-another-process", &lab, &ended);
    assert!(start.elapsed() > Duration::from_secs(1), "{:?}", start.elapsed());
    let mut patient = lab.with_key("laptop");
    patient.args(["--timeout", "1s", "--wait", "60s"]).stdout(std::process::Stdio::piped());
    let patient = patient.spawn().expect("keyanchor starts");
    // Longer than its own time.
    std::thread::sleep(Duration::from_secs(3));
    drop(held);
    assert!(patient.wait_with_output().expect("it ends").status.success());
    crate::lab::granted(&mut lab.with_key("laptop"));
}
