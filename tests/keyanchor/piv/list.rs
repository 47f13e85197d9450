//! What `keyanchor list` tells of cards: keys as they were made, certificates as they are, and what can be pasted.

use std::process::Command;

use hsm_test::piv::{Card, Client, Pcscd, PlainCard, Template, YubiKey};
use hsm_test::softhsm::SoftHsm;
use serde_json::Value;

use super::{PivLab, lab};
use crate::lab::{Ended, granted, run};

mod certificates;
mod keys;
mod several;

/// `list` that asks the cards, and one module that has nothing to do with them.
fn list(lab: &PivLab) -> Command {
    let mut command = lab.command();
    command.env("KEYANCHOR_PKCS11_LIB", SoftHsm::module()).arg("list");
    command
}

fn succeeded(command: &mut Command) -> Ended {
    let ended = run(command);
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{}", ended.stdout);
    ended
}

/// The cards, as programs get them.
fn cards(command: &mut Command) -> Vec<Value> {
    let ended = succeeded(command.arg("--json"));
    let document: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    document["cards"].as_array().expect("cards").clone()
}

/// What people get.
fn table(command: &mut Command) -> String {
    succeeded(command).stdout
}

/// The only card.
fn card(command: &mut Command) -> Value {
    let cards = cards(command);
    let [card] = &cards[..] else { panic!("{cards:?}") };
    card.clone()
}

fn slots(card: &Value) -> &[Value] {
    card["slots"].as_array().expect("slots")
}

fn slot<'v>(card: &'v Value, number: &str) -> &'v Value {
    let found = slots(card).iter().find(|slot| slot["slot"] == number);
    found.unwrap_or_else(|| panic!("no {number} in {card}"))
}

#[test]
fn each_uri_can_be_pasted() {
    let lab = lab();
    let mut made = Vec::new();
    for slot in [0x9a, 0x9c, 0x9d, 0x9e, 0x82, 0x95] {
        lab.card.key(&Template { slot, ..Template::P256 });
        made.push(slot);
    }
    let second = PlainCard { slot: 1, ..PlainCard::NEW }.insert(&lab.pcscd);
    // the only slot in which it has a key from the start
    second.key(&Template { slot: 0x9e, ..Template::P256 });
    let cards = cards(&mut list(&lab));
    let uris = cards
        .iter()
        .flat_map(slots)
        .map(|slot| slot["uri"].as_str().unwrap_or_else(|| panic!("no URI: {slot}")));
    let uris: Vec<_> = uris.collect();
    assert_eq!(uris.len(), 7);
    uris.iter().for_each(|uri| drop(granted(&mut lab.with_pin(uri))));
    let used = |card: &Card| card.state().operations.into_iter().collect::<Vec<_>>();
    let mut once: Vec<_> = made.into_iter().map(|slot| (slot, 1)).collect();
    once.sort_unstable();
    assert_eq!((used(&lab.card), used(&second)), (once, vec![(0x9e, 1)]));
}

#[test]
fn the_tries_that_the_pin_has_left_are_told_and_none_is_used_up() {
    let lab = lab();
    for (left, words) in [
        (3, ""),
        (2, "  2 tries are left for the PIN\n"),
        (1, "  one try is left for the PIN: a wrong one locks it\n"),
        (0, "  the PIN is locked\n"),
    ] {
        lab.card.leave_tries(left);
        assert_eq!(card(&mut list(&lab))["pin_tries"], left);
        let shown = table(&mut list(&lab));
        assert!(shown.contains(words) && (left < 3 || !shown.contains("PIN")), "{shown}");
        assert_eq!(lab.card.state().pin_tries, left);
    }
}

#[test]
fn nothing_is_signed_or_written_and_no_pin_is_sent() {
    let lab = lab();
    lab.card.key(&Template::P256);
    let mark = lab.card.mark();
    succeeded(&mut list(&lab));
    let log = lab.card.log_since(mark);
    let reads = [
        "SELECT",
        "GET-VERSION",
        "GET-SERIAL",
        "VERIFY-STATUS",
        "GET-METADATA",
        "GET-DATA",
        "GET-RESPONSE",
    ];
    let others: Vec<_> = log.commands().into_iter().filter(|name| !reads.contains(name)).collect();
    assert!(others.is_empty() && log.count("GET-DATA") > 0, "{others:?}");
    assert_eq!(log.0.iter().filter(|entry| entry.name.starts_with("POWER reset")).count(), 0);
}

/// This card keeps a PIN over a selection, and whoever gave it may be about to sign.
#[test]
fn the_pin_of_another_program_is_left_alone() {
    let lab = lab();
    let plain = PlainCard { slot: 1, ..PlainCard::NEW }.insert(&lab.pcscd);
    assert_eq!(Client::of(&plain).verify(YubiKey::PIN), 0x9000);
    let cards = cards(&mut list(&lab));
    assert_eq!(cards[1]["pin_tries"], Value::Null, "it does not say while the PIN counts");
    assert!(plain.state().verified);
}

#[test]
fn what_is_no_piv_card_is_not_told() {
    let lab = lab();
    lab.card.script("SELECT * sw 6A82");
    assert!(cards(&mut list(&lab)).is_empty());
    lab.card.clear();
    lab.card.remove();
    assert!(cards(&mut list(&lab)).is_empty(), "nothing is in the reader");
}

#[test]
fn without_a_daemon_there_are_no_cards_and_no_error() {
    let mut lab = lab();
    for end in [Pcscd::stop as fn(&mut Pcscd), Pcscd::kill] {
        end(&mut lab.pcscd);
        assert!(cards(&mut list(&lab)).is_empty());
        let shown = table(&mut list(&lab));
        assert!(
            shown.ends_with(
                "no token is in sight: insert one, or name its module with --pkcs11-lib\n"
            ),
            "{shown}"
        );
        lab.pcscd.restart();
    }
}

#[test]
fn a_daemon_that_does_not_answer_is_told() {
    let lab = lab();
    lab.pcscd.pause();
    let card = card(list(&lab).args(["--timeout", "1s"]));
    lab.pcscd.resume();
    assert_eq!((&card["name"], &card["reader"]), (&"smart cards".into(), &"".into()));
    assert_eq!(card["problem"]["kind"], "hung", "{card}");
}

#[test]
fn cards_are_an_answer_where_no_module_is() {
    let mut lab = lab();
    let list = |lab: &PivLab| run(list(lab).env("KEYANCHOR_PKCS11_LIB", "/nonexistent.so")).code;
    assert_eq!(list(&lab), 0);
    lab.pcscd.stop();
    assert_eq!(list(&lab), 3);
}
