//! Keys in slots, as they were made.

use hsm_test::piv::{Algorithm, PinPolicy, Stored, Template, TouchPolicy, YubiKey};
use serde_json::{Value, json};

use super::{card, list, slot, slots, table};
use crate::piv::with;

/// What of a key is told: when it wants a PIN, when a touch, and whether it was made on the card.
fn policies(slot: &Value) -> Value {
    json!([slot["pin_policy"], slot["touch_policy"], slot["generated"]])
}

const PIN_POLICIES: [(PinPolicy, &str); 3] =
    [(PinPolicy::Never, "never"), (PinPolicy::Once, "once"), (PinPolicy::Always, "always")];
const TOUCH_POLICIES: [(TouchPolicy, &str); 3] = [
    (TouchPolicy::Never, "never"),
    (TouchPolicy::Always, "always"),
    (TouchPolicy::Cached, "cached"),
];

/// By metadata from firmware 5.3 on, before that by an attestation.
#[test]
fn policies_are_told_as_keys_were_made() {
    for yubikey in [YubiKey::V5_2, YubiKey::V5_4, YubiKey::V5_7] {
        let lab = with(yubikey);
        let mut made = Vec::new();
        for (pin_policy, pin) in PIN_POLICIES {
            for (touch_policy, touch) in TOUCH_POLICIES {
                let slot = [0x9a, 0x9c, 0x9d, 0x9e].get(made.len()).copied();
                let slot = slot.unwrap_or(0x82 + made.len() as u8);
                lab.card.key(&Template { slot, pin_policy, touch_policy, ..Template::P256 });
                made.push((format!("{slot:02x}"), pin, touch));
            }
        }
        let card = card(&mut list(&lab));
        let table = table(&mut list(&lab));
        assert_eq!((&card["firmware"], slots(&card).len()), (&yubikey.firmware.into(), 9));
        for (number, pin, touch) in made {
            let told = policies(slot(&card, &number));
            assert_eq!(told, json!([pin, touch, true]), "{number}, {yubikey:?}");
            let line =
                format!("    piv:slot={number};serial=12345678  (PIN {pin}, touch {touch})\n");
            assert!(table.contains(&line), "{line} is not in\n{table}");
        }
    }
}

/// Nobody attests to a key that came from outside.
#[test]
fn of_imported_keys_old_firmware_tells_nothing_but_their_certificates() {
    let imported = Template { imported: true, touch_policy: TouchPolicy::Always, ..Template::P384 };
    for (yubikey, told) in [
        (YubiKey::V5_4, json!(["once", "always", false])),
        (YubiKey::V5_2, json!([null, null, null])),
    ] {
        let lab = with(yubikey);
        lab.card.key(&imported);
        let card = card(&mut list(&lab));
        let slot = slot(&card, "9a");
        assert_eq!(policies(slot), told, "{yubikey:?}");
        assert_eq!((&slot["kind"], &slot["certificate"]), (&"P-384".into(), &"valid".into()));
    }
    let lab = with(YubiKey::V5_2);
    lab.card.key(&Template { stored: Stored::Not, ..imported });
    assert!(slots(&card(&mut list(&lab))).is_empty(), "it cannot be known");
}

#[test]
fn keys_that_the_service_does_not_take_are_named() {
    for (yubikey, algorithm, kind, supported) in [
        (YubiKey::V5_7, Algorithm::Ed25519, "Ed25519", false),
        (YubiKey::V5_7, Algorithm::Rsa3072, "RSA-3072", true),
        (YubiKey::V5_4, Algorithm::Rsa1024, "RSA-1024", false),
    ] {
        let lab = with(yubikey);
        lab.card.key(&Template { stored: Stored::Not, ..Template::of(algorithm) });
        let card = card(&mut list(&lab));
        let slot = slot(&card, "9a");
        assert_eq!((&slot["kind"], &slot["supported"]), (&kind.into(), &supported.into()));
        assert_eq!(slot["uri"].is_string(), supported, "{slot}");
        let line = format!("  9a authentication  {kind}  not supported\n");
        assert_eq!(table(&mut list(&lab)).contains(&line), !supported, "{line}");
    }
}
