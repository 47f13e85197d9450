//! The same card through PKCS#11 modules that are not ours: Yubico's and OpenSC's. What it costs there, the card's own
//! log and counter say.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use hsm_test::piv::{
    Algorithm, Log, PinPolicy, Template, Touch, TouchPolicy, YubiKey, opensc_module, ykcs11_module,
};
use serde_json::Value;

use super::{PivLab, lab};
use crate::lab::{granted, run};

fn modules() -> [PathBuf; 2] {
    [ykcs11_module(), opensc_module()]
}

/// `credential-process` for the key in a slot, by the CKA_ID that both modules give it.
fn through(module: &Path, lab: &PivLab, slot: u8) -> Command {
    let slots = [0x9a, 0x9c, 0x9d, 0x9e];
    let id = slots.iter().position(|known| *known == slot).expect("one of the first four") + 1;
    let mut command = lab.with(&format!("pkcs11:id=%{id:02x}"));
    command.arg("--pkcs11-lib").arg(module);
    command
}

/// One credential by one signature, and what the card was asked for it.
fn signed(module: &Path, lab: &PivLab, template: &Template) -> Log {
    lab.card.key(template);
    let mark = lab.card.mark();
    let mut command = through(module, lab, template.slot);
    granted(command.arg("--pin-file").arg(lab.pin(YubiKey::PIN)));
    let log = lab.card.log_since(mark);
    assert_eq!(log.count("GENERAL-AUTHENTICATE"), 1, "{template:?} by {}", module.display());
    log
}

#[test]
fn keys_of_all_kinds_sign_through_both_modules() {
    let lab = lab();
    for module in modules() {
        for algorithm in [Algorithm::P256, Algorithm::P384, Algorithm::Rsa2048] {
            // Yubico's describes the curves of imported keys and does not name them.
            let template = Template { imported: true, ..Template::of(algorithm) };
            let log = signed(&module, &lab, &template);
            assert_eq!(log.count("VERIFY"), 1, "{algorithm:?} by {}", module.display());
        }
        let log = signed(&module, &lab, &Template::P384);
        assert_eq!(log.count("VERIFY"), 1, "made on the card, by {}", module.display());
    }
    assert_eq!(lab.server.requests().len(), 8);
}

/// CKA_ALWAYS_AUTHENTICATE: one PIN for the login without which the key is not seen, and one for the signature. As a
/// card it takes one.
#[test]
fn a_key_that_wants_its_pin_each_time_takes_it_twice() {
    let lab = lab();
    for module in modules() {
        let template = Template { slot: 0x9c, pin_policy: PinPolicy::Always, ..Template::P256 };
        let log = signed(&module, &lab, &template);
        assert_eq!(log.count("VERIFY"), 2, "{}", module.display());
    }
    let (ended, pins, signatures) = lab.counted(&mut lab.with_pin("piv:slot=9c"));
    assert_eq!((ended.code, pins, signatures), (0, 1, 1), "{}", ended.stderr);
}

/// Both modules say that the token wants a login, whatever the key does. As a card it takes no PIN.
#[test]
fn a_key_that_wants_no_pin_takes_the_tokens_login_all_the_same() {
    let lab = lab();
    for module in modules() {
        let log = signed(&module, &lab, &Template { slot: 0x9e, ..Template::P256 });
        assert_eq!(log.count("VERIFY"), 1, "{}", module.display());
        let (ended, pins, signatures) = lab.counted(&mut through(&module, &lab, 0x9e));
        assert_eq!((ended.code, pins, signatures), (4, 0, 0), "{}", ended.stderr);
    }
    let (ended, pins, signatures) = lab.counted(&mut lab.with("piv:slot=9e"));
    assert_eq!((ended.code, pins, signatures), (0, 0, 1), "{}", ended.stderr);
}

#[test]
fn a_touch_is_waited_for_within_the_signature() {
    let lab = lab();
    let late = Duration::from_millis(700);
    lab.card.touch(Touch::After(late));
    for module in modules() {
        let begun = Instant::now();
        let template = Template { touch_policy: TouchPolicy::Always, ..Template::P256 };
        let log = signed(&module, &lab, &template);
        assert_eq!((log.count("TOUCH awaited"), log.count("TOUCH given")), (1, 1));
        assert!(begun.elapsed() >= late, "{:?}", begun.elapsed());
    }
}

/// Yubico's module resets the card in the end. OpenSC's leaves the PIN to whoever comes next, C_Logout or not: it knows
/// of no end for PIV cards.
#[test]
fn what_becomes_of_the_pin_is_the_modules_affair() {
    let lab = lab();
    for (module, left) in [(ykcs11_module(), false), (opensc_module(), true)] {
        signed(&module, &lab, &Template::P256);
        assert_eq!(lab.card.state().verified, left, "{}", module.display());
    }
    granted(&mut lab.with_pin("piv:slot=9a"));
    assert!(!lab.card.state().verified, "as a card it is taken away");
}

#[test]
fn what_list_shows_through_both_modules_can_be_pasted() {
    let lab = lab();
    lab.card.key(&Template::P256);
    for module in modules() {
        let mut list = lab.command();
        let listed = run(list.args(["list", "--json", "--pkcs11-lib"]).arg(&module)).stdout;
        let listed: Value = serde_json::from_str(&listed).expect("JSON");
        let keys = listed["modules"][0]["tokens"][0]["keys"].as_array().expect("keys");
        let key = keys.iter().find(|key| key["id"] == "01").expect("that of slot 9a");
        granted(lab.with_pin(key["uri"].as_str().expect("URI")).arg("--pkcs11-lib").arg(&module));
    }
}

/// Both modules have the flags of PKCS#11 from the card: one try is left, or none. That a wrong PIN was given before is
/// told by Yubico's alone.
#[test]
fn a_wrong_pin_costs_one_try_and_the_last_is_left_alone() {
    let lab = lab();
    lab.card.key(&Template::P256);
    for (module, after_one) in [
        (ykcs11_module(), "few tries are left"),
        (opensc_module(), "the token does not say how many tries are left"),
    ] {
        let with = |pin: &str| {
            let mut command = through(&module, &lab, 0x9a);
            lab.counted(command.arg("--pin-file").arg(lab.pin(pin)))
        };
        for (tries, pin, said) in [(2, "111111", after_one), (1, "2222222", "one try is left")] {
            let (ended, pins, signatures) = with(pin);
            assert_eq!((ended.code, pins, signatures), (4, 1, 0), "{}", ended.stderr);
            assert_eq!(lab.card.state().pin_tries, tries, "{}", module.display());
            assert!(ended.stderr.contains(said), "{}", ended.stderr);
        }
        for tries in [1, 0] {
            lab.card.leave_tries(tries);
            let (ended, pins, signatures) = with(YubiKey::PIN);
            assert_eq!((ended.code, pins, signatures), (4, 0, 0), "{}", ended.stderr);
            assert_eq!(lab.card.state().pin_tries, tries, "{}", module.display());
        }
        lab.card.unblock(YubiKey::PUK, YubiKey::PIN);
    }
}
