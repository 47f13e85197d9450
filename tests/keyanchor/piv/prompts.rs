//! What a person in front of the card is asked and told: the PIN, a touch only where one is awaited, and which card
//! is to be put in.

use std::time::{Duration, Instant};

use hsm_test::piv::{PinPolicy, Template, Touch, TouchPolicy, YubiKey, until};
use hsm_test::terminal::Terminal;

use super::{with, with_key};
use crate::lab::{Ended, bare, ended, run};

const SLOT: &str = "piv:slot=9a;serial=12345678";
const OTP: &str = "cccccccfhcjudbgudrtrrktrlurdtljjhnjfhfvtlkbr";

fn on_terminal(command: &std::process::Command) -> Terminal {
    let mut terminal = Terminal::open();
    terminal.start_captured(&bare(command));
    terminal
}

fn finish(terminal: &mut Terminal) -> Ended {
    ended(&terminal.finish())
}

#[test]
fn a_person_is_asked_for_the_pin_of_the_yubikey() {
    let lab = with_key(Template::P256);
    let mut terminal = on_terminal(&lab.with("piv:slot=authentication"));
    terminal.wait_for(" wants to sign with piv:slot=9a;serial=12345678");
    terminal.wait_for("PIN for YubiKey 12345678:").type_in("111111\n");
    terminal.wait_for("wrong PIN; 2 tries are left");
    terminal.wait_for("PIN for YubiKey 12345678:").type_in(&format!("{}\n", YubiKey::PIN));
    assert_eq!(finish(&mut terminal).code, 0, "{}", terminal.shown());
    assert!(!terminal.shown().contains(YubiKey::PIN) && !lab.card.state().verified);
    assert_eq!(lab.card.state().pin_tries, 3);
}

#[test]
fn a_one_time_password_that_is_typed_by_accident_is_not_sent() {
    let lab = with_key(Template::P256);
    let mark = lab.card.mark();
    let mut terminal = on_terminal(&lab.with(SLOT));
    terminal.wait_for("PIN for YubiKey 12345678:").type_in(&format!("{OTP}\n"));
    terminal.wait_for("one-time password").wait_for("PIN for YubiKey 12345678:");
    assert_eq!(lab.card.log_since(mark).count("VERIFY"), 0);
    terminal.type_in(&format!("{}\n", YubiKey::PIN));
    assert_eq!(finish(&mut terminal).code, 0, "{}", terminal.shown());
    assert_eq!(lab.card.log_since(mark).count("VERIFY"), 1);
}

#[test]
fn a_touch_is_asked_for_where_it_is_awaited_and_gone_when_it_is_given() {
    for touch_policy in [TouchPolicy::Always, TouchPolicy::Cached] {
        let lab = with_key(Template { touch_policy, ..Template::P256 });
        lab.card.touch(Touch::Never);
        let mut terminal = on_terminal(&lab.with_pin(SLOT));
        terminal.wait_for("keyanchor: touch YubiKey 12345678");
        lab.card.touch(Touch::AtOnce);
        assert_eq!(finish(&mut terminal).code, 0, "{}", terminal.shown());
    }
}

#[test]
fn a_touch_after_a_pin_that_was_typed_is_asked_for_as_well() {
    let lab = with_key(Template { touch_policy: TouchPolicy::Always, ..Template::P256 });
    lab.card.touch(Touch::Never);
    let mut terminal = on_terminal(&lab.with(SLOT));
    terminal.wait_for("PIN for YubiKey 12345678:").type_in(&format!("{}\n", YubiKey::PIN));
    terminal.wait_for("touch YubiKey 12345678");
    lab.card.touch(Touch::AtOnce);
    assert_eq!(finish(&mut terminal).code, 0, "{}", terminal.shown());
}

#[test]
fn no_touch_is_asked_for_where_none_is_awaited() {
    let lab = with_key(Template { touch_policy: TouchPolicy::Cached, ..Template::P256 });
    lab.card.touch(Touch::After(Duration::from_millis(10)));
    let said = |reference: &str| {
        let mut terminal = on_terminal(&lab.with_pin(reference));
        assert_eq!(finish(&mut terminal).code, 0, "{}", terminal.shown());
        terminal.shown()
    };
    assert_eq!(said(SLOT), "", "it is given before anybody is told");
    lab.card.touch(Touch::Never);
    assert_eq!(said(SLOT), "", "the touch of a moment ago counts still");
    // a key without a touch that takes its time
    lab.card.key(&Template { slot: 0x9c, ..Template::P256 });
    lab.card.script("GENERAL-AUTHENTICATE 1 sleep 1500");
    assert_eq!(said("piv:slot=9c"), "");
}

/// Whatever holds up the way to the signature: another program, or a slow card as here.
#[test]
fn no_touch_is_asked_for_before_the_signature_has_begun() {
    let touch_policy = TouchPolicy::Always;
    let lab = with_key(Template { touch_policy, pin_policy: PinPolicy::Never, ..Template::P256 });
    // who it is, its key, its certificate, and then the signature
    lab.card.script("SELECT 4 sleep 1500");
    let mut terminal = on_terminal(&lab.with(SLOT));
    assert_eq!(finish(&mut terminal).code, 0, "{}", terminal.shown());
    assert_eq!(terminal.shown(), "");
}

#[test]
fn a_touch_that_is_refused_or_comes_too_late_is_said() {
    let lab = with(YubiKey { touch_timeout: Duration::from_secs(2), ..YubiKey::V5_4 });
    for pin_policy in [PinPolicy::Once, PinPolicy::Always, PinPolicy::Never] {
        let touch_policy = TouchPolicy::Always;
        lab.card.key(&Template { pin_policy, touch_policy, ..Template::P256 });
        lab.card.touch(Touch::Deny);
        let (refused, _, signatures) = lab.counted(&mut lab.with_pin(SLOT));
        assert_eq!(signatures, 1);
        lab.check("piv-touch-is-refused", &refused);
        lab.card.touch(Touch::Never);
        let (late, _, signatures) = lab.counted(&mut lab.with_pin(SLOT));
        assert_eq!(signatures, 1);
        lab.check("piv-touch-is-not-given", &late);
        assert!(!lab.card.state().verified, "the PIN counts no more");
    }
}

#[test]
fn a_touch_is_waited_for_as_long_as_was_said() {
    let lab = with_key(Template { touch_policy: TouchPolicy::Always, ..Template::P256 });
    lab.card.touch(Touch::Never);
    let start = Instant::now();
    let late = run(lab.with_pin(SLOT).args(["--answer-timeout", "2s"]));
    lab.check("piv-touch-is-too-late", &late);
    assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
    // a killed run leaves a card that others may use, and a PIN that counts no more
    lab.card.touch(Touch::AtOnce);
    until("the card is reset", || !lab.card.state().verified);
    crate::lab::granted(&mut lab.with_pin(SLOT));
}

#[test]
fn the_card_that_is_to_be_put_in_is_named() {
    let lab = with_key(Template::P256);
    lab.card.remove();
    let mut terminal = on_terminal(lab.with_pin(SLOT).args(["--wait", "60s"]));
    terminal.wait_for("keyanchor: insert the YubiKey with serial 12345678");
    lab.card.insert();
    assert_eq!(finish(&mut terminal).code, 0, "{}", terminal.shown());
}

#[test]
fn a_card_is_waited_for_no_longer_than_was_said() {
    let lab = with_key(Template::P256);
    let start = Instant::now();
    let ended = run(lab.with_pin("piv:slot=9a;serial=1").args(["--wait", "2s"]));
    lab.check("piv-another-card-is-there", &ended);
    assert!(start.elapsed() >= Duration::from_secs(2));
}

#[test]
fn a_card_that_is_pulled_and_put_in_again_while_a_person_types_is_used() {
    let lab = with_key(Template::P256);
    let mut terminal = on_terminal(&lab.with(SLOT));
    terminal.wait_for("PIN for YubiKey 12345678:");
    lab.card.remove();
    lab.card.insert();
    terminal.type_in(&format!("{}\n", YubiKey::PIN));
    assert_eq!(finish(&mut terminal).code, 0, "{}", terminal.shown());
}

#[test]
fn another_card_in_its_place_is_not_sent_the_pin() {
    let lab = with_key(Template::P256);
    let mut terminal = on_terminal(&lab.with("piv:slot=9a"));
    terminal.wait_for("PIN for YubiKey 12345678:");
    lab.card.remove();
    let another = YubiKey { serial: 7, ..YubiKey::V5_4 }.insert(&lab.pcscd);
    another.key(&Template::P256);
    let mark = another.mark();
    terminal.type_in(&format!("{}\n", YubiKey::PIN));
    let removed = finish(&mut terminal);
    assert_eq!(another.log_since(mark).count("VERIFY"), 0);
    lab.check("piv-another-card-is-in-its-place", &removed);
}

/// A YubiKey is its own reader, whose count of events begins anew with it: only the card itself can tell.
#[test]
fn a_card_that_turns_out_to_be_another_one_is_not_sent_the_pin() {
    let lab = with_key(Template::P256);
    lab.card.script("GET-SERIAL 2 data 00000007 9000");
    let (exchanged, pins, _) = lab.counted(&mut lab.with_pin("piv:slot=9a"));
    assert_eq!(pins, 0, "{}", exchanged.stderr);
    lab.check("piv-another-card-is-in-its-place", &exchanged);
}

#[test]
fn a_card_that_is_pulled_while_a_person_types_is_missed() {
    let lab = with_key(Template::P256);
    let mut terminal = on_terminal(&lab.with(SLOT));
    terminal.wait_for("PIN for YubiKey 12345678:");
    lab.card.remove();
    terminal.type_in(&format!("{}\n", YubiKey::PIN));
    lab.check("piv-card-is-pulled-while-a-person-types", &finish(&mut terminal));
}
