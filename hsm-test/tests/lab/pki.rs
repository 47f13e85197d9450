//! What the PKI issues is what OpenSSL reads.

use std::process::Command;

use hsm_test::pki::{Leaf, Pki};

use crate::client::{argument, bench, pipe};

fn openssl(arguments: &[&str], input: &str) -> String {
    let output = pipe(Command::new("openssl").args(arguments), input.as_bytes());
    String::from_utf8_lossy(&output).into_owned()
}

#[test]
fn openssl_accepts_a_leaf_and_its_chain() {
    let pki = &bench().pki;
    let (root, intermediate) = (pki.root_pem_path(), pki.intermediate_pem_path());
    let arguments = [
        "verify",
        "-x509_strict",
        "-CAfile",
        argument(&root),
        "-untrusted",
        argument(&intermediate),
    ];
    for key in [&bench().ec, &bench().rsa] {
        let said = openssl(&arguments, &pki.leaf(&Leaf::of(&key.public_pem)));
        assert_eq!(said, "stdin: OK\n");
    }
}

#[test]
fn a_leaf_says_what_it_was_asked_to() {
    let leaf = Leaf {
        common_name: Some("host-a".into()),
        yubico_attestation: true,
        serial: Some(vec![0xf1, 2]),
        ..Leaf::of(&bench().ec.public_pem)
    };
    let text = openssl(&["x509", "-noout", "-text"], &bench().pki.leaf(&leaf));
    for expected in
        ["Subject: O = Example, CN = host-a", "61698 (0xf102)", "CA:FALSE", "1.3.6.1.4.1.41482.3.3"]
    {
        assert!(text.contains(expected), "{expected} is not in {text}");
    }
}

#[test]
fn a_pki_can_be_loaded_again() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let fresh = Pki::fresh(directory.path());
    let loaded = Pki::load(directory.path());
    assert_eq!(fresh.root_pem_path(), loaded.root_pem_path());
    let leaf = loaded.leaf(&Leaf::of(&bench().ec.public_pem));
    let (root, intermediate) = (fresh.root_pem_path(), fresh.intermediate_pem_path());
    let said = openssl(
        &["verify", "-CAfile", argument(&root), "-untrusted", argument(&intermediate)],
        &leaf,
    );
    assert_eq!(said, "stdin: OK\n");
}
