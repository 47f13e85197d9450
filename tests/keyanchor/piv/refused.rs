//! Keys and references that cannot be used, refused by name before any PIN.

use hsm_test::piv::{Algorithm, Stored, Template, YubiKey};

use super::{PivLab, lab, with};
use crate::lab::{granted, run};

/// A run that sends no PIN.
fn without_pin(lab: &PivLab, name: &str, reference: &str) {
    let (ended, pins, signatures) = lab.counted(&mut lab.with_pin(reference));
    assert_eq!((ended.code, pins, signatures), (3, 0, 0), "{name}: {}", ended.stderr);
    lab.check(name, &ended);
}

#[test]
fn kinds_of_keys_that_the_service_does_not_take_are_refused_by_name() {
    let lab = with(YubiKey::V5_7);
    lab.card.key(&Template { stored: Stored::Not, ..Template::of(Algorithm::Ed25519) });
    without_pin(&lab, "piv-key-is-ed25519", "piv:slot=9a");
    // metadata of an X25519 key: its algorithm and 32 bytes
    let key = format!("0101E1020202010301010422862 0{}", "07".repeat(32)).replace(' ', "");
    lab.card.script(&format!("GET-METADATA * data {key} 9000"));
    without_pin(&lab, "piv-key-is-x25519", "piv:slot=82");
    lab.card.clear();
    lab.card.script("GET-METADATA * data 0101770202020103010104028600 9000");
    without_pin(&lab, "piv-key-is-of-an-unknown-kind", "piv:slot=82");
    let lab = self::lab();
    lab.card.key(&Template { stored: Stored::Not, ..Template::of(Algorithm::Rsa1024) });
    without_pin(&lab, "piv-key-is-short", "piv:slot=9a");
}

#[test]
fn a_slot_without_a_key_is_said_and_those_with_one_are_named() {
    let lab = lab();
    without_pin(&lab, "piv-no-key-in-any-slot", "piv:slot=9a");
    lab.card.key(&Template { slot: 0x9c, ..Template::P256 });
    lab.card.key(&Template { slot: 0x83, ..Template::P256 });
    without_pin(&lab, "piv-no-key-in-the-slot", "piv:slot=9a");
}

#[test]
fn a_certificate_that_is_not_there_or_not_the_keys_is_said() {
    let lab = lab();
    let key = lab.card.key(&Template { stored: Stored::Not, ..Template::P256 });
    without_pin(&lab, "piv-no-certificate", "piv:slot=9a");
    granted(lab.with_pin("piv:slot=9a").arg("--certificate").arg(key.certificate()));
    let other = lab.card.key(&Template { slot: 0x9c, ..Template::P256 });
    lab.card.store(0x9a, &other.certificate(), Stored::Plain);
    without_pin(&lab, "piv-certificate-of-another-key", "piv:slot=9a");
    for (name, object) in [
        ("piv-certificate-is-none", &b"\x70\x03abc\x71\x01\x00\xfe\x00"[..]),
        ("piv-certificate-is-not-compressed", b"\x70\x03abc\x71\x01\x01\xfe\x00"),
        ("piv-certificate-is-compressed-otherwise", b"\x70\x03abc\x71\x01\x02\xfe\x00"),
        ("piv-certificate-object-is-foreign", b"\x99\x01a"),
    ] {
        lab.card.write_object(0x5f_c105, object);
        without_pin(&lab, name, "piv:slot=9a");
    }
}

#[test]
fn a_certificate_that_expands_without_end_is_not_read() {
    let lab = lab();
    lab.card.key(&Template { stored: Stored::Not, ..Template::P256 });
    let zeros = lab.folder.path().join("zeros");
    std::fs::write(&zeros, vec![0; 2 << 20]).expect("zeros");
    let gzip = std::process::Command::new("gzip").arg("-9c").arg(&zeros).output().expect("gzip");
    let gzip = gzip.stdout;
    let length = u16::try_from(gzip.len()).expect("short").to_be_bytes();
    let object = [&b"\x70\x82"[..], &length, &gzip, b"\x71\x01\x01\xfe\x00"].concat();
    lab.card.write_object(0x5f_c105, &object);
    without_pin(&lab, "piv-certificate-is-not-compressed", "piv:slot=9a");
}

#[test]
fn each_way_for_a_reference_to_be_wrong_has_its_words() {
    let lab = lab();
    for (name, reference) in [
        ("bad-piv-reference-without-a-slot", "piv:serial=12345678"),
        ("bad-piv-reference-slot", "piv:slot=9b"),
        ("bad-piv-reference-serial", "piv:slot=9a;serial=0x12"),
        ("bad-piv-reference-reader", "piv:slot=9a;reader="),
        ("bad-piv-reference-unknown-attribute", "piv:slot=9a;object=x"),
        ("bad-piv-reference-pin-in-the-path", "piv:slot=9a;pin-value=648219"),
        ("bad-piv-reference-unknown-after-the-pin", "piv:slot=9a?pin-value=12&648219=3"),
        ("bad-piv-reference-without-attributes", "piv:9a"),
    ] {
        let ended = run(&mut lab.with(reference));
        assert_eq!(ended.code, 2, "{name}");
        lab.check(name, &ended);
    }
    lab.check("list-key-is-of-a-card", &run(lab.command().args(["list", "--key", "piv:slot=9a"])));
}

#[test]
fn a_slot_is_named_as_the_key_or_as_the_certificate_and_not_twice() {
    let lab = lab();
    lab.card.key(&Template::P256);
    let mut as_certificate = lab.command();
    as_certificate.arg("credential-process").args(lab.server.arguments());
    as_certificate.arg("--intermediates").arg(lab.pcscd.pki().intermediate_pem_path());
    as_certificate.args(["--certificate", "piv:slot=9a"]);
    granted(as_certificate.arg("--pin-file").arg(lab.pin(YubiKey::PIN)));
    let mut twice = lab.with_pin("piv:slot=9a");
    lab.check("piv-slot-as-a-certificate", &run(twice.args(["--certificate", "piv:slot=9c"])));
}
