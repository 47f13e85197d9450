//! Other clients in the way: they hold the card, reset it, take its application or its PIN.

use std::fs;
use std::thread;
use std::time::Duration;

use hsm_test::piv::{Card, Client, Disposition, Pcscd, Share, Sharing, Template, YubiKey};

use super::{inserted, said, sign};

const GET_VERSION: [u8; 5] = [0x00, 0xFD, 0x00, 0x00, 0x00];

fn sharing(pcscd: &Pcscd) -> Sharing {
    pcscd.readers()[0].sharing
}

/// A client that stays connected, with the PIN verified.
fn verified(card: &Card) -> Client {
    let client = Client::of(card);
    client.connect(Share::Shared).expect("nobody is in the way");
    let mine = Client::of(card);
    assert_eq!(mine.verify(YubiKey::PIN), 0x9000);
    client
}

#[test]
fn who_holds_a_card_keeps_others_away_until_it_goes() {
    let (pcscd, card) = inserted(&YubiKey::V5_4);
    let key = card.key(&Template::P256);
    let holder = Client::holding(&card, "scdaemon");
    let name = fs::read_to_string(format!("/proc/{}/comm", holder.id())).expect("it runs");
    assert_eq!((name.as_str(), sharing(&pcscd)), ("scdaemon\n", Sharing::Exclusive));
    assert!(!sign(&card, &key, YubiKey::PIN).status.success());
    let refused = Client::of(&card).connect(Share::Shared).expect_err("it is held");
    assert!(refused.contains("other connections outstanding"), "{refused}");
    drop(holder);
    let output = sign(&card, &key, YubiKey::PIN);
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(sharing(&pcscd), Sharing::Shared(0));
}

#[test]
fn a_reset_is_told_to_who_was_connected_and_the_pin_is_forgotten() {
    let (pcscd, card) = inserted(&YubiKey::V5_4);
    let client = verified(&card);
    assert!(card.state().verified);
    assert_eq!(sharing(&pcscd), Sharing::Shared(1));
    let mark = card.mark();
    Client::of(&card).reset();
    let told = client.transmit(&GET_VERSION).expect_err("it was reset");
    assert!(told.contains("reset"), "{told}");
    assert!(!card.state().verified);
    assert_eq!(card.log_since(mark).count("POWER reset"), 1);
}

#[test]
fn another_application_takes_the_pin_along() {
    let (_pcscd, card) = inserted(&YubiKey::V5_4);
    let client = verified(&card);
    Client::of(&card).select_another_application();
    assert!(!card.state().verified);
    assert_eq!(client.transmit(&GET_VERSION).expect("no reset"), [0x6D, 0x00]);
}

#[test]
fn a_pin_that_another_client_says_counts_for_all() {
    let (_pcscd, card) = inserted(&YubiKey::V5_4);
    let other = Client::of(&card);
    assert_eq!(other.verify("999999"), 0x63C2);
    assert_eq!((card.state().pin_tries, card.state().verified), (2, false));
    assert_eq!(other.verify(YubiKey::PIN), 0x9000);
    assert_eq!((card.state().pin_tries, card.state().verified), (3, true));
}

#[test]
fn a_transaction_keeps_those_waiting_who_reset() {
    let (_pcscd, card) = inserted(&YubiKey::V5_4);
    for goes in [false, true] {
        let (one, other) = (Client::of(&card), Client::of(&card));
        for client in [&one, &other] {
            client.connect(Share::Shared).expect("nobody is in the way");
        }
        one.begin().expect("nobody is in a transaction");
        thread::scope(|scope| {
            let waiting = scope.spawn(|| match goes {
                false => other.reconnect(Share::Shared, Disposition::Reset),
                true => other.disconnect(Disposition::Reset),
            });
            thread::sleep(Duration::from_millis(100));
            assert!(one.transmit(&GET_VERSION).is_ok() && !waiting.is_finished());
            one.end(Disposition::Leave).expect("it is in its transaction");
            assert_eq!(waiting.join().expect("no panic"), Ok(()));
        });
        let told = one.transmit(&GET_VERSION).expect_err("it was reset");
        assert!(told.contains("reset"), "{told}");
    }
}

#[test]
fn a_transaction_may_end_with_a_reset_or_without_power() {
    let (_pcscd, card) = inserted(&YubiKey::V5_4);
    for (disposition, event) in
        [(Disposition::Reset, "POWER reset"), (Disposition::Unpower, "POWER off")]
    {
        let client = Client::of(&card);
        client.connect(Share::Shared).expect("nobody is in the way");
        client.begin().expect("nobody is in a transaction");
        let mark = card.mark();
        client.end(disposition).expect("it is in its transaction");
        assert_eq!(card.log_since(mark).count(event), 1, "{disposition:?}");
    }
}
