//! What a YubiKey says about its keys: attestations, which OpenSSL judges, and metadata.

use std::fs;
use std::process::Command;

use hsm_test::piv::{Card, PinPolicy, Template, TouchPolicy, YubiKey};

use super::{by_hand, inserted, sentence, succeeded};

/// An attestation in a file, and what OpenSSL says of its chain.
fn verified(card: &Card, attestation: &str) -> String {
    let [leaf, issuer] = ["attestation.pem", "issuer.pem"].map(|name| card.dir().join(name));
    fs::write(&leaf, attestation).expect("the directory is writable");
    fs::write(&issuer, card.attestation_issuer()).expect("the directory is writable");
    let mut verify = Command::new("openssl");
    verify.args(["verify", "-CAfile"]).arg(card.attestation_root());
    let output = verify.arg("-untrusted").arg(issuer).arg(leaf).output();
    super::said(&output.expect("openssl is installed"))
}

fn shown(card: &Card, what: &[&str]) -> String {
    let mut show = Command::new("openssl");
    succeeded(
        show.args(["x509", "-noout"]).args(what).arg("-in").arg(card.dir().join("attestation.pem")),
    )
}

#[test]
fn an_attestation_names_the_key_and_chains_to_the_root_of_its_card_alone() {
    for yubikey in [YubiKey::V5_2, YubiKey::V5_4, YubiKey::V5_7] {
        let (_pcscd, card) = inserted(&yubikey);
        let key = card.key(&Template::P256);
        let attestation = card.attestation(0x9a);
        let verdict = verified(&card, &attestation);
        assert!(verdict.ends_with("attestation.pem: OK\n"), "{verdict}");
        assert_eq!(shown(&card, &["-pubkey"]), key.public_key_pem());
        let (_pcscd, other) = inserted(&yubikey);
        let verdict = verified(&other, &attestation);
        assert!(verdict.contains("verification failed"), "{verdict}");
    }
}

#[test]
fn an_attestation_tells_firmware_serial_number_and_policies() {
    let (_pcscd, card) = inserted(&YubiKey { serial: 0x0102_0304, ..YubiKey::V5_4 });
    let pin_policy = PinPolicy::Always;
    card.key(&Template { pin_policy, touch_policy: TouchPolicy::Cached, ..Template::P256 });
    verified(&card, &card.attestation(0x9a));
    let parsed = {
        let mut parse = Command::new("openssl");
        succeeded(parse.args(["asn1parse", "-in"]).arg(card.dir().join("attestation.pem")))
    };
    for (oid, value) in [("3.3", "050403"), ("3.7", "020401020304"), ("3.8", "0303")] {
        let mut lines =
            parsed.lines().skip_while(|line| !line.contains(&format!(":1.3.6.1.4.1.41482.{oid}")));
        let told = lines.nth(1).unwrap_or_default();
        assert!(told.ends_with(&format!("[HEX DUMP]:{value}")), "{oid}: {told}");
    }
    assert!(shown(&card, &["-subject"]).contains("YubiKey PIV Attestation 9a"));
}

#[test]
fn an_imported_key_has_no_attestation() {
    let (_pcscd, card) = inserted(&YubiKey::V5_4);
    card.key(&Template { imported: true, ..Template::P256 });
    let said = sentence(|| card.attestation(0x9a));
    assert!(said.contains("Failed to attest"), "{said}");
}

#[test]
fn metadata_came_with_firmware_5_3() {
    for (yubikey, status, known) in [(YubiKey::V5_2, 0x6D00, false), (YubiKey::V5_4, 0x9000, true)]
    {
        let (_pcscd, card) = inserted(&yubikey);
        card.key(&Template { touch_policy: TouchPolicy::Always, ..Template::P256 });
        let client = by_hand::client(&card, false);
        let (answered, metadata) = by_hand::send(&client, &[0x00, 0xF7, 0x00, 0x9A, 0x00]);
        assert_eq!(answered, status);
        // P-256; PIN once, touch always; generated
        let told = [0x01, 0x01, 0x11, 0x02, 0x02, 0x02, 0x02, 0x03, 0x01, 0x01];
        assert_eq!(metadata.starts_with(&told), known, "{metadata:02X?}");
    }
}
