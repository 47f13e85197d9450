//! Faults on order: without a line the card does what it should, with one what the line says.

use std::thread;

use hsm_test::piv::{Card, Template, YubiKey};

use super::by_hand::client;
use super::{inserted, said, sentence, sign, verifies};

const GET_VERSION: [u8; 5] = [0x00, 0xFD, 0x00, 0x00, 0x00];

/// What the card answers when it is asked for its version.
fn version(card: &Card) -> Vec<u8> {
    client(card, false).transmit(&GET_VERSION).expect("the card answers")
}

#[test]
fn a_status_word_is_answered_instead_of_the_call_that_is_meant() {
    let (_pcscd, card) = inserted(&YubiKey::V5_4);
    let key = card.key(&Template::P256);
    card.script("VERIFY 2 sw 6F00");
    for signs in [true, false, true] {
        let output = sign(&card, &key, YubiKey::PIN);
        assert_eq!(output.status.success(), signs, "{}", said(&output));
    }
    assert_eq!(card.state().pin_tries, 3);
}

#[test]
fn cleared_faults_are_gone_and_nonsense_is_a_sentence() {
    let (_pcscd, card) = inserted(&YubiKey::V5_4);
    card.script("GET-VERSION * sw 6F00");
    assert_eq!(version(&card), [0x6F, 0x00]);
    card.clear();
    assert_eq!(version(&card), [5, 4, 3, 0x90, 0x00]);
    for line in ["GET-VERSION * explode", "FROB * silent", "GET-VERSION sw 6F00"] {
        let said = sentence(|| card.script(line));
        assert!(said.starts_with(&format!("script {line}: ")), "{said}");
    }
}

#[test]
fn answers_are_made_up_cut_or_endless() {
    let (_pcscd, card) = inserted(&YubiKey::V5_4);
    for (fault, answer) in [
        ("data 0102030405 9000", vec![1, 2, 3, 4, 5, 0x90, 0x00]),
        ("data - 6A82", vec![0x6A, 0x82]),
        ("garble", vec![5, 0x90, 0x00]),
    ] {
        card.script(&format!("GET-VERSION * {fault}"));
        assert_eq!(version(&card), answer, "{fault}");
        card.clear();
    }
    card.script("GET-VERSION * large");
    let answer = version(&card);
    assert!(answer.len() == 258 && answer.ends_with(&[0x61, 0x00]), "{answer:02X?}");
}

#[test]
fn a_wrong_signature_looks_like_one_and_does_not_verify() {
    let (_pcscd, card) = inserted(&YubiKey::V5_4);
    for template in [Template::P256, Template::RSA2048] {
        let key = card.key(&template);
        card.script("GENERAL-AUTHENTICATE 1 wrong");
        assert!(sign(&card, &key, YubiKey::PIN).status.success());
        assert!(!verifies(&card, &key));
        card.clear();
        assert!(sign(&card, &key, YubiKey::PIN).status.success());
        assert!(verifies(&card, &key));
    }
}

#[test]
fn a_card_that_is_pulled_at_a_command_is_out_until_it_is_inserted_or_comes_back() {
    let (_pcscd, card) = inserted(&YubiKey::V5_4);
    let key = card.key(&Template::P256);
    for (action, comes_back) in [("pull", false), ("pull 1500", true)] {
        card.script(&format!("GENERAL-AUTHENTICATE 1 {action}"));
        assert!(!sign(&card, &key, YubiKey::PIN).status.success());
        card.await_removal();
        if comes_back {
            card.await_insertion();
        } else {
            card.insert();
        }
        card.clear();
        assert!(sign(&card, &key, YubiKey::PIN).status.success());
    }
}

#[test]
fn a_silent_card_is_waited_for_until_it_is_pulled() {
    let (_pcscd, card) = inserted(&YubiKey::V5_4);
    let key = card.key(&Template::P256);
    card.script("GENERAL-AUTHENTICATE 1 silent");
    let mark = card.mark();
    thread::scope(|scope| {
        let signing = scope.spawn(|| sign(&card, &key, YubiKey::PIN));
        card.await_log(mark, "GENERAL-AUTHENTICATE");
        thread::sleep(std::time::Duration::from_millis(100));
        assert!(!signing.is_finished());
        card.remove();
        assert!(!signing.join().expect("no panic").status.success());
    });
    card.insert();
    assert!(sign(&card, &key, YubiKey::PIN).status.success());
}

#[test]
fn a_card_forgets_the_pin_or_the_application_between_two_commands() {
    let (_pcscd, card) = inserted(&YubiKey::V5_4);
    let key = card.key(&Template::P256);
    for (fault, status) in [("unverify", 0x6982), ("deselect", 0x6D00)] {
        card.script(&format!("GENERAL-AUTHENTICATE 1 {fault}"));
        let mark = card.mark();
        assert!(!sign(&card, &key, YubiKey::PIN).status.success());
        let log = card.log_since(mark);
        let answered = log.of("GENERAL-AUTHENTICATE").next().and_then(|entry| entry.command);
        assert_eq!(answered.and_then(|command| command.status), Some(status), "{fault}");
        card.clear();
    }
}

#[test]
fn a_slow_card_answers_later() {
    let (_pcscd, card) = inserted(&YubiKey::V5_4);
    let client = client(&card, false);
    card.script("GET-VERSION 1 sleep 300");
    let began = std::time::Instant::now();
    assert_eq!(client.transmit(&GET_VERSION).expect("the card answers"), [5, 4, 3, 0x90, 0x00]);
    assert!(began.elapsed() >= std::time::Duration::from_millis(300));
}
