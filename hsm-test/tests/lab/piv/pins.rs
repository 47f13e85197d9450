//! PINs: what a wrong one costs, by the account of the card and of programs that ask it.

use hsm_test::piv::{Card, Client, Template, YubiKey};

use super::{inserted, said, sign, succeeded, verifies};

/// The tries left, as yubico-piv-tool has them from the card.
fn tries_told(card: &Card) -> u8 {
    let status = succeeded(&mut card.yubico_piv_tool("status"));
    let tries = status.lines().find_map(|line| line.strip_prefix("PIN tries left:"));
    tries.and_then(|tries| tries.trim().parse().ok()).unwrap_or_else(|| panic!("{status}"))
}

fn verify(card: &Card, pin: &str) -> bool {
    let mut verify = card.yubico_piv_tool("verify-pin");
    verify.args(["-P", pin]).output().expect("yubico-piv-tool is installed").status.success()
}

#[test]
fn a_wrong_pin_costs_one_try_and_the_right_one_gives_all_back() {
    let (_pcscd, card) = inserted(&YubiKey::V5_4);
    assert_eq!((card.state().pin_tries, tries_told(&card)), (3, 3));
    let mark = card.mark();
    assert!(!verify(&card, "999999"));
    assert_eq!((card.state().pin_tries, tries_told(&card)), (2, 2));
    let log = card.log_since(mark);
    let status = log.of("VERIFY").map(|entry| entry.command.and_then(|command| command.status));
    assert_eq!(status.collect::<Vec<_>>(), [Some(0x63C2)]);
    assert!(verify(&card, YubiKey::PIN));
    assert_eq!((card.state().pin_tries, tries_told(&card)), (3, 3));
}

#[test]
fn so_many_tries_are_left_as_is_said_and_none_is_blocked() {
    let yubikey = YubiKey { pin_tries: 5, ..YubiKey::V5_4 };
    let (_pcscd, card) = inserted(&yubikey);
    let key = card.key(&Template::P256);
    for left in [5, 4, 1] {
        card.leave_tries(left);
        assert_eq!((card.state().pin_tries, tries_told(&card)), (left, left));
    }
    assert!(sign(&card, &key, YubiKey::PIN).status.success());
    card.leave_tries(0);
    assert_eq!((card.state().pin_tries, tries_told(&card)), (0, 0));
    assert!(!verify(&card, YubiKey::PIN));
    assert_eq!(Client::of(&card).verify(YubiKey::PIN), 0x6983);
}

#[test]
fn who_knows_the_puk_unblocks_the_pin() {
    let (_pcscd, card) = inserted(&YubiKey::V5_4);
    let key = card.key(&Template::P256);
    card.leave_tries(0);
    card.unblock(YubiKey::PUK, "135790");
    assert_eq!(card.state().pin_tries, 3);
    let output = sign(&card, &key, "135790");
    assert!(output.status.success() && verifies(&card, &key), "{}", said(&output));
}

#[test]
fn a_wrong_puk_costs_one_try_of_its_own() {
    let yubikey = YubiKey { puk_tries: 4, ..YubiKey::V5_4 };
    let (_pcscd, card) = inserted(&yubikey);
    let mut unblock = card.yubico_piv_tool("unblock-pin");
    let output = unblock.args(["-P", "00000000", "-N", "135790"]).output().expect("installed");
    assert!(!output.status.success());
    assert_eq!((card.state().pin_tries, card.state().puk_tries), (3, 3));
}

#[test]
fn the_pin_is_the_labs_and_the_factorys_only_where_that_is_asked_for() {
    let (_pcscd, card) = inserted(&YubiKey::V5_4);
    assert!(!verify(&card, YubiKey::FACTORY_PIN) && verify(&card, YubiKey::PIN));
    let factory = YubiKey { pin: YubiKey::FACTORY_PIN, puk: YubiKey::FACTORY_PUK, ..YubiKey::V5_4 };
    let (_pcscd, card) = inserted(&factory);
    assert!(!verify(&card, YubiKey::PIN) && verify(&card, YubiKey::FACTORY_PIN));
    card.unblock(YubiKey::FACTORY_PUK, "135790");
}

#[test]
fn a_changed_pin_is_the_only_one() {
    let (_pcscd, card) = inserted(&YubiKey::V5_4);
    card.change_pin(YubiKey::PIN, "24681012");
    assert!(!verify(&card, YubiKey::PIN) && verify(&card, "24681012"));
}
