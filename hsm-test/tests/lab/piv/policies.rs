//! When the card wants its PIN and a touch, which only commands by hand can tell: every tool says its PIN first.

use std::time::{Duration, Instant};

use hsm_test::piv::{Card, PinPolicy, Template, Touch, TouchPolicy, YubiKey};

use super::by_hand::{self, GOOD};
use super::{inserted, said, sign, verifies};

const REFUSED: u16 = 0x6982;

/// The status words of two signatures in one breath, after the PIN if it shall be.
fn two_signatures(card: &Card, slot: u8, with_pin: bool) -> [u16; 2] {
    let client = by_hand::client(card, with_pin);
    [(); 2].map(|()| by_hand::sign(&client, slot, 0x11, &[0x5a; 32]).0)
}

#[test]
fn each_pin_policy_wants_the_pin_when_it_says() {
    let (_pcscd, card) = inserted(&YubiKey::V5_4);
    for (slot, pin_policy, without, with) in [
        (0x9a, PinPolicy::Never, [GOOD, GOOD], [GOOD, GOOD]),
        (0x9a, PinPolicy::Once, [REFUSED, REFUSED], [GOOD, GOOD]),
        (0x9a, PinPolicy::Always, [REFUSED, REFUSED], [GOOD, REFUSED]),
        (0x9a, PinPolicy::Default, [REFUSED, REFUSED], [GOOD, GOOD]),
        (0x9c, PinPolicy::Default, [REFUSED, REFUSED], [GOOD, REFUSED]),
        (0x9c, PinPolicy::Never, [GOOD, GOOD], [GOOD, GOOD]),
        (0x9d, PinPolicy::Default, [REFUSED, REFUSED], [GOOD, GOOD]),
        (0x9e, PinPolicy::Default, [GOOD, GOOD], [GOOD, GOOD]),
        (0x82, PinPolicy::Default, [REFUSED, REFUSED], [GOOD, GOOD]),
    ] {
        card.key(&Template { slot, pin_policy, ..Template::P256 });
        assert_eq!(two_signatures(&card, slot, false), without, "{slot:x} {pin_policy:?} without");
        assert_eq!(two_signatures(&card, slot, true), with, "{slot:x} {pin_policy:?} with");
    }
}

#[test]
fn each_touch_policy_wants_a_touch_when_it_says() {
    let (_pcscd, card) = inserted(&YubiKey::V5_4);
    for (touch_policy, touches) in [
        (TouchPolicy::Default, 0),
        (TouchPolicy::Never, 0),
        (TouchPolicy::Always, 2),
        (TouchPolicy::Cached, 1),
    ] {
        card.key(&Template { touch_policy, ..Template::P256 });
        let mark = card.mark();
        assert_eq!(two_signatures(&card, 0x9a, true), [GOOD, GOOD]);
        let log = card.log_since(mark);
        assert_eq!(
            (log.count("TOUCH awaited"), log.count("TOUCH given")),
            (touches, touches),
            "{touch_policy:?}"
        );
    }
}

#[test]
fn a_touch_may_be_late_denied_or_never_come() {
    let yubikey = YubiKey { touch_timeout: Duration::from_millis(700), ..YubiKey::V5_4 };
    let (_pcscd, card) = inserted(&yubikey);
    let key = card.key(&Template { touch_policy: TouchPolicy::Always, ..Template::P256 });
    for (touch, ends, least, signs) in [
        (Touch::AtOnce, "TOUCH given", 0, true),
        (Touch::After(Duration::from_millis(400)), "TOUCH given", 400, true),
        (Touch::Deny, "TOUCH denied", 0, false),
        (Touch::Never, "TOUCH timeout", 700, false),
    ] {
        card.touch(touch);
        let (mark, began) = (card.mark(), Instant::now());
        let output = sign(&card, &key, YubiKey::PIN);
        assert!(began.elapsed() >= Duration::from_millis(least), "{touch:?}");
        assert_eq!(output.status.success(), signs, "{touch:?}: {}", said(&output));
        assert_eq!(verifies(&card, &key), signs);
        let log = card.log_since(mark);
        assert_eq!((log.count("TOUCH awaited"), log.count(ends)), (1, 1), "{touch:?}: {log:?}");
        let sign = log.of("GENERAL-AUTHENTICATE").next().and_then(|entry| entry.command);
        assert_eq!(
            sign.and_then(|command| command.status),
            Some(if signs { GOOD } else { REFUSED })
        );
    }
}

#[test]
fn a_touch_that_is_awaited_can_be_given() {
    let yubikey = YubiKey { touch: Touch::Never, ..YubiKey::V5_4 };
    let (_pcscd, card) = inserted(&yubikey);
    let key = card.key(&Template { touch_policy: TouchPolicy::Always, ..Template::P256 });
    let mark = card.mark();
    std::thread::scope(|scope| {
        let signing = scope.spawn(|| sign(&card, &key, YubiKey::PIN));
        card.await_log(mark, "TOUCH awaited");
        assert!(!signing.is_finished());
        card.touch(Touch::AtOnce);
        assert!(signing.join().expect("no panic").status.success());
    });
    assert!(verifies(&card, &key));
}
