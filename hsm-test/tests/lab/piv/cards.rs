//! Cards come and go, two at a time, of each firmware, and one that is no YubiKey.

use std::path::Path;

use hsm_test::piv::{Card, Client, Pcscd, PlainCard, Template, YubiKey, opensc_module};

use super::{inserted, pkcs11_tool, said, sentence, sign, succeeded, verifies};

/// What OpenSC says about the slots: whether there is a card, from the first on.
fn seen(card: &Card) -> Vec<bool> {
    let listed = succeeded(card.command("opensc-tool").arg("--list-readers"));
    listed.lines().skip(2).map(|line| line.contains(" Yes ")).collect()
}

fn status(card: &Card) -> String {
    succeeded(&mut card.yubico_piv_tool("status"))
}

#[test]
fn a_card_is_seen_when_it_is_in_and_not_when_it_is_out() {
    let (_pcscd, card) = inserted(&YubiKey::V5_4);
    for _ in 0..2 {
        assert_eq!(seen(&card), [true, false]);
        card.remove();
        assert!(!card.is_in());
        assert_eq!(seen(&card), [false, false]);
        card.insert();
    }
}

#[test]
fn a_pulled_card_keeps_its_keys_and_counters_and_forgets_who_it_trusts() {
    let (_pcscd, card) = inserted(&YubiKey::V5_4);
    let key = card.key(&Template::P256);
    let client = Client::of(&card);
    assert_eq!(client.verify(YubiKey::PIN), 0x9000);
    assert!(card.state().verified);
    card.remove();
    card.insert();
    assert!(!card.state().verified);
    card.leave_tries(2);
    card.remove();
    card.insert();
    assert_eq!(card.state().pin_tries, 2);
    let output = sign(&card, &key, YubiKey::PIN);
    assert!(output.status.success() && verifies(&card, &key), "{}", said(&output));
}

#[test]
fn each_firmware_tells_its_version_and_its_serial_number() {
    for yubikey in [YubiKey::V5_2, YubiKey::V5_4, YubiKey::V5_7] {
        let (_pcscd, card) = inserted(&YubiKey { serial: 7_654_321, ..yubikey });
        let status = status(&card);
        let version = format!("Version:\t{}", yubikey.firmware);
        assert!(status.contains(&version), "{status}");
        assert!(status.contains("Serial Number:\t7654321"), "{status}");
    }
}

#[test]
fn two_cards_are_two_readers_to_everybody() {
    let pcscd = Pcscd::start();
    let one = YubiKey { serial: 1, ..YubiKey::V5_4 }.insert(&pcscd);
    let two = YubiKey { slot: 1, serial: 2, ..YubiKey::V5_7 }.insert(&pcscd);
    assert_eq!(seen(&one), [true, true]);
    let keys = [&one, &two].map(|card| card.key(&Template::P256));
    for (card, key, serial) in [(&one, &keys[0], 1), (&two, &keys[1], 2)] {
        assert!(status(card).contains(&format!("Serial Number:\t{serial}")));
        let output = sign(card, key, YubiKey::PIN);
        assert!(output.status.success() && verifies(card, key), "{}", said(&output));
        assert_eq!(card.state().operations[&0x9a], 1);
    }
    one.remove();
    assert_eq!(seen(&two), [false, true]);
}

#[test]
fn a_slot_takes_one_card_at_a_time_and_another_one_after_it() {
    let (pcscd, card) = inserted(&YubiKey::V5_4);
    let said = sentence(|| YubiKey::V5_4.insert(&pcscd));
    assert_eq!(said, "no empty slot: Yubico YubiKey OTP+FIDO+CCID 00 00");
    card.remove();
    let other = YubiKey { serial: 99, ..YubiKey::V5_4 }.insert(&pcscd);
    assert!(status(&other).contains("Serial Number:\t99"));
}

#[test]
fn a_card_comes_back_when_pcscd_does() {
    let (mut pcscd, card) = inserted(&YubiKey::V5_4);
    let key = card.key(&Template::P256);
    for end in [Pcscd::stop, Pcscd::kill] {
        end(&mut pcscd);
        assert!(!card.is_in());
        pcscd.restart();
        card.await_insertion();
        let output = sign(&card, &key, YubiKey::PIN);
        assert!(output.status.success() && verifies(&card, &key), "{}", said(&output));
    }
}

#[test]
fn nothing_is_left_of_a_card_whose_guard_is_gone() {
    let (pcscd, card) = inserted(&YubiKey::V5_4);
    let (directory, id) = (card.dir().to_owned(), card.id());
    drop(card);
    assert!(!directory.exists() && !Path::new(&format!("/proc/{id}")).exists());
    let other = YubiKey { serial: 99, ..YubiKey::V5_4 }.insert(&pcscd);
    assert!(status(&other).contains("Serial Number:\t99"));
}

#[test]
fn a_plain_card_signs_and_is_no_yubikey() {
    let pcscd = Pcscd::with_reader("Example Reader");
    let card = PlainCard::NEW.insert(&pcscd);
    for template in [Template::P256, Template::RSA2048] {
        let key = card.key(&template);
        let output = sign(&card, &key, YubiKey::PIN);
        assert!(output.status.success() && verifies(&card, &key), "{}", said(&output));
    }
    let objects = succeeded(pkcs11_tool(&card, &opensc_module()).arg("-O"));
    assert!(objects.contains("Certificate for PIV Authentication"), "{objects}");
    assert!(status(&card).contains("Version:\t6.6.6"), "{}", status(&card));
    assert!(sentence(|| card.attestation(0x9a)).contains("Failed to attest"));
    card.leave_tries(1);
    assert_eq!(card.state().pin_tries, 1);
    assert!(status(&card).contains("PIN tries left:\t1"), "{}", status(&card));
    assert_eq!(card.state().operations[&0x9a], 2);
}
