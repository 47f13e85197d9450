//! Keys: making, policies, use, metadata and attestation.

use keyanchor_card::hand::Touch;
use keyanchor_card::tlv;
use keyanchor_card::yubikey::Cipher;
use p256::ecdsa::signature::hazmat::PrehashVerifier;
use p256::ecdsa::{DerSignature, VerifyingKey};
use rsa::BoxedUint;

use crate::client::{Client, OK, SERIAL};

const P256: u8 = 0x11;
const RSA1024: u8 = 0x06;
const HASH: [u8; 32] = [0x5A; 32];

/// Numbers of policies.
const NEVER: u8 = 1;
const ONCE: u8 = 2;
const ALWAYS: u8 = 3;
const TOUCH_ALWAYS: u8 = 2;
const TOUCH_CACHED: u8 = 3;

/// A client that may make keys.
fn managing(firmware: &str) -> Client {
    let mut client = Client::new(firmware);
    let cipher = if firmware < "5.7" { Cipher::TripleDes } else { Cipher::Aes192 };
    assert_eq!(client.manage(cipher), OK);
    client
}

#[test]
fn the_pin_is_demanded_as_the_policy_says() {
    for (slot, policy, without, first, second) in [
        (0x9A, NEVER, OK, OK, OK),
        (0x9A, ONCE, 0x6982, OK, OK),
        (0x9A, ALWAYS, 0x6982, OK, 0x6982),
        (0x9A, 0, 0x6982, OK, OK),
        (0x9C, 0, 0x6982, OK, 0x6982),
        (0x9E, 0, OK, OK, OK),
    ] {
        let mut client = managing("5.4.3");
        client.generate(slot, P256, policy, NEVER);
        let without_pin = client.sign(slot, P256, &HASH).1;
        client.verify("123456");
        let with_pin = [(); 2].map(|()| client.sign(slot, P256, &HASH).1);
        assert_eq!(
            (without_pin, with_pin),
            (without, [first, second]),
            "slot {slot:02x}, policy {policy}"
        );
    }
}

#[test]
fn a_touch_is_demanded_as_the_policy_says() {
    for (policy, first, second) in
        [(NEVER, OK, OK), (TOUCH_ALWAYS, OK, 0x6982), (TOUCH_CACHED, OK, OK)]
    {
        let mut client = managing("5.4.3");
        client.generate(0x9A, P256, NEVER, policy);
        let touched = client.sign(0x9A, P256, &HASH).1;
        client.bench.hand.set_touch(Touch::Never);
        assert_eq!((touched, client.sign(0x9A, P256, &HASH).1), (first, second), "policy {policy}");
    }
}

#[test]
fn algorithms_are_known_since_a_firmware() {
    for (algorithm, old, new) in [
        (P256, OK, OK),
        (0x14, OK, OK),
        (0xE0, 0x6A80, OK),
        (0xE1, 0x6A80, OK),
        (0x22, 0x6A80, 0x6A80),
    ] {
        for (firmware, status) in [("5.6.9", old), ("5.7.1", new)] {
            let made = managing(firmware).generate(0x82, algorithm, 0, 0).1;
            assert_eq!(made, status, "{algorithm:02x} on {firmware}");
        }
    }
}

#[test]
fn signatures_of_p256_verify() {
    let mut client = managing("5.4.3");
    let (public, _) = client.generate(0x9A, P256, NEVER, NEVER);
    let key = VerifyingKey::from_sec1_bytes(&public[5..]).expect("a point");
    for (input, hash) in [
        (&HASH[..], HASH),
        (&[0x5A; 48], HASH),
        (&[7], {
            let mut padded = [0; 32];
            padded[31] = 7;
            padded
        }),
    ] {
        let (signature, _) = client.sign(0x9A, P256, input);
        let signature = DerSignature::try_from(&signature[..]).expect("DER");
        key.verify_prehash(&hash, &signature).expect("it verifies");
    }
}

#[test]
fn rsa_is_raw_and_takes_blocks_of_the_modulus_only() {
    let mut client = managing("5.4.3");
    let (public, _) = client.generate(0x9A, RSA1024, NEVER, NEVER);
    let numbers = tlv::only(&public, 0x7F49).and_then(tlv::all).expect("a public key");
    let number = |tag| {
        let bytes = tlv::value(&numbers, tag).expect("a number");
        BoxedUint::from_be_slice(bytes, u32::try_from(bytes.len() * 8).expect("fits"))
            .expect("fits")
    };
    let key = rsa::RsaPublicKey::new(number(0x81), number(0x82)).expect("a public key");
    let block = [&[0, 1][..], &[0x77; 126]].concat();
    let (signature, status) = client.sign(0x9A, RSA1024, &block);
    assert_eq!((signature.len(), status), (128, OK));
    let signature = BoxedUint::from_be_slice(&signature, 1024).expect("fits");
    let opened = rsa::hazmat::rsa_encrypt(&key, &signature).expect("below the modulus");
    assert_eq!(opened.to_be_bytes()[..], block);
    assert_eq!(client.sign(0x9A, RSA1024, &block[1..]).1, 0x6A80);
}

#[test]
fn an_empty_slot_or_another_algorithm_is_refused() {
    let mut client = managing("5.4.3");
    client.generate(0x9A, P256, NEVER, NEVER);
    assert_eq!(client.sign(0x9D, P256, &HASH).1, 0x6A80);
    assert_eq!(client.sign(0x9A, 0x14, &HASH).1, 0x6A80);
    assert_eq!(client.generate(0x96, P256, NEVER, NEVER).1, 0x6A80);
    assert_eq!(client.generate(0x9A, P256, 4, NEVER).1, 0x6A80);
}

#[test]
fn metadata_tells_how_a_key_was_made() {
    let mut client = managing("5.4.3");
    let (public, _) = client.generate(0x9A, P256, ALWAYS, TOUCH_CACHED);
    let (metadata, _) = client.send([0xF7, 0, 0x9A], &[]);
    assert_eq!(metadata[..10], [1, 1, P256, 2, 2, 3, 3, 3, 1, 1]);
    assert_eq!(metadata[10..], tlv::element(4, &[&public[3..]]));
    assert_eq!(client.status([0xFE, P256, 0x9C], &tlv::element(6, &[&[9; 32]])), OK);
    let (metadata, _) = client.send([0xF7, 0, 0x9C], &[]);
    assert_eq!(metadata[..10], [1, 1, P256, 2, 2, 3, 1, 3, 1, 2]);
}

#[test]
fn only_what_was_generated_is_attested() {
    let mut client = managing("5.4.3");
    client.generate(0x9A, P256, ALWAYS, TOUCH_CACHED);
    client.status([0xFE, P256, 0x9C], &tlv::element(6, &[&[9; 32]]));
    assert_eq!(client.status([0xF9, 0x9C, 0], &[]), 0x6A80);
    let (certificate, status) = client.send([0xF9, 0x9A, 0], &[]);
    assert_eq!(status, OK);
    let has = |bytes: &[u8]| certificate.windows(bytes.len()).any(|window| window == bytes);
    let fact = |number: u8, value: &[u8]| {
        let oid = [0x2B, 0x06, 0x01, 0x04, 0x01, 0x82, 0xC4, 0x0A, 0x03, number];
        [tlv::element(6, &[&oid]), tlv::element(4, &[value])].concat()
    };
    assert!(has(b"YubiKey PIV Attestation 9a"));
    assert!(has(&fact(3, &[5, 4, 3])));
    let serial = SERIAL.to_be_bytes();
    assert!(has(&fact(7, &tlv::element(2, &[&[0], &serial[1..]]))));
    assert!(has(&fact(8, &[ALWAYS, TOUCH_CACHED])));
}

#[test]
fn a_key_moves_and_goes() {
    let mut client = managing("5.7.1");
    client.generate(0x9A, P256, NEVER, NEVER);
    assert_eq!(client.status([0xF6, 0x82, 0x9A], &[]), OK);
    assert_eq!((client.sign(0x9A, P256, &HASH).1, client.sign(0x82, P256, &HASH).1), (0x6A80, OK));
    assert_eq!(client.status([0xF6, 0xFF, 0x82], &[]), OK);
    assert_eq!(client.sign(0x82, P256, &HASH).1, 0x6A80);
}

#[test]
fn the_state_counts_operations() {
    let mut client = managing("5.4.3");
    client.generate(0x9A, P256, NEVER, NEVER);
    client.sign(0x9A, P256, &HASH);
    client.sign(0x9A, P256, &HASH);
    client.verify("111111");
    let state = client.bench.state.lock().expect("no panic").clone();
    let expected = r#"{"pin":2,"puk":3,"verified":false,"managed":true,"operations":{"9a":2}}"#;
    assert_eq!(state, expected);
}
