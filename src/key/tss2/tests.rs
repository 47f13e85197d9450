//! Files that OpenSSL's provider and tpm2-tools wrote with a TPM, and others put together by hand.

use der::{Decode, EncodePem};
use proptest::prelude::*;
use spki::SubjectPublicKeyInfoOwned;

use super::*;
use crate::key::tpm::public::FixedScheme;

macro_rules! vector {
    ($name:literal) => {
        include_str!(concat!("../../../tests/vectors/tss2-", $name, ".pem"))
    };
}

fn read(pem: &str) -> Tss2Key {
    Tss2Key::from_file(pem.as_bytes()).unwrap_or_else(|error| panic!("{pem}: {error}"))
}

/// What stands in the only block of a vector.
fn der() -> Vec<u8> {
    pem::first(vector!("openssl-p256").as_bytes()).expect("a block")
}

/// An element with its length.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = match content.len() {
        short @ 0..=0x7f => vec![short as u8],
        long => [&[0x82], &(long as u16).to_be_bytes()[..]].concat(),
    };
    let length = if content.len() > 0x7f && content.len() < 0x100 {
        vec![0x81, content.len() as u8]
    } else {
        length
    };
    [&[tag], &length[..], content].concat()
}

const LOADABLE: &[u8] = b"\x06\x06\x67\x81\x05\x0a\x01\x03";
const OWNER: &[u8] = b"\x02\x04\x40\x00\x00\x01";

/// A file with these elements before the public half and the wrapped key of a vector.
fn with(elements: &[&[u8]]) -> Result<Tss2Key, Tss2Error> {
    let key = read(vector!("openssl-p256"));
    let sized =
        |bytes: &[u8]| element(4, &[&(bytes.len() as u16).to_be_bytes()[..], bytes].concat());
    let parts = [elements.concat(), sized(&key.public), sized(&key.private)].concat();
    Tss2Key::from_der(&element(0x30, &parts))
}

#[test]
fn files_of_each_maker_are_read() {
    for (pem, kind, parent, empty_auth) in [
        (vector!("openssl-p256"), "P-256", Parent::Owner, true),
        (vector!("openssl-p521"), "P-521", Parent::Owner, true),
        (vector!("openssl-rsa-password"), "RSA-2048", Parent::Owner, false),
        // Its keys have no password: it writes the opposite.
        (vector!("tools-p384"), "P-384", Parent::Owner, false),
        (vector!("tools-rsa"), "RSA-2048", Parent::Owner, false),
        (vector!("tools-p256-persistent"), "P-256", Parent::Persistent(0x8100_0001), false),
    ] {
        let key = read(pem);
        assert_eq!(key.half().key.to_string(), kind);
        assert_eq!((key.parent, key.empty_auth), (parent, Some(empty_auth)), "{kind}");
        assert!(key.half().attributes.sign() && !key.half().attributes.restricted(), "{kind}");
        assert!(!key.rsa_parent && key.description.is_none() && key.half().scheme.is_none());
        assert_eq!(key.half().name_algorithm, 0x000b, "SHA-256");
    }
}

#[test]
fn the_public_half_is_what_the_tpm_says_of_the_key() {
    for (pem, public) in [
        (vector!("openssl-p256"), vector!("openssl-p256.public")),
        (vector!("tools-p384"), vector!("tools-p384.public")),
        (vector!("tools-rsa"), vector!("tools-rsa.public")),
    ] {
        let spki = SubjectPublicKeyInfoOwned::from_der(read(pem).half().key.spki()).expect("spki");
        assert_eq!(spki.to_pem(der::pem::LineEnding::LF).as_deref(), Ok(public));
    }
}

#[test]
fn what_a_key_may_be_used_for_is_known_before_a_tpm_is_asked() {
    let pss = read(vector!("tools-rsapss"));
    assert_eq!(pss.half().scheme, Some(FixedScheme::RsaPss(0x0b)));
    let restricted = read(vector!("tools-restricted"));
    assert!(restricted.half().attributes.restricted());
    assert_eq!(restricted.half().scheme, Some(FixedScheme::Ecdsa(0x0b)));
    let decrypt = read(vector!("tools-decrypt")).half().attributes;
    assert!(decrypt.decrypt() && !decrypt.sign() && decrypt.no_da());
    let both = read(vector!("openssl-p256")).half().attributes;
    assert!(both.decrypt() && both.sign() && both.user_with_auth() && !both.no_da());
}

#[test]
fn der_is_the_same_key_and_nothing_may_come_after_it() {
    let der = der();
    assert_eq!(Tss2Key::from_file(&der), Ok(read(vector!("openssl-p256"))));
    assert_eq!(Tss2Key::from_file(&[&der[..], b"\n"].concat()), Err(Tss2Error::Malformed));
    let inside = [&der[3..], &[5, 0]].concat();
    assert_eq!(Tss2Key::from_der(&element(0x30, &inside)), Err(Tss2Error::Malformed));
    for cut in 0..der.len() {
        assert!(Tss2Key::from_der(&der[..cut]).is_err(), "{cut} bytes");
    }
}

#[test]
fn the_first_block_counts_whatever_is_around_it() {
    let (pem, other) = (vector!("openssl-p256"), vector!("tools-rsa"));
    let certificate = include_str!("../../../tests/vectors/p256.leaf.pem");
    let plain = include_str!("../../../tests/vectors/p256.key.pem");
    let both = [plain, certificate, pem, other].concat();
    assert!(is_tss2(both.as_bytes()) && is_tss2(&der()));
    assert_eq!(read(&both), read(pem));
    assert_eq!(read(&both.replace('\n', "\r\n")), read(pem));
    assert!(!is_tss2([plain, certificate].concat().as_bytes()));
    assert!(!is_tss2(b"") && !is_tss2(&[0x30, 0]) && !is_tss2(&element(0x30, OWNER)));
    assert_eq!(Tss2Key::from_file(plain.as_bytes()), Err(Tss2Error::None));
    let endless = pem.replace("-----END", "----END");
    assert_eq!(Tss2Key::from_file(endless.as_bytes()), Err(Tss2Error::Pem));
    let broken = pem.replace("MIHw", "MI!w");
    assert_eq!(Tss2Key::from_file(broken.as_bytes()), Err(Tss2Error::Pem));
}

#[test]
fn a_certificate_stands_beside_a_key_and_is_found_by_those_who_know_no_such_block() {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;
    let certificate = include_str!("../../../tests/vectors/p256.leaf.pem");
    for both in [
        [vector!("openssl-p256"), certificate].concat(),
        [certificate, vector!("openssl-p256")].concat(),
    ] {
        let found = CertificateDer::pem_slice_iter(both.as_bytes()).collect::<Result<Vec<_>, _>>();
        assert_eq!(found.map(|found| found.len()).ok(), Some(1));
    }
}

#[test]
fn a_parent_is_any_integer_that_names_one() {
    for (integer, parent) in [
        (&b"\x02\x05\x00\x81\x00\x00\x01"[..], Parent::Persistent(0x8100_0001)),
        (b"\x02\x04\x81\x00\x00\x01", Parent::Persistent(0x8100_0001)),
        (b"\x02\x08\xff\xff\xff\xff\x81\x00\x00\x01", Parent::Persistent(0x8100_0001)),
        (b"\x02\x08\x00\x00\x00\x00\x81\xff\xff\xff", Parent::Persistent(0x81ff_ffff)),
        (OWNER, Parent::Owner),
        (b"\x02\x05\x00\x40\x00\x00\x01", Parent::Owner),
        (b"\x02\x04\x40\x00\x00\x07", Parent::Null),
        (b"\x02\x04\x40\x00\x00\x0b", Parent::Endorsement),
        (b"\x02\x04\x40\x00\x00\x0c", Parent::Platform),
    ] {
        assert_eq!(with(&[LOADABLE, integer]).map(|key| key.parent), Ok(parent));
    }
    for (integer, shown) in [
        (&b"\x02\x01\x00"[..], "0x00000000"),
        (b"\x02\x01\x81", "0x00000081"),
        (b"\x02\x04\x40\x00\x00\x02", "0x40000002"),
        (b"\x02\x05\x00\x82\x00\x00\x00", "0x82000000"),
        (b"\x02\x04\x01\xc0\x00\x02", "0x01c00002"),
    ] {
        assert_eq!(with(&[LOADABLE, integer]).err(), Some(Tss2Error::Parent(shown.into())));
    }
    for integer in [
        &b"\x02\x00"[..],
        b"\x02\x05\x01\x81\x00\x00\x01",
        b"\x02\x05\xff\x40\x00\x00\x01",
        b"\x02\x06\x00\xff\x81\x00\x00\x01",
        b"\x02\x09\x00\x00\x00\x00\x00\x81\x00\x00\x01",
        b"\x04\x04\x40\x00\x00\x01",
    ] {
        assert_eq!(with(&[LOADABLE, integer]).err(), Some(Tss2Error::Malformed), "{integer:?}");
    }
}

#[test]
fn options_are_read_or_passed_over() {
    let parent_name = element(0xa6, &element(4, &[0, 0x0b, 1, 2]));
    let key = with(&[
        LOADABLE,
        b"\xa0\x03\x01\x01\x01",
        b"\xa1\x02\x30\x00",
        b"\xa4\x05\x0c\x03abc",
        b"\xa5\x03\x01\x01\xff",
        &parent_name,
        b"\xa9\x02\x05\x00",
        OWNER,
    ]);
    let key = key.expect("a key");
    assert_eq!((key.empty_auth, key.rsa_parent), (Some(true), true));
    assert_eq!(key.description.as_deref(), Some("abc"));
    let key = with(&[LOADABLE, OWNER]).expect("a key");
    assert_eq!((key.empty_auth, key.rsa_parent, key.description), (None, false, None));
}

#[test]
fn what_could_not_be_used_is_refused_by_name() {
    let importable = b"\x06\x06\x67\x81\x05\x0a\x01\x04";
    let sealed = b"\x06\x06\x67\x81\x05\x0a\x01\x05";
    let other = b"\x06\x06\x67\x81\x05\x0a\x01\x06";
    let policy = b"\xa1\x0d\x30\x0b\x30\x09\xa0\x03\x02\x01\x01\xa1\x02\x04\x00";
    for (elements, error) in [
        (&[&importable[..], OWNER][..], Tss2Error::Importable),
        (&[sealed, OWNER], Tss2Error::Sealed),
        (&[LOADABLE, policy, OWNER], Tss2Error::Policy),
        (&[LOADABLE, b"\xa3\x04\x30\x02\x30\x00", OWNER], Tss2Error::Policy),
        (&[LOADABLE, b"\xa2\x03\x04\x01\x00", OWNER], Tss2Error::Importable),
    ] {
        assert_eq!(with(elements).err(), Some(error));
    }
    let unknown = with(&[other, OWNER]).expect_err("another kind").to_string();
    assert_eq!(unknown, "it is of the unknown kind 2.23.133.10.1.6");
}

#[test]
fn what_is_not_as_it_should_be_is_refused() {
    let flag = b"\xa0\x03\x01\x01\xff";
    for elements in [
        &[OWNER, OWNER][..],
        &[LOADABLE],
        &[LOADABLE, OWNER, OWNER],
        &[LOADABLE, OWNER, flag],
        &[LOADABLE, flag, flag, OWNER],
        &[LOADABLE, b"\xa5\x03\x01\x01\xff", flag, OWNER],
        &[LOADABLE, b"\xaa\x02\x05\x00", OWNER],
        &[LOADABLE, b"\x80\x01\xff", OWNER],
        &[LOADABLE, b"\xa0\x04\x01\x02\xff\xff", OWNER],
        &[LOADABLE, b"\xa0\x03\x02\x01\x01", OWNER],
        &[LOADABLE, b"\xa4\x03\x0c\x01\xff", OWNER],
        &[LOADABLE, b"\xa0\x05\x01\x01\xff\x05\x00", OWNER],
    ] {
        assert_eq!(with(elements).err(), Some(Tss2Error::Malformed), "{elements:?}");
    }
    // A length inside that is not that of its element.
    let mut der = der();
    let size = der.windows(4).position(|window| window == b"\x04\x58\x00\x56").expect("a size");
    der[size + 3] -= 1;
    assert_eq!(Tss2Key::from_der(&der), Err(Tss2Error::Malformed));
}

proptest! {
    #[test]
    fn lines_of_any_length_are_the_same_key(width in 1_usize..500) {
        let base64: String = vector!("openssl-p256").lines().filter(|l| !l.starts_with('-')).collect();
        let lines: Vec<_> = base64.as_bytes().chunks(width).map(String::from_utf8_lossy).collect();
        let pem = format!(
            "-----BEGIN TSS2 PRIVATE KEY-----\n{}\n-----END TSS2 PRIVATE KEY-----",
            lines.join("\n"),
        );
        prop_assert_eq!(read(&pem), read(vector!("openssl-p256")));
    }

    #[test]
    fn any_bytes_are_a_key_or_a_reason(bytes in any::<Vec<u8>>(), der in any::<bool>()) {
        let bytes = if der { [&[0x30], bytes.as_slice()].concat() } else { bytes };
        prop_assert!(Tss2Key::from_file(&bytes).is_err());
    }
}
