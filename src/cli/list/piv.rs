//! What the cards answered, as a document.

use crate::cli::list::files::{Files, fingerprint, x509};
use crate::cli::list::tokens::{device_problem, unread};
use crate::key::piv::{CardFilter, pasteable};
use crate::output::list::{Card, Certificate, Slot, Verdict};
use crate::signer::hosted::piv::Asked;
use crate::wire::failure::Tries;
use crate::wire::piv as facts;

pub(super) fn shown(asked: &Asked, files: &Files) -> Vec<Card> {
    let milliseconds = u64::try_from(asked.took.as_millis()).unwrap_or(u64::MAX);
    match &asked.cards {
        Ok(listed) => listed.cards.iter().map(|of| card(of, milliseconds, files)).collect(),
        Err(error) => vec![Card {
            name: "smart cards".to_owned(),
            reader: String::new(),
            serial: None,
            firmware: None,
            pin_tries: None,
            milliseconds,
            problem: Some(device_problem(error)),
            slots: Vec::new(),
        }],
    }
}

fn card(card: &facts::Card, milliseconds: u64, files: &Files) -> Card {
    let reader = card.serial.is_none().then(|| card.reader.clone());
    let filter = CardFilter { serial: card.serial, reader };
    let slots = card.slots.iter().flatten();
    Card {
        name: card.name.clone(),
        reader: card.reader.clone(),
        serial: card.serial,
        firmware: card.firmware.clone(),
        pin_tries: match card.tries {
            Tries::None => Some(0),
            Tries::One => Some(1),
            Tries::Left(left) => Some(left),
            Tries::Few | Tries::Unknown => None,
        },
        milliseconds,
        problem: card.slots.as_ref().err().map(unread),
        slots: slots.map(|slot| self::slot(slot, &filter, files)).collect(),
    }
}

fn slot(content: &facts::Content, card: &CardFilter, files: &Files) -> Slot {
    let key = content.key.as_ref();
    let public_key_sha256 = key.and_then(|key| fingerprint(&key.kind));
    let (own, unreadable_certificate) = match &content.certificate {
        Some(facts::Certificate::Facts(facts)) => (Some(x509(facts, files.now)), None),
        Some(facts::Certificate::Unreadable(reason)) => (None, Some(reason.clone())),
        None => (None, None),
    };
    let own = own.map(|x509| Certificate {
        file: None,
        label: None,
        id: String::new(),
        belongs: public_key_sha256.as_ref().map(|key| Some(key) == x509.public_key_sha256.as_ref()),
        x509: Some(x509),
    });
    let in_files = public_key_sha256.iter().flat_map(|known| files.certifying(known));
    let certificates: Vec<_> = own.into_iter().chain(in_files).collect();
    let supported = key.is_some_and(|key| key.kind.supported);
    Slot {
        slot: content.slot.to_string(),
        purpose: content.slot.purpose(),
        uri: supported.then(|| pasteable(content.slot, card)),
        kind: key.map(|key| key.kind.name.clone()),
        supported,
        pin_policy: key.and_then(|key| key.pin).map(|policy| match policy {
            facts::PinPolicy::Always => "always",
            facts::PinPolicy::Never => "never",
            facts::PinPolicy::Once => "once",
        }),
        touch_policy: key.and_then(|key| key.touch).map(|policy| match policy {
            facts::TouchPolicy::Always => "always",
            facts::TouchPolicy::Cached => "cached",
            facts::TouchPolicy::Never => "never",
        }),
        generated: key.and_then(|key| key.generated),
        public_key_sha256,
        unreadable_certificate,
        certificate: Verdict::on(&certificates),
        certificates,
    }
}
