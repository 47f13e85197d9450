//! PC/SC: pcscd, cards and other clients as the lab runs them, judged by OpenSC, yubico-piv-tool, ykcs11 and OpenSSL.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use hsm_test::openssl::{Certificate, Padding};
use hsm_test::pem;
use hsm_test::piv::{Algorithm, Card, Key, Pcscd, YubiKey};

mod attestation;
mod by_hand;
mod cards;
mod clients;
mod faults;
mod keys;
mod people;
mod pins;
mod policies;
mod service;

const MESSAGE: &[u8] = b"hello";

/// Such a card in a pcscd of its own.
fn inserted(yubikey: &YubiKey) -> (Pcscd, Card) {
    let pcscd = Pcscd::start();
    let card = yubikey.insert(&pcscd);
    (pcscd, card)
}

/// Signs by yubico-piv-tool.
fn sign(card: &Card, key: &Key, pin: &str) -> Output {
    let algorithm = match key.template().algorithm {
        Algorithm::P256 => "ECCP256",
        Algorithm::P384 => "ECCP384",
        Algorithm::Rsa1024 => "RSA1024",
        Algorithm::Rsa2048 => "RSA2048",
        other => panic!("yubico-piv-tool knows no {other:?}"),
    };
    let (message, signature) = fresh_files(card);
    let mut sign = card.yubico_piv_tool("verify-pin");
    sign.args(["-P", pin]);
    sign.args(["--sign", "-s", &format!("{:02x}", key.template().slot), "-A", algorithm]);
    sign.arg("-i").arg(message).arg("-o").arg(signature);
    sign.output().expect("yubico-piv-tool is installed")
}

/// A message, and where its signature goes.
fn fresh_files(card: &Card) -> (PathBuf, PathBuf) {
    let (message, signature) = (card.dir().join("message"), card.dir().join("signature"));
    fs::write(&message, MESSAGE).expect("the directory is writable");
    let _ = fs::remove_file(&signature);
    (message, signature)
}

/// Whether the last signature is by that key.
fn verifies(card: &Card, key: &Key) -> bool {
    let signature = fs::read(card.dir().join("signature")).unwrap_or_default();
    leaf(&key.certificate()).verifies(Padding::Pkcs1, MESSAGE, &signature)
}

/// The first certificate in a PEM file.
fn leaf(file: &Path) -> Certificate {
    let text = fs::read_to_string(file).expect("a readable file");
    Certificate::from_der(&pem::certificates(&text)[0]).expect("a certificate")
}

/// pkcs11-tool with that module, as the user of the card.
fn pkcs11_tool(card: &Card, module: &Path) -> Command {
    let mut command = card.command("pkcs11-tool");
    command.arg("--module").arg(module).env("PIN", YubiKey::PIN);
    command
}

fn succeeded(command: &mut Command) -> String {
    let output = command.output().expect("the program is installed");
    assert!(output.status.success(), "{command:?}: {}", said(&output));
    said(&output)
}

fn said(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text)).concat()
}

/// The sentence with which the lab gives up.
fn sentence<T>(work: impl FnOnce() -> T) -> String {
    let outcome = catch_unwind(AssertUnwindSafe(work));
    let payload = outcome.err().expect("the lab gives up");
    payload.downcast_ref::<String>().expect("a sentence with a name in it").clone()
}
