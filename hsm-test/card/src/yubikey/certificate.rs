//! X.509 certificates (RFC 5280), as few as attestation needs.

use super::key::Key;
use crate::tlv;

/// An extension: the bytes of its object identifier and its value.
pub(super) struct Extension {
    pub(super) identifier: Vec<u8>,
    pub(super) is_critical: bool,
    pub(super) value: Vec<u8>,
}

const BOOLEAN: u16 = 0x01;
const INTEGER: u16 = 0x02;
const BIT_STRING: u16 = 0x03;
const OCTET_STRING: u16 = 0x04;
const OBJECT_IDENTIFIER: u16 = 0x06;
const UTF8_STRING: u16 = 0x0C;
const UTC_TIME: u16 = 0x17;
const SEQUENCE: u16 = 0x30;
const SET: u16 = 0x31;
const VERSION: u16 = 0xA0;
const EXTENSIONS: u16 = 0xA3;

const COMMON_NAME: [u8; 3] = [0x55, 0x04, 0x03];
const BASIC_CONSTRAINTS: [u8; 3] = [0x55, 0x1D, 0x13];

/// As on real YubiKeys, without regard to a clock, which they have not.
const NOT_BEFORE: &[u8] = b"160314000000Z";
const NOT_AFTER: &[u8] = b"490417000000Z";

/// A certificate that `signer` gives to `key`, unless it is a key that cannot sign; the names are in DER.
pub(super) fn issued(
    signer: &Key,
    issuer: &[u8],
    subject: &[u8],
    key: &Key,
    extensions: &[Extension],
) -> Option<Vec<u8>> {
    let algorithm = signer.algorithm().signature();
    let serial: [u8; 15] = rand::random();
    let validity =
        [tlv::element(UTC_TIME, &[NOT_BEFORE]), tlv::element(UTC_TIME, &[NOT_AFTER])].concat();
    let extensions: Vec<_> = extensions.iter().flat_map(extension).collect();
    let to_be_signed = tlv::element(
        SEQUENCE,
        &[
            &tlv::element(VERSION, &[&integer(&[2])]),
            &integer(&serial),
            algorithm,
            issuer,
            &tlv::element(SEQUENCE, &[&validity]),
            subject,
            &public_key(key),
            &tlv::element(EXTENSIONS, &[&tlv::element(SEQUENCE, &[&extensions])]),
        ],
    );
    let signature = bits(&signer.sign_message(&to_be_signed)?);
    Some(tlv::element(SEQUENCE, &[&to_be_signed, algorithm, &signature]))
}

/// A distinguished name that is one common name.
pub(super) fn name(common: &str) -> Vec<u8> {
    let kind = tlv::element(OBJECT_IDENTIFIER, &[&COMMON_NAME]);
    let attribute =
        tlv::element(SEQUENCE, &[&kind, &tlv::element(UTF8_STRING, &[common.as_bytes()])]);
    tlv::element(SEQUENCE, &[&tlv::element(SET, &[&attribute])])
}

/// The subject of a certificate, in DER.
pub(super) fn subject(certificate: &[u8]) -> Option<&[u8]> {
    let to_be_signed = tlv::first(tlv::only(certificate, SEQUENCE)?)?.0.1;
    // version, serial number, algorithm, issuer and validity come before it
    let from = (0..5).try_fold(to_be_signed, |bytes, _| tlv::first(bytes).map(|(_, rest)| rest))?;
    let (_, rest) = tlv::first(from)?;
    Some(&from[..from.len() - rest.len()])
}

/// The extension of a certificate that may issue others (section 4.2.1.9).
pub(super) fn authority() -> Extension {
    let is_authority = tlv::element(BOOLEAN, &[&[0xFF]]);
    Extension {
        identifier: BASIC_CONSTRAINTS.to_vec(),
        is_critical: true,
        value: tlv::element(SEQUENCE, &[&is_authority]),
    }
}

/// A number that is not negative, from its bytes.
pub(super) fn integer(bytes: &[u8]) -> Vec<u8> {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let digits = &bytes[zeros..];
    let sign: &[u8] = if digits.first().is_none_or(|byte| *byte >= 0x80) { &[0] } else { &[] };
    tlv::element(INTEGER, &[sign, digits])
}

fn extension(extension: &Extension) -> Vec<u8> {
    let critical = tlv::element(BOOLEAN, &[&[0xFF]]);
    let parts = [
        &tlv::element(OBJECT_IDENTIFIER, &[&extension.identifier])[..],
        if extension.is_critical { &critical } else { &[] },
        &tlv::element(OCTET_STRING, &[&extension.value]),
    ];
    tlv::element(SEQUENCE, &parts)
}

/// SubjectPublicKeyInfo (section 4.1.2.7).
fn public_key(key: &Key) -> Vec<u8> {
    let bytes = match key.rsa_numbers() {
        Some([modulus, exponent]) => {
            tlv::element(SEQUENCE, &[&integer(&modulus), &integer(&exponent)])
        }
        None => key.point(),
    };
    tlv::element(SEQUENCE, &[key.algorithm().identifier(), &bits(&bytes)])
}

fn bits(bytes: &[u8]) -> Vec<u8> {
    tlv::element(BIT_STRING, &[&[0], bytes])
}
