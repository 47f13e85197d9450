//! Cards that are no YubiKeys: Nitrokey's applet, which knows the standard and makes up a version and a serial number;
//! and which card is meant where there are two.

use hsm_test::piv::{Algorithm, Card, Client, Pcscd, PlainCard, Stored, Template, YubiKey};

use super::{PivLab, around, lab};
use crate::lab::{granted, run};

const SLOT: &str = "piv:slot=9a";

/// Such a card in a reader of its own.
fn plain() -> PivLab {
    let pcscd = Pcscd::with_reader("Example Reader");
    let card = PlainCard::NEW.insert(&pcscd);
    around(pcscd, card)
}

/// The same with a key in 9a.
fn with_key() -> PivLab {
    let lab = plain();
    lab.card.key(&Template::P256);
    lab
}

#[test]
fn its_keys_sign_by_slot_and_by_reader() {
    let lab = plain();
    for algorithm in [Algorithm::P256, Algorithm::Rsa2048] {
        lab.card.key(&Template::of(algorithm));
        for reference in [SLOT, "piv:slot=9a;reader=example", "piv:slot=9a;reader=Reader%2000%2000"]
        {
            let (ended, pins, signatures) = lab.counted(&mut lab.with_pin(reference));
            assert_eq!((ended.code, pins, signatures), (0, 1, 1), "{reference}: {}", ended.stderr);
            assert!(!lab.card.state().verified, "{reference}: the PIN counts no more");
        }
    }
    assert_eq!(lab.server.requests().len(), 6);
}

#[test]
fn each_slot_wants_its_pin_as_the_standard_has_it() {
    let lab = plain();
    for (slot, pins) in [(0x9c, 1), (0x9d, 1), (0x9e, 0)] {
        lab.card.key(&Template { slot, ..Template::P384 });
        let (ended, sent, signatures) =
            lab.counted(&mut lab.with_pin(&format!("piv:slot={slot:02x}")));
        assert_eq!((ended.code, sent, signatures), (0, pins, 1), "{slot:02x}: {}", ended.stderr);
    }
}

#[test]
fn it_is_asked_for_nothing_that_only_yubikeys_know() {
    let lab = with_key();
    let mark = lab.card.mark();
    granted(&mut lab.with_pin(SLOT));
    let log = lab.card.log_since(mark);
    for command in ["GET-VERSION", "GET-SERIAL", "ATTEST"] {
        assert_eq!(log.count(command), 0, "{command}");
    }
}

#[test]
fn a_wrong_pin_costs_one_try_and_the_last_is_left_alone() {
    let lab = with_key();
    let with = |pin: &str| lab.counted(lab.with(SLOT).arg("--pin-file").arg(lab.pin(pin)));
    for (name, pin, left) in [
        ("piv-wrong-pin-for-another-card", "111111", 2),
        ("piv-wrong-pin-leaves-one-try-of-another-card", "2222222", 1),
    ] {
        let (ended, pins, signatures) = with(pin);
        assert_eq!((ended.code, pins, signatures, lab.card.state().pin_tries), (4, 1, 0, left));
        lab.check(name, &ended);
    }
    let (ended, pins, _) = with(YubiKey::PIN);
    assert_eq!((ended.code, pins, lab.card.state().pin_tries), (4, 0, 1), "{}", ended.stderr);
    granted(lab.with_pin(SLOT).arg("--use-last-try"));
    assert_eq!(lab.card.state().pin_tries, 3);
    lab.card.leave_tries(0);
    let (ended, pins, _) = with(YubiKey::PIN);
    assert_eq!((ended.code, pins), (4, 0));
    lab.check("piv-pin-of-another-card-is-locked", &ended);
}

/// This card keeps a PIN over a selection: how many tries are left it tells only without.
#[test]
fn a_pin_that_another_program_left_behind_is_neither_used_nor_kept() {
    let lab = with_key();
    let other = Client::of(&lab.card);
    assert_eq!(other.verify(YubiKey::PIN), 0x9000);
    assert!(lab.card.state().verified);
    let (ended, pins, signatures) = lab.counted(&mut lab.with(SLOT));
    assert_eq!((ended.code, pins, signatures), (4, 0, 0), "nobody gave it to us: {}", ended.stderr);
    assert_eq!(other.verify(YubiKey::PIN), 0x9000);
    let (ended, pins, signatures) = lab.counted(&mut lab.with_pin(SLOT));
    assert_eq!((ended.code, pins, signatures), (0, 1, 1), "{}", ended.stderr);
    assert!(!lab.card.state().verified);
}

/// It does not tell which slots have keys, and of the one that says so, 9e, not which it is.
#[test]
fn a_slot_without_a_certificate_wants_one_from_a_file() {
    let lab = plain();
    lab.check("piv-nothing-known-of-a-slot-of-another-card", &run(&mut lab.with_pin(SLOT)));
    for slot in [0x9a, 0x9e] {
        let key = lab.card.key(&Template { slot, stored: Stored::Not, ..Template::P256 });
        let mut command = lab.with_pin(&format!("piv:slot={slot:02x}"));
        granted(command.arg("--certificate").arg(key.certificate()));
    }
}

/// A YubiKey in each slot of the reader, both with a key in 9a.
fn two() -> (PivLab, Card) {
    let lab = lab();
    let second = YubiKey { slot: 1, serial: 23_456_789, ..YubiKey::V5_4 }.insert(&lab.pcscd);
    lab.card.key(&Template::P256);
    second.key(&Template::P256);
    (lab, second)
}

/// How often each of them has signed.
fn signed(lab: &PivLab, second: &Card) -> [u64; 2] {
    [&lab.card, second].map(|card| card.state().operations.get(&0x9a).copied().unwrap_or_default())
}

#[test]
fn of_two_yubikeys_the_one_that_is_named_is_used() {
    let (lab, second) = two();
    granted(&mut lab.with_pin("piv:slot=9a;serial=12345678"));
    assert_eq!(signed(&lab, &second), [1, 0]);
    granted(&mut lab.with_pin("piv:slot=9a;serial=23456789"));
    assert_eq!(signed(&lab, &second), [1, 1]);
    granted(&mut lab.with_pin("piv:slot=9a;reader=CCID%2000%2001"));
    assert_eq!(signed(&lab, &second), [1, 2]);
    granted(&mut lab.with_pin("piv:slot=9a;serial=12345678;reader=yubico"));
    assert_eq!(signed(&lab, &second), [2, 2]);
}

#[test]
fn of_two_yubikeys_none_is_picked_silently() {
    let (lab, second) = two();
    let marks = [lab.card.mark(), second.mark()];
    let ended = run(&mut lab.with_pin(SLOT));
    lab.check("piv-two-yubikeys-are-both-named", &ended);
    let ended = run(&mut lab.with_pin("piv:slot=9a;reader=yubico"));
    lab.check("piv-two-yubikeys-in-readers-of-that-name", &ended);
    let ended = run(&mut lab.with_pin("piv:slot=9a;serial=12345678;reader=00%2001"));
    lab.check("piv-yubikey-is-in-another-reader", &ended);
    for (card, mark) in [&lab.card, &second].into_iter().zip(marks) {
        let log = card.log_since(mark);
        assert_eq!((log.count("VERIFY"), log.count("GENERAL-AUTHENTICATE")), (0, 0));
    }
}

#[test]
fn a_yubikey_and_another_card_are_told_apart() {
    let lab = lab();
    let plain = PlainCard { slot: 1, ..PlainCard::NEW }.insert(&lab.pcscd);
    lab.card.key(&Template::P256);
    plain.key(&Template::P256);
    lab.check("piv-yubikey-and-another-card-are-both-named", &run(&mut lab.with_pin(SLOT)));
    granted(&mut lab.with_pin("piv:slot=9a;serial=12345678"));
    assert_eq!(signed(&lab, &plain), [1, 0]);
    granted(&mut lab.with_pin("piv:slot=9a;reader=00%2001"));
    assert_eq!(signed(&lab, &plain), [1, 1]);
    plain.remove();
    granted(&mut lab.with_pin(SLOT));
    assert_eq!(signed(&lab, &plain), [2, 1]);
}
