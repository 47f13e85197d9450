//! Several cards, of which one may be none of Yubico's, held by others, or silent.

use hsm_test::piv::{Client, Pcscd, PlainCard, Template, YubiKey};
use serde_json::Value;

use super::{card, cards, list, slot, table};
use crate::piv::{around, lab};

#[test]
fn two_cards_are_told_apart() {
    let lab = lab();
    let second = YubiKey { slot: 1, serial: 7, ..YubiKey::V5_2 }.insert(&lab.pcscd);
    second.key(&Template::P256);
    let cards = cards(&mut list(&lab));
    let told = |member: &str| cards.iter().map(|card| card[member].clone()).collect::<Vec<_>>();
    assert_eq!(told("name"), ["YubiKey 12345678", "YubiKey 7"]);
    assert_eq!(told("serial"), [12_345_678, 7]);
    assert_eq!(told("firmware"), ["5.4.3", "5.2.7"]);
    assert_eq!(told("reader"), [lab.card.reader(), second.reader()]);
    let shown = table(&mut list(&lab));
    assert!(
        shown.contains("  no key and no certificate in any slot\n\nYubiKey 7, firmware 5.2.7\n"),
        "{shown}"
    );
}

#[test]
fn other_cards_have_no_serial_number_and_their_reader_in_the_uri() {
    let pcscd = Pcscd::with_reader("Example Reader");
    let plain = PlainCard::NEW.insert(&pcscd);
    let lab = around(pcscd, plain);
    lab.card.key(&Template::P256);
    let card = card(&mut list(&lab));
    assert_eq!((&card["serial"], &card["firmware"]), (&Value::Null, &Value::Null));
    assert_eq!(
        (&card["name"], &card["pin_tries"]),
        (&"the PIV card in the reader 'Example Reader 00 00'".into(), &3.into())
    );
    let slot = slot(&card, "9a");
    for member in ["pin_policy", "touch_policy", "generated"] {
        assert_eq!(slot[member], Value::Null, "{member}");
    }
    assert_eq!(slot["uri"], "piv:slot=9a;reader=Example%20Reader%2000%2000");
}

#[test]
fn a_card_that_another_program_holds_does_not_hide_the_others() {
    let lab = lab();
    let second = YubiKey { slot: 1, serial: 7, ..YubiKey::V5_4 }.insert(&lab.pcscd);
    second.key(&Template::P256);
    let holder = Client::holding(&lab.card, "scdaemon");
    let cards = cards(list(&lab).args(["--timeout", "1s"]));
    let problem = &cards[0]["problem"];
    assert_eq!((&problem["kind"], &problem["exit_code"]), (&"busy".into(), &6.into()));
    let probably = format!("scdaemon (process {})", holder.id());
    assert!(problem["cause"].as_str().is_some_and(|cause| cause.contains(&probably)), "{problem}");
    assert_eq!(slot(&cards[1], "9a")["uri"], "piv:slot=9a;serial=7");
    let shown = table(list(&lab).args(["--timeout", "1s"]));
    let held = "the card in the reader 'Yubico YubiKey OTP+FIDO+CCID 00 00'\n  is in use by another program\n";
    assert!(shown.contains(held) && shown.contains("gpgconf --kill scdaemon"), "{shown}");
    assert!(shown.contains("    piv:slot=9a;serial=7  (PIN once, touch never)\n"), "{shown}");
}

#[test]
fn a_card_that_is_silent_does_not_hide_the_others() {
    let lab = lab();
    let second = YubiKey { slot: 1, serial: 7, ..YubiKey::V5_4 }.insert(&lab.pcscd);
    lab.card.script("GET-METADATA 1 silent");
    let cards = cards(list(&lab).args(["--timeout", "1s"]));
    let told = |card: &Value| (card["problem"]["kind"].clone(), card["serial"].clone());
    assert_eq!(told(&cards[0]), ("hung".into(), Value::Null));
    assert_eq!(told(&cards[1]), (Value::Null, 7.into()));
    drop(second);
}
