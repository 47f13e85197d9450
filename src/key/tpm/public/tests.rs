//! Public areas put together by hand; those that a TPM wrote are in the tests of key files.

use super::*;

/// A TPMT_PUBLIC of that type with these parts after the policy.
fn area(kind: u16, parts: &[&[u8]]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &[0, 0x0b], &[0, 4, 0, 0x72], &[0, 0], &parts.concat()].concat()
}

fn sized(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).expect("short");
    [&length.to_be_bytes()[..], bytes].concat()
}

const NULL: &[u8] = &[0, 0x10];

fn rsa(scheme: &[u8], exponent: [u8; 4], modulus: &[u8]) -> Vec<u8> {
    area(alg::RSA, &[NULL, scheme, &[8, 0], &exponent, &sized(modulus)])
}

fn ec(scheme: &[u8], curve: u16, x: &[u8], y: &[u8]) -> Vec<u8> {
    area(alg::ECC, &[NULL, scheme, &curve.to_be_bytes(), NULL, &sized(x), &sized(y)])
}

fn read(area: &[u8]) -> TpmPublic {
    TpmPublic::parse(area).expect("a public area")
}

fn refused(area: &[u8]) -> String {
    TpmPublic::parse(area).expect_err("no public area").to_string()
}

#[test]
fn an_exponent_of_zero_is_65537() {
    let modulus = [0xc1; 256];
    let zero = read(&rsa(NULL, [0; 4], &modulus));
    assert_eq!(zero, read(&rsa(NULL, [0, 1, 0, 1], &modulus)));
    assert_eq!(zero.key, PublicKey::from_rsa(&modulus, &[1, 0, 1]).expect("a key"));
    assert_ne!(zero.key, read(&rsa(NULL, [0, 0, 0, 3], &modulus)).key);
}

#[test]
fn coordinates_may_lack_their_zeros_and_nothing_else() {
    let short = read(&ec(NULL, 3, &[7; 30], &[8; 32]));
    let x = [&[0, 0][..], &[7; 30]].concat();
    assert_eq!(short, read(&ec(NULL, 3, &x, &[8; 32])));
    assert_eq!(short.key.to_string(), "P-256");
    assert_eq!(read(&ec(NULL, 4, &[7; 48], &[8; 48])).key.to_string(), "P-384");
    assert_eq!(read(&ec(NULL, 5, &[7; 66], &[8; 65])).key.to_string(), "P-521");
    assert_eq!(
        refused(&ec(NULL, 3, &[7; 33], &[8; 32])),
        "the TPM's public area is not well-formed"
    );
}

#[test]
fn schemes_that_are_fixed_are_told() {
    let modulus = [0xc1; 256];
    for (scheme, expected) in [
        (NULL, None),
        (&[0, 0x14, 0, 0x0b][..], Some(FixedScheme::RsaSsa(0x0b))),
        (&[0, 0x15], Some(FixedScheme::Other("RSAES"))),
        (&[0, 0x16, 0, 0x0c], Some(FixedScheme::RsaPss(0x0c))),
        (&[0, 0x17, 0, 0x0b], Some(FixedScheme::Other("RSAES-OAEP"))),
    ] {
        assert_eq!(read(&rsa(scheme, [0; 4], &modulus)).scheme, expected);
    }
    for (scheme, expected) in [
        (&[0, 0x18, 0, 0x0b][..], FixedScheme::Ecdsa(0x0b)),
        (&[0, 0x19, 0, 0x0b], FixedScheme::Other("ECDH")),
        (&[0, 0x1a, 0, 0x0b, 0, 1], FixedScheme::Other("ECDAA")),
        (&[0, 0x1b, 0, 0x12], FixedScheme::Other("SM2")),
    ] {
        assert_eq!(read(&ec(scheme, 3, &[7; 32], &[8; 32])).scheme, Some(expected));
    }
}

#[test]
fn attributes_and_policies_are_told() {
    let mut area = ec(NULL, 3, &[7; 32], &[8; 32]);
    let plain = read(&area);
    assert!(plain.attributes.sign() && plain.attributes.user_with_auth() && !plain.has_policy);
    assert!(!plain.attributes.decrypt() && !plain.attributes.no_da());
    assert!(!plain.attributes.restricted());
    area[4..8].copy_from_slice(&0x0003_0400_u32.to_be_bytes());
    area.splice(8..10, sized(&[1; 32]));
    let guarded = read(&area);
    assert!(guarded.has_policy && guarded.attributes.restricted() && guarded.attributes.no_da());
    assert!(guarded.attributes.decrypt() && !guarded.attributes.sign());
    assert!(!guarded.attributes.user_with_auth());
}

#[test]
fn a_symmetric_algorithm_and_a_derivation_are_passed_over() {
    let aes = [0, 6, 0, 128, 0, 0x43];
    let kdf = [0, 0x20, 0, 0x0b];
    let (x, y) = (sized(&[7; 32]), sized(&[8; 32]));
    let parent = area(alg::ECC, &[&aes, NULL, &[0, 3], &kdf, &x, &y]);
    assert_eq!(read(&parent), read(&ec(NULL, 3, &[7; 32], &[8; 32])));
}

#[test]
fn keys_of_other_kinds_are_named() {
    for (area, kind) in [
        (area(alg::KEYEDHASH, &[]), "KEYEDHASH"),
        (area(alg::SYMCIPHER, &[]), "SYMCIPHER"),
        (area(0x42, &[]), "0x0042"),
        (ec(NULL, 2, &[7; 28], &[8; 28]), "P-224"),
        (ec(NULL, 0x10, &[7; 32], &[8; 32]), "BN-P256"),
        (ec(NULL, 0x20, &[7; 32], &[8; 32]), "SM2"),
        (ec(NULL, 0x99, &[7; 32], &[8; 32]), "EC-0x0099"),
    ] {
        assert_eq!(refused(&area), format!("a key of type {kind} is not supported"));
    }
    let short = area(alg::RSA, &[NULL, NULL, &[4, 0], &[0; 4], &sized(&[0xc1; 128])]);
    assert_eq!(refused(&short), "a key of type RSA-1024 is not supported");
}

#[test]
fn numbers_that_do_not_fit_are_refused() {
    let good = rsa(NULL, [0; 4], &[0xc1; 256]);
    for cut in 0..good.len() {
        assert!(TpmPublic::parse(&good[..cut]).is_err(), "{cut} bytes");
    }
    assert!(TpmPublic::parse(&[&good[..], &[0]].concat()).is_err(), "a byte too many");
    assert!(TpmPublic::parse(&rsa(NULL, [0; 4], &[0xc1; 255])).is_err(), "another length");
    assert!(TpmPublic::parse(&rsa(NULL, [0; 4], &[0x41; 256])).is_err(), "a bit less");
    assert!(TpmPublic::parse(&rsa(&[0, 0x42], [0; 4], &[0xc1; 256])).is_err(), "no scheme");
}
