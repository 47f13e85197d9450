//! What the card signed for us, judged by the program `openssl` with the public key that other programs read from the
//! card: of a signature that the server recorded, and of the text it rebuilt from the request.

use std::path::{Path, PathBuf};
use std::process::Command;

use hsm_test::piv::{Algorithm, Template, YubiKey};
use hsm_test::server::Request;
use hsm_test::server::sigv4::Authorization;

use super::{PivLab, with};
use crate::lab::granted;

/// A credential by the key in 9a, and the request for it.
fn signed(lab: &PivLab, algorithm: Algorithm) -> Request {
    lab.card.key(&Template::of(algorithm));
    granted(&mut lab.with_pin("piv:slot=9a"));
    lab.server.requests().pop().expect("a request")
}

/// Whether openssl says that this key signed this request; and that it signed no other text.
fn verifies(folder: &Path, public_key: &Path, request: &Request) -> bool {
    let authorization = request.header("authorization").expect("a signature");
    let authorization = Authorization::parse(&authorization).expect("SigV4");
    let date = request.header("x-amz-date").expect("a date");
    let text = authorization.string_to_sign(&date, &authorization.canonical_request(request));
    let (signature, message) = (folder.join("signature"), folder.join("message"));
    std::fs::write(&signature, &authorization.signature).expect("signature");
    let verified = |text: &str| {
        std::fs::write(&message, text).expect("message");
        let mut openssl = Command::new("openssl");
        openssl.args(["dgst", "-sha256", "-verify"]).arg(public_key);
        openssl.arg("-signature").args([&signature, &message]);
        openssl.output().expect("openssl is installed").status.success()
    };
    verified(&text) && !verified(&text.replacen("AWS4", "AWS5", 1))
}

/// The key to which the card attests, by yubico-piv-tool.
fn attested(lab: &PivLab) -> PathBuf {
    let certificate = lab.folder.path().join("attestation.pem");
    std::fs::write(&certificate, lab.card.attestation(0x9a)).expect("attestation");
    let mut openssl = Command::new("openssl");
    read(lab, openssl.args(["x509", "-noout", "-pubkey", "-in"]).arg(certificate))
}

/// The key as OpenSC reads it.
fn read_by_opensc(lab: &PivLab) -> PathBuf {
    read(lab, lab.card.command("pkcs15-tool").args(["--read-public-key", "01"]))
}

/// The public key that a program prints, in a file.
fn read(lab: &PivLab, command: &mut Command) -> PathBuf {
    let output = command.output().expect("the program is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let path = lab.folder.path().join("public.pem");
    std::fs::write(&path, &output.stdout).expect("public key");
    path
}

#[test]
fn openssl_verifies_signatures_of_all_kinds_with_the_key_that_the_card_attests_to() {
    let kinds = [Algorithm::P256, Algorithm::P384, Algorithm::Rsa2048];
    for (yubikey, kinds) in
        [(YubiKey::V5_4, &kinds[..]), (YubiKey::V5_7, &[Algorithm::Rsa3072, Algorithm::Rsa4096])]
    {
        let lab = with(yubikey);
        for kind in kinds {
            let request = signed(&lab, *kind);
            assert!(verifies(lab.folder.path(), &attested(&lab), &request), "{kind:?}");
        }
    }
}

#[test]
fn openssl_verifies_signatures_with_the_key_that_opensc_reads() {
    let lab = with(YubiKey::V5_4);
    let kinds = [Algorithm::P256, Algorithm::P384, Algorithm::Rsa2048];
    let requests = kinds.map(|kind| {
        let request = signed(&lab, kind);
        assert!(verifies(lab.folder.path(), &read_by_opensc(&lab), &request), "{kind:?}");
        request
    });
    let last = read_by_opensc(&lab);
    assert!(!verifies(lab.folder.path(), &last, &requests[0]), "by a key that was in there before");
}
