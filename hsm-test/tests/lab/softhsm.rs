//! Tokens: what the script provisions, how often, and that nothing can be taken out.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use hsm_test::softhsm::SoftHsm;

use crate::client::{argument, pipe};

const LABELS: [&str; 4] = ["laptop", "rsa2048", "p384", "always"];

fn pkcs11_tool(hsm: &SoftHsm, arguments: &[&str]) -> Output {
    let mut command = Command::new("pkcs11-tool");
    command.envs(hsm.command_env()).env("PIN", SoftHsm::PIN).arg("--module").arg(SoftHsm::module());
    command.args(["--token-label", "lab", "--login", "--pin", "env:PIN"]).args(arguments);
    command.output().expect("pkcs11-tool is installed")
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn provision(directory: &Path) -> String {
    said(
        &Command::new(SoftHsm::provisioning_script())
            .arg(directory)
            .output()
            .expect("the script runs"),
    )
}

/// Every certificate and object file of a directory with its content.
fn files(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let listing = Command::new("find")
        .arg(directory)
        .args(["-type", "f"])
        .output()
        .expect("find is installed");
    let mut paths: Vec<String> = said(&listing).lines().map(String::from).collect();
    paths.sort();
    // the token's own file changes with every login
    paths.retain(|path| {
        !path.ends_with("token.object") && !path.ends_with(".lock") && !path.ends_with("generation")
    });
    paths.into_iter().map(|path| (path.clone(), fs::read(path).expect("a readable file"))).collect()
}

#[test]
fn provisioning_twice_changes_nothing() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let first = provision(directory.path());
    assert!(first.contains("made  key laptop"), "{first}");
    let before = files(directory.path());
    assert!(before.len() > 20, "{before:?}");
    let second = provision(directory.path());
    let work: Vec<&str> = second
        .lines()
        .filter(|line| line.starts_with("made") || line.starts_with("wrote"))
        .collect();
    assert!(work.is_empty(), "{second}");
    assert!(files(directory.path()) == before, "a file has changed");
}

#[test]
fn a_half_finished_run_is_completed() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    provision(directory.path());
    let laptop = fs::read(directory.path().join("certs/laptop.pem")).expect("a certificate");
    fs::remove_file(directory.path().join("certs/p384.pem")).expect("a certificate");
    fs::remove_file(directory.path().join("certs/rsa2048.pem")).expect("a certificate");
    let again = provision(directory.path());
    for line in
        ["kept  key p384", "made  certificate p384", "wrote certificate rsa2048 on the token"]
    {
        assert!(again.contains(line), "{line} is not in {again}");
    }
    assert_eq!(fs::read(directory.path().join("certs/laptop.pem")).expect("a certificate"), laptop);
}

#[test]
fn no_key_can_be_exported() {
    let hsm = SoftHsm::provisioned();
    let listing = said(&pkcs11_tool(&hsm, &["--list-objects", "--type", "privkey"]));
    assert_eq!(
        listing.matches("sensitive, always sensitive, never extractable, local").count(),
        4,
        "{listing}"
    );
    assert_eq!(listing.matches("Private Key Object").count(), 4, "{listing}");
    let stored = format!("{:?}", files(&hsm.dir().join("ca")));
    assert!(stored.contains("intermediate.key"), "{stored}");
}

/// Signs with a token of its own, and has openssl verify with the certificate's key.
fn sign_and_verify() -> Vec<u8> {
    let hsm = SoftHsm::provisioned();
    let file = |name: &str| hsm.dir().join(name);
    let [message, signature, public] = ["message", "signature", "public"].map(file);
    fs::write(&message, b"hello").expect("the directory is writable");
    // by id: pkcs11-tool 0.23 takes any key when it is told a label
    let key = ["--id", "02", "--mechanism", "SHA256-RSA-PKCS", "--sign"];
    let input = ["--input-file", argument(&message)];
    let output = ["--output-file", argument(&signature)];
    said(&pkcs11_tool(&hsm, &[&key[..], &input, &output].concat()));
    let pem = certified_key(&hsm.certificate("rsa2048"));
    fs::write(&public, pem).expect("the directory is writable");
    let mut verify = Command::new("openssl");
    verify.args(["dgst", "-sha256", "-verify", argument(&public)]);
    pipe(verify.args(["-signature", argument(&signature)]), b"hello")
}

/// The public key inside a certificate, PEM.
fn certified_key(certificate: &Path) -> String {
    let read = ["x509", "-noout", "-pubkey", "-in", argument(certificate)];
    String::from_utf8_lossy(&pipe(Command::new("openssl").args(read), b"")).into_owned()
}

#[test]
fn provisioned_tokens_can_be_had_by_eight_at_once() {
    std::thread::scope(|scope| {
        let signers: Vec<_> = (0..8).map(|_| scope.spawn(sign_and_verify)).collect();
        for signer in signers {
            assert_eq!(signer.join().expect("no panic"), b"Verified OK\n");
        }
    });
}

#[test]
fn each_certificate_is_of_its_key_and_verifies() {
    let hsm = SoftHsm::provisioned();
    for label in LABELS {
        let certificate = hsm.certificate(label);
        let key = certified_key(&certificate);
        assert_eq!(key, hsm.public_key_pem(label), "{label}");
        let (root, chain) = (hsm.pki().root_pem_path(), hsm.chain(label));
        let verify =
            ["verify", "-x509_strict", "-CAfile", argument(&root), "-untrusted", argument(&chain)];
        pipe(Command::new("openssl").args(verify).arg(&certificate), b"");
    }
}

#[test]
fn one_key_always_authenticates() {
    let hsm = SoftHsm::provisioned();
    let listing = said(&pkcs11_tool(&hsm, &["--list-objects", "--type", "privkey"]));
    let keys = listing.split("Private Key Object").skip(1);
    let always: Vec<&str> = keys.filter(|key| key.contains("always authenticate")).collect();
    assert_eq!(always.len(), 1, "{listing}");
    assert!(always[0].contains("label:      always\n"), "{listing}");
}

#[test]
fn an_empty_token_takes_keys_certificates_and_neighbours() {
    let hsm = SoftHsm::empty();
    assert_eq!(said(&pkcs11_tool(&hsm, &["--list-objects"])), "");
    hsm.generate("p521", "0a", "EC:secp521r1");
    assert!(hsm.public_key_pem("p521").starts_with("-----BEGIN PUBLIC KEY-----"));
    let other = SoftHsm::provisioned();
    hsm.import_certificate(&other.certificate("laptop"), "imported", "0b");
    hsm.delete_public_key("p521");
    let listing = said(&pkcs11_tool(&hsm, &["--list-objects"]));
    assert!(
        listing.contains("Private Key Object") && listing.contains("Certificate Object"),
        "{listing}"
    );
    assert!(!listing.contains("Public Key Object"), "{listing}");
    hsm.add_token("second");
    let mut list = Command::new("pkcs11-tool");
    list.envs(hsm.command_env()).arg("--list-token-slots").arg("--module").arg(SoftHsm::module());
    let slots = said(&list.output().expect("pkcs11-tool is installed"));
    assert!(slots.contains(": lab\n") && slots.contains(": second\n"), "{slots}");
}

#[test]
fn a_token_directory_goes_with_its_guard() {
    let hsm = SoftHsm::empty();
    let directory = hsm.dir().to_owned();
    assert!(directory.join("softhsm2.conf").is_file());
    drop(hsm);
    assert!(!directory.exists());
}
