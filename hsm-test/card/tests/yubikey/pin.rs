//! PIN, PUK, and what forgets that the PIN was verified.

use keyanchor_card::yubikey::Cipher;

use crate::client::{Client, OK, padded};

const OTHER_APPLICATION: [u8; 6] = [0xA0, 0x00, 0x00, 0x01, 0x51, 0x00];
const PIV: [u8; 5] = [0xA0, 0x00, 0x00, 0x03, 0x08];

#[test]
fn a_wrong_pin_costs_one_try_until_none_is_left() {
    let mut client = Client::new("5.4.3");
    assert_eq!(client.pin_state(), 0x63C3);
    assert_eq!([(); 3].map(|()| client.verify("111111")), [0x63C2, 0x63C1, 0x6983]);
    assert_eq!((client.verify("123456"), client.pin_state()), (0x6983, 0x6983));
}

#[test]
fn the_right_pin_gives_all_tries_back() {
    let mut client = Client::new("5.4.3");
    assert_eq!((client.verify("111111"), client.verify("123456")), (0x63C2, OK));
    client.select(&PIV);
    assert_eq!(client.pin_state(), 0x63C3);
}

/// A name, and what makes the card forget.
type Way = (&'static str, fn(&mut Client));

#[test]
fn a_verified_pin_is_forgotten() {
    let ways: [Way; 5] = [
        ("by SELECT", |client| assert_eq!(client.select(&PIV), OK)),
        ("by a logout", |client| assert_eq!(client.status([0x20, 0xFF, 0x80], &[]), OK)),
        ("by another application", |client| {
            assert_eq!(client.select(&OTHER_APPLICATION), 0x6A82);
            assert_eq!(client.pin_state(), 0x6D00);
            client.select(&PIV);
        }),
        ("by a reset", |client| {
            client.reset();
            assert_eq!(client.pin_state(), 0x6D00);
            client.select(&PIV);
        }),
        ("by a wrong one", |client| {
            client.verify("111111");
            assert_eq!(
                client.status([0x2C, 0, 0x80], &[padded("12345678"), padded("123456")].concat()),
                OK
            );
        }),
    ];
    for (way, forget) in ways {
        let mut client = Client::new("5.4.3");
        client.verify("123456");
        assert_eq!(client.pin_state(), OK, "{way}");
        forget(&mut client);
        assert_eq!(client.pin_state(), 0x63C3, "{way}");
    }
}

#[test]
fn the_pin_is_changed_and_its_tries_are_counted() {
    let mut client = Client::new("5.4.3");
    let change = |old, new| [padded(old), padded(new)].concat();
    assert_eq!(client.status([0x24, 0, 0x80], &change("111111", "271828")), 0x63C2);
    assert_eq!(client.status([0x24, 0, 0x80], &change("123456", "271828")), OK);
    assert_eq!((client.verify("123456"), client.verify("271828")), (0x63C2, OK));
    assert_eq!(client.status([0x24, 0, 0x80], &change("271828", "1234")), 0x6A80);
}

#[test]
fn the_puk_opens_a_blocked_pin_until_it_is_blocked_itself() {
    let mut client = Client::new("5.4.3");
    let unblock = |puk, new| [padded(puk), padded(new)].concat();
    for _ in 0..3 {
        client.verify("111111");
    }
    assert_eq!(client.status([0x2C, 0, 0x80], &unblock("12345678", "314159")), OK);
    assert_eq!(client.verify("314159"), OK);
    let wrong = [(); 3].map(|()| client.status([0x2C, 0, 0x80], &unblock("87654321", "314159")));
    assert_eq!(wrong, [0x63C2, 0x63C1, 0x6983]);
    assert_eq!(client.status([0x2C, 0, 0x80], &unblock("12345678", "314159")), 0x6983);
}

#[test]
fn other_tries_need_both_keys_and_restore_the_factory_pin() {
    let mut client = Client::new("5.4.3");
    assert_eq!(client.status([0xFA, 5, 4], &[]), 0x6982);
    client.verify("123456");
    assert_eq!(client.status([0xFA, 5, 4], &[]), 0x6982);
    client.manage(Cipher::TripleDes);
    assert_eq!(client.status([0xFA, 5, 4], &[]), OK);
    client.select(&PIV);
    assert_eq!(client.pin_state(), 0x63C5);
}

#[test]
fn only_a_blocked_card_begins_anew() {
    let mut client = Client::new("5.4.3");
    assert_eq!(client.status([0xFB, 0, 0], &[]), 0x6985);
    for _ in 0..3 {
        client.verify("111111");
    }
    assert_eq!(client.status([0xFB, 0, 0], &[]), 0x6985);
    for _ in 0..3 {
        client.status([0x24, 0, 0x81], &[padded("11111111"), padded("22222222")].concat());
    }
    assert_eq!(client.status([0xFB, 0, 0], &[]), OK);
    assert_eq!(client.verify("123456"), OK);
}

#[test]
fn other_references_and_lengths_are_refused() {
    let mut client = Client::new("5.4.3");
    assert_eq!(client.status([0x20, 0, 0x81], &padded("123456")), 0x6A88);
    assert_eq!(client.status([0x20, 1, 0x80], &padded("123456")), 0x6A86);
    assert_eq!(client.status([0x20, 0, 0x80], b"123456"), 0x6700);
    assert_eq!(client.pin_state(), 0x63C3);
}
