//! Certificates: those in slots, and those in files that are held against the keys.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use hsm_test::piv::{Key, Stored, Template};
use hsm_test::pki::Leaf;
use serde_json::Value;

use super::{card, list, slot, table};
use crate::piv::{PivLab, lab};

/// A certificate for a key that is valid at another time.
fn dated(lab: &PivLab, key: &Key, not_before: SystemTime, not_after: SystemTime) -> PathBuf {
    let leaf = Leaf { not_before, not_after, ..Leaf::of(&key.public_key_pem()) };
    let path = key.dir().join("dated.pem");
    std::fs::write(&path, lab.card.pki().leaf(&leaf)).expect("certificate");
    path
}

#[test]
fn certificates_are_told_by_what_is_in_the_slot() {
    let lab = lab();
    let key = |slot, stored| lab.card.key(&Template { slot, stored, ..Template::P256 });
    let plain = key(0x9a, Stored::Plain);
    key(0x9c, Stored::Gzip);
    key(0x9d, Stored::Not);
    key(0x9e, Stored::Not);
    lab.card.store(0x9e, &plain.certificate(), Stored::Plain);
    let (now, day) = (SystemTime::now(), Duration::from_secs(86_400));
    for (slot, from, until) in [(0x82, now - day * 3, now - day), (0x83, now + day, now + day * 3)]
    {
        let key = key(slot, Stored::Not);
        lab.card.store(slot, &dated(&lab, &key, from, until), Stored::Plain);
    }
    let card = card(&mut list(&lab));
    for (number, certificate) in [
        ("9a", "valid"),
        ("9c", "valid"),
        ("9d", "none"),
        ("9e", "another-keys"),
        ("82", "expired"),
        ("83", "not-yet-valid"),
    ] {
        assert_eq!(slot(&card, number)["certificate"], certificate, "{number}");
    }
    let shown = table(&mut list(&lab));
    for line in [
        "  9a authentication       P-256  certificate: valid until 20",
        "  9c signature            P-256  certificate: valid until 20",
        "  9d key-management       P-256  no certificate\n",
        "  9e card-authentication  P-256  certificate: another key's\n",
        "      CN=lab,O=Example, another key's\n",
        "  82 retired 1            P-256  certificate: expired on 20",
        "  83 retired 2            P-256  certificate: not valid before 20",
    ] {
        assert!(shown.contains(line), "{line} is not in\n{shown}");
    }
}

#[test]
fn certificates_that_cannot_be_read_are_told_with_the_reason() {
    let lab = lab();
    for (number, object, content, reason) in [
        (0x9a, 0x5f_c105, &b"\x70\x03abc\x71\x01\x00\xfe\x00"[..], "it is no X.509 certificate"),
        (
            0x9c,
            0x5f_c10a,
            b"\x70\x03abc\x71\x01\x01\xfe\x00",
            "it is not compressed as its object says",
        ),
        (0x9d, 0x5f_c10b, b"\x99\x01a", "its object holds no certificate"),
    ] {
        lab.card.key(&Template { slot: number, stored: Stored::Not, ..Template::P256 });
        lab.card.write_object(object, content);
        let card = card(&mut list(&lab));
        let slot = slot(&card, &format!("{number:02x}"));
        assert_eq!(
            (&slot["unreadable_certificate"], &slot["certificate"]),
            (&reason.into(), &"none".into())
        );
        assert!(slot["uri"].is_string(), "the key can be used with a certificate from a file");
        assert!(table(&mut list(&lab)).contains(&format!("  P-256  certificate: {reason}\n")));
    }
}

#[test]
fn a_certificate_whose_key_is_gone_is_told() {
    let lab = lab();
    let key = lab.card.key(&Template::P256);
    lab.card.store(0x9c, &key.certificate(), Stored::Plain);
    let card = card(&mut list(&lab));
    let slot = slot(&card, "9c");
    assert_eq!(
        (&slot["kind"], &slot["uri"], &slot["supported"]),
        (&Value::Null, &Value::Null, &false.into())
    );
    assert!(
        table(&mut list(&lab))
            .contains("  9c signature       -      a certificate without a key\n")
    );
}

#[test]
fn certificates_in_files_are_held_against_all_keys() {
    let lab = lab();
    let without = lab.card.key(&Template { stored: Stored::Not, ..Template::P256 });
    let with = lab.card.key(&Template { slot: 0x9c, ..Template::P256 });
    let listed = |files: &[PathBuf]| {
        let mut command = list(&lab);
        command.args(files.iter().flat_map(|file| [Path::new("--certificate"), file]));
        card(&mut command)
    };
    let card = listed(&[without.chain()]);
    let slot_of = |card: &Value, number| slot(card, number).clone();
    let found = slot_of(&card, "9a");
    assert_eq!(
        (&found["certificate"], found["certificates"].as_array().map(Vec::len)),
        (&"valid".into(), Some(1))
    );
    assert_eq!(found["certificates"][0]["file"].as_str(), without.chain().to_str());
    assert_eq!(slot_of(&card, "9c")["certificates"][0]["file"], Value::Null);
    let (now, day) = (SystemTime::now(), Duration::from_secs(86_400));
    let card = listed(&[with.certificate()]);
    assert_eq!(slot_of(&card, "9c")["certificate"], "valid", "it is the same one");
    let card = listed(&[dated(&lab, &with, now - day, now + day)]);
    assert_eq!(slot_of(&card, "9c")["certificate"], "several-valid");
}
