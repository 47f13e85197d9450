//! Keys of each kind in each place: they sign, and their certificates are where they shall be.

use std::fs;
use std::path::Path;
use std::process::Command;

use hsm_test::openssl::sha256;
use hsm_test::piv::{
    Algorithm, Card, Key, Stored, Template, YubiKey, opensc_module, ykcs11_module,
};

use super::{
    MESSAGE, by_hand, fresh_files, inserted, leaf, pkcs11_tool, said, sentence, sign, succeeded,
    verifies,
};

/// The ids of slots in both PKCS#11 modules.
const IDS: [(u8, &str); 4] = [(0x9a, "01"), (0x9c, "02"), (0x9d, "03"), (0x9e, "04")];

/// Signs by PKCS#11.
fn sign_by_module(card: &Card, key: &Key, module: &Path) -> String {
    let (message, signature) = fresh_files(card);
    let (_, id) = IDS.into_iter().find(|(slot, _)| *slot == key.template().slot).expect("an id");
    let mut sign = pkcs11_tool(card, module);
    sign.args(["--login", "--pin", "env:PIN", "--sign", "--id", id, "--mechanism"]);
    match key.template().algorithm {
        Algorithm::P256 | Algorithm::P384 => {
            fs::write(&message, sha256(MESSAGE)).expect("the directory is writable");
            sign.args(["ECDSA", "--signature-format", "openssl"]);
        }
        _ => {
            sign.arg("SHA256-RSA-PKCS");
        }
    }
    succeeded(sign.arg("-i").arg(message).arg("-o").arg(signature))
}

#[test]
fn each_kind_signs_and_openssl_verifies() {
    let (_pcscd, card) = inserted(&YubiKey::V5_4);
    for template in
        [Template::P256, Template::P384, Template::RSA2048, Template::of(Algorithm::Rsa1024)]
    {
        for imported in [false, true] {
            let key = card.key(&Template { imported, ..template });
            let output = sign(&card, &key, YubiKey::PIN);
            let context = format!("{:?}: {}", key.template(), said(&output));
            assert!(output.status.success() && verifies(&card, &key), "{context}");
        }
    }
}

#[test]
fn what_came_with_firmware_5_7_signs() {
    let (_pcscd, card) = inserted(&YubiKey::V5_7);
    let key = card.key(&Template::of(Algorithm::Rsa3072));
    sign_by_module(&card, &key, &opensc_module());
    assert!(verifies(&card, &key));
    let key = card.key(&Template::of(Algorithm::Rsa4096));
    let block = pkcs1_block(512);
    assert!(signed_by_hand(&card, 0x16, &block) && verifies(&card, &key));
    let key = card.key(&Template::of(Algorithm::Ed25519));
    assert!(signed_by_hand(&card, 0xE0, MESSAGE));
    let mut verify = Command::new("openssl");
    verify.args(["pkeyutl", "-verify", "-pubin", "-rawin", "-inkey"]).arg(key.public_key());
    verify.arg("-in").arg(card.dir().join("message"));
    succeeded(verify.arg("-sigfile").arg(card.dir().join("signature")));
}

#[test]
fn what_came_with_firmware_5_7_is_unknown_before() {
    let (_pcscd, card) = inserted(&YubiKey::V5_4);
    for algorithm in [Algorithm::Rsa3072, Algorithm::Rsa4096, Algorithm::Ed25519] {
        let said = sentence(|| card.key(&Template::of(algorithm)));
        assert!(said.contains("piv-provision"), "{algorithm:?}: {said}");
    }
}

/// Whether the card signs with the key in 9a; the signature is where the others are.
fn signed_by_hand(card: &Card, algorithm: u8, input: &[u8]) -> bool {
    let (_, file) = fresh_files(card);
    let (status, signature) = by_hand::sign(&by_hand::client(card, true), 0x9a, algorithm, input);
    fs::write(file, signature).expect("the directory is writable");
    status == by_hand::GOOD
}

/// The message's SHA-256, padded for a modulus of so many octets (RFC 8017 section 9.2).
fn pkcs1_block(length: usize) -> Vec<u8> {
    let sha256_info =
        b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20";
    let digest = [&sha256_info[..], &sha256(MESSAGE)].concat();
    let padding = vec![0xFF; length - 3 - digest.len()];
    [&[0x00, 0x01], &padding[..], &[0x00], &digest].concat()
}

#[test]
fn both_modules_sign_in_each_slot() {
    let (_pcscd, card) = inserted(&YubiKey::V5_4);
    for (slot, _) in IDS {
        for template in [Template::P256, Template::P384, Template::RSA2048] {
            let key = card.key(&Template { slot, imported: true, ..template });
            for module in [opensc_module(), ykcs11_module()] {
                let said = sign_by_module(&card, &key, &module);
                let context = format!("{:?} {}: {said}", key.template(), module.display());
                assert!(verifies(&card, &key), "{context}");
            }
        }
    }
}

#[test]
fn certificates_are_in_the_slot_plain_or_compressed_or_only_in_a_file() {
    let (_pcscd, card) = inserted(&YubiKey::V5_4);
    for (stored, there) in [(Stored::Plain, true), (Stored::Gzip, true), (Stored::Not, false)] {
        let (_, read) = fresh_files(&card);
        card.delete_certificate(0x9a);
        let key = card.key(&Template { stored, ..Template::P256 });
        let mut read_object = pkcs11_tool(&card, &opensc_module());
        read_object.args(["--read-object", "--type", "cert", "--id", "01", "-o"]).arg(&read);
        let output = read_object.output().expect("opensc is installed");
        assert_eq!(output.status.success(), there, "{stored:?}: {}", said(&output));
        if there {
            let der = leaf(&key.certificate()).der().to_vec();
            assert_eq!(fs::read(&read).expect("it was read"), der, "{stored:?}");
        }
    }
}

/// SP 800-73-4 part 1, table 10: tag 70 has the certificate, tag 71 says whether it is compressed (RFC 1952).
#[test]
fn a_compressed_certificate_says_so_whoever_wrote_it() {
    for yubikey in [YubiKey::V5_4, YubiKey::V5_7] {
        let (_pcscd, card) = inserted(&yubikey);
        for (stored, flag) in [(Stored::Plain, 0), (Stored::Gzip, 1)] {
            card.key(&Template { stored, ..Template::P256 });
            let read = [0x00, 0xCB, 0x3F, 0xFF, 0x05, 0x5C, 0x03, 0x5F, 0xC1, 0x05, 0x00];
            let (_, object) = by_hand::send(&by_hand::client(&card, false), &read);
            assert!(object.ends_with(&[0x71, 0x01, flag, 0xFE, 0x00]), "{object:02X?}");
            let certificate = &object[8..];
            assert_eq!(certificate.starts_with(&[0x1F, 0x8B]), flag == 1, "{object:02X?}");
        }
    }
}

#[test]
fn certificates_are_by_the_labs_pki_and_name_the_key() {
    let (_pcscd, card) = inserted(&YubiKey::V5_4);
    for template in [Template::P256, Template::RSA2048] {
        let key = card.key(&template);
        let mut show = Command::new("openssl");
        show.args(["x509", "-noout", "-pubkey", "-in"]).arg(key.certificate());
        assert_eq!(succeeded(&mut show), key.public_key_pem());
        let mut verify = Command::new("openssl");
        verify.args(["verify", "-x509_strict", "-CAfile"]).arg(card.pki().root_pem_path());
        succeeded(verify.arg("-untrusted").arg(key.chain()).arg(key.certificate()));
    }
}

#[test]
fn anything_can_be_where_a_certificate_should_be() {
    let (_pcscd, card) = inserted(&YubiKey::V5_4);
    card.key(&Template::P256);
    let status = || succeeded(&mut card.yubico_piv_tool("status"));
    assert!(status().contains("CN=lab"));
    card.write_object(0x5f_c105, b"\x70\x03abc\x71\x01\x00\xfe\x00");
    assert!(status().contains("Slot 9a") && !status().contains("CN=lab"), "{}", status());
    card.delete_certificate(0x9a);
    assert!(!status().contains("Slot 9a"), "{}", status());
}
