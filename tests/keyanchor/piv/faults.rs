//! A card that is pulled, silent, full of errors, or lies: each said in a sentence, with no try wasted and nothing
//! sent that does not verify.

use std::time::{Duration, Instant};

use hsm_test::piv::Template;

use super::{PivLab, with_key};
use crate::lab::{granted, run};

const SLOT: &str = "piv:slot=9a";

/// A run with the card behaving so.
fn faulty(lab: &PivLab, script: &str) -> crate::lab::Ended {
    lab.card.script(script);
    let ended = run(lab.with_pin(SLOT).args(["--timeout", "4s"]));
    lab.card.clear();
    ended
}

#[test]
fn a_card_that_is_pulled_between_the_pin_and_the_signature_is_said() {
    let lab = with_key(Template::P256);
    let removed = faulty(&lab, "GENERAL-AUTHENTICATE 1 pull");
    lab.check("piv-card-is-pulled-before-the-signature", &removed);
    assert!(lab.server.requests().is_empty());
    lab.card.await_removal();
    lab.card.insert();
    assert_eq!((lab.card.state().pin_tries, lab.card.state().verified), (3, false));
    granted(&mut lab.with_pin(SLOT));
}

#[test]
fn a_card_that_is_pulled_at_any_step_is_said_and_works_again() {
    let lab = with_key(Template::P256);
    for step in [
        "SELECT",
        "GET-VERSION",
        "GET-SERIAL",
        "GET-METADATA",
        "GET-DATA",
        "VERIFY-STATUS",
        "VERIFY",
    ] {
        let ended = faulty(&lab, &format!("{step} 1 pull"));
        assert_eq!(ended.code, 3, "{step}: {}", ended.stderr);
        if step == "GET-METADATA" {
            lab.check("piv-card-is-pulled-when-it-is-looked-at", &ended);
        }
        assert!(
            ended.stderr.lines().count() <= 3 && ended.stderr.contains("YubiKey"),
            "{step}: {}",
            ended.stderr
        );
        lab.card.await_removal();
        lab.card.insert();
        assert_eq!(lab.card.state().pin_tries, 3, "{step}");
    }
    granted(&mut lab.with_pin(SLOT));
}

#[test]
fn a_card_that_never_answers_is_given_up() {
    let lab = with_key(Template::P256);
    for (name, step) in [
        ("piv-card-is-silent-in-select", "SELECT"),
        ("piv-card-is-silent-in-general-authenticate", "GENERAL-AUTHENTICATE"),
    ] {
        let start = Instant::now();
        let ended = faulty(&lab, &format!("{step} 1 silent"));
        lab.check(name, &ended);
        assert!(start.elapsed() < Duration::from_secs(12), "{step}: {:?}", start.elapsed());
        // its reader waits for it still: only pulling it helps, as with real ones that have failed
        lab.card.remove();
        lab.card.insert();
        assert_eq!(lab.card.state().pin_tries, 3);
    }
    granted(&mut lab.with_pin(SLOT));
}

#[test]
fn what_a_card_answers_to_a_signature_is_said() {
    let lab = with_key(Template::P256);
    for (name, script) in [
        ("piv-signature-is-answered-6581", "GENERAL-AUTHENTICATE 1 sw 6581"),
        ("piv-signature-is-answered-6700", "GENERAL-AUTHENTICATE 1 sw 6700"),
        ("piv-signature-is-answered-6982", "GENERAL-AUTHENTICATE 1 sw 6982"),
        ("piv-signature-is-answered-6a80", "GENERAL-AUTHENTICATE 1 sw 6A80"),
        ("piv-signature-is-answered-6f00", "GENERAL-AUTHENTICATE 1 sw 6F00"),
        ("piv-signature-is-answered-6fff", "GENERAL-AUTHENTICATE 1 sw 6FFF"),
        ("piv-pin-is-answered-6881", "VERIFY 1 sw 6881"),
        ("piv-pin-is-answered-6985", "VERIFY 1 sw 6985"),
        ("piv-pin-is-answered-6986", "VERIFY 1 sw 6986"),
        ("piv-pin-is-answered-6a81", "VERIFY 1 sw 6A81"),
        ("piv-pin-is-answered-6a82", "VERIFY 1 sw 6A82"),
        ("piv-pin-is-answered-6b00", "VERIFY 1 sw 6B00"),
        ("piv-pin-is-answered-6f00", "VERIFY 1 sw 6F00"),
    ] {
        lab.check(name, &faulty(&lab, script));
        assert_eq!(lab.card.state().pin_tries, 3, "{name}");
    }
    lab.check("piv-application-is-not-there", &faulty(&lab, "SELECT * sw 6A82"));
    assert!(lab.server.requests().is_empty());
}

#[test]
fn a_signature_that_does_not_verify_is_not_sent() {
    let lab = with_key(Template::P256);
    lab.check("piv-signature-is-wrong", &faulty(&lab, "GENERAL-AUTHENTICATE 1 wrong"));
    lab.check("piv-signature-is-cut", &faulty(&lab, "GENERAL-AUTHENTICATE 1 garble"));
    assert!(lab.server.requests().is_empty());
}

#[test]
fn answers_that_are_none_are_said() {
    let lab = with_key(Template::P256);
    for (name, script) in [
        ("piv-certificate-is-cut", "GET-DATA 1 garble"),
        ("piv-certificate-is-endless", "GET-DATA 1 large"),
        ("piv-tries-are-nonsense", "VERIFY-STATUS * sw 6F00"),
    ] {
        lab.check(name, &faulty(&lab, script));
        assert_eq!(lab.card.state().pin_tries, 3, "{name}");
    }
}

/// The certificate, or an attestation, tells the key as well.
#[test]
fn metadata_that_are_none_are_done_without() {
    let lab = with_key(Template::P256);
    for script in ["GET-METADATA 1 garble", "GET-METADATA 1 sw 9000"] {
        let ended = faulty(&lab, script);
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{script}");
    }
}
