//! The management key, and the instructions of each firmware.

use keyanchor_card::tlv;
use keyanchor_card::yubikey::Cipher;

use crate::client::{Client, OK, SERIAL, number};

#[test]
fn the_factory_key_is_proved_whatever_its_kind() {
    for (firmware, chosen, cipher) in [
        ("5.4.3", None, Cipher::TripleDes),
        ("5.7.1", None, Cipher::Aes192),
        ("5.4.3", Some(Cipher::Aes128), Cipher::Aes128),
        ("5.7.1", Some(Cipher::Aes256), Cipher::Aes256),
        ("5.7.1", Some(Cipher::TripleDes), Cipher::TripleDes),
    ] {
        let mut client = Client::with(firmware, chosen);
        assert_eq!(client.generate(0x9A, 0x11, 0, 0).1, 0x6982, "{cipher:?}");
        assert_eq!(client.manage(cipher), OK, "{cipher:?}");
        assert_eq!(client.generate(0x9A, 0x11, 0, 0).1, OK, "{cipher:?}");
    }
}

#[test]
fn a_wrong_proof_or_another_kind_is_refused() {
    let mut client = Client::new("5.4.3");
    assert_eq!(client.status([0x87, 0x0A, 0x9B], &[0x7C, 2, 0x80, 0]), 0x6A80);
    let wrong = [tlv::element(0x80, &[&[1; 8]]), tlv::element(0x81, &[&[2; 8]])].concat();
    let wrong = tlv::element(0x7C, &[&wrong]);
    assert_eq!(client.status([0x87, 0x03, 0x9B], &wrong), 0x6985);
    assert_eq!(client.status([0x87, 0x03, 0x9B], &[0x7C, 2, 0x80, 0]), OK);
    assert_eq!(client.status([0x87, 0x03, 0x9B], &wrong), 0x6982);
    assert_eq!(client.generate(0x9A, 0x11, 0, 0).1, 0x6982);
}

#[test]
fn another_key_is_set_since_5_4_of_aes_too() {
    for (firmware, cipher, length, status) in [
        ("5.2.7", Cipher::Aes128, 16, 0x6A80),
        ("5.4.3", Cipher::Aes128, 16, OK),
        ("5.4.3", Cipher::Aes128, 24, 0x6A80),
        ("5.2.7", Cipher::TripleDes, 24, OK),
    ] {
        let mut client = Client::new(firmware);
        let key: Vec<u8> =
            [number(cipher), 0x9B, length].into_iter().chain(vec![9; length.into()]).collect();
        assert_eq!(client.status([0xFF, 0xFF, 0xFF], &key), 0x6982);
        client.manage(Cipher::TripleDes);
        assert_eq!(
            client.status([0xFF, 0xFF, 0xFF], &key),
            status,
            "{firmware} {cipher:?} {length}"
        );
    }
}

#[test]
fn instructions_are_known_since_a_firmware() {
    for (head, before, since) in [
        ([0xF8, 0, 0], "4.4.5", "5.0.0"),
        ([0xF7, 0, 0x80], "5.2.7", "5.3.0"),
        ([0xF9, 0x9A, 0], "4.2.8", "4.3.0"),
        ([0xF6, 0xFF, 0x9A], "5.6.9", "5.7.0"),
    ] {
        assert_eq!(Client::new(before).status(head, &[]), 0x6D00, "{head:02X?}");
        assert_ne!(Client::new(since).status(head, &[]), 0x6D00, "{head:02X?}");
    }
    assert_eq!(Client::new("5.7.1").status([0x99, 0, 0], &[]), 0x6D00);
}

#[test]
fn version_and_serial_are_told_where_they_belong() {
    let mut new = Client::new("5.4.3");
    assert_eq!(new.send([0xFD, 0, 0], &[]), (vec![5, 4, 3], OK));
    assert_eq!(new.send([0xF8, 0, 0], &[]), (SERIAL.to_be_bytes().to_vec(), OK));
    let mut old = Client::new("4.3.7");
    assert_eq!(old.select(&[0xA0, 0x00, 0x00, 0x05, 0x27, 0x20, 0x01, 0x01]), OK);
    assert_eq!(old.send([0x01, 0x10, 0], &[]), (SERIAL.to_be_bytes().to_vec(), OK));
}

#[test]
fn metadata_tells_of_what_is_the_factorys() {
    let mut client = Client::new("5.7.1");
    assert_eq!(client.send([0xF7, 0, 0x80], &[]).0, [1, 1, 0xFF, 5, 1, 1, 6, 2, 3, 3]);
    client.verify("111111");
    assert_eq!(client.send([0xF7, 0, 0x80], &[]).0, [1, 1, 0xFF, 5, 1, 1, 6, 2, 3, 2]);
    assert_eq!(client.send([0xF7, 0, 0x9B], &[]).0, [1, 1, 0x0A, 2, 2, 0, 1, 5, 1, 1]);
    assert_eq!(client.status([0xF7, 0, 0x9A], &[]), 0x6A88);
}
