//! Every slot, kind of key and policy that makes a difference gives credentials, with one PIN and one signature. The
//! server judges each signature by OpenSSL's libcrypto.

use hsm_test::piv::{Algorithm, PinPolicy, Stored, Template, TouchPolicy, YubiKey};

use super::{PivLab, lab, with};
use crate::lab::granted;

/// One credential, by as many PINs and one signature.
fn signs(lab: &PivLab, template: Template, pins: usize) {
    lab.card.key(&template);
    let reference = format!("piv:slot={:02x}", template.slot);
    let mark = lab.card.mark();
    granted(&mut lab.with_pin(&reference));
    let log = lab.card.log_since(mark);
    assert_eq!(log.count("GENERAL-AUTHENTICATE"), 1, "{template:?}: {:?}", log.commands());
    assert_eq!(log.count("VERIFY"), pins, "{template:?}: {:?}", log.commands());
    assert!(!lab.card.state().verified, "{template:?}: the PIN counts no more");
}

#[test]
fn keys_of_all_kinds_and_policies_sign() {
    let lab = lab();
    for algorithm in [Algorithm::P256, Algorithm::P384, Algorithm::Rsa2048] {
        for (pin_policy, pins) in
            [(PinPolicy::Never, 0), (PinPolicy::Once, 1), (PinPolicy::Always, 1)]
        {
            for touch_policy in [TouchPolicy::Never, TouchPolicy::Always, TouchPolicy::Cached] {
                let template = Template {
                    pin_policy,
                    touch_policy,
                    imported: true,
                    ..Template::of(algorithm)
                };
                signs(&lab, template, pins);
            }
        }
    }
    assert_eq!(lab.server.requests().len(), 27);
}

#[test]
fn every_slot_signs_with_the_policy_that_is_usual_in_it() {
    let lab = lab();
    for (slot, pins) in [(0x9a, 1), (0x9c, 1), (0x9d, 1), (0x9e, 0), (0x82, 1), (0x95, 1)] {
        signs(&lab, Template { slot, ..Template::P256 }, pins);
    }
}

#[test]
fn long_rsa_keys_sign_from_firmware_5_7_on() {
    let lab = with(YubiKey::V5_7);
    for algorithm in [Algorithm::Rsa3072, Algorithm::Rsa4096] {
        signs(&lab, Template::of(algorithm), 1);
    }
}

#[test]
fn compressed_certificates_are_read() {
    let lab = lab();
    signs(&lab, Template { stored: Stored::Gzip, ..Template::P256 }, 1);
}
