//! What signatures are made of, on whatever device.

use der::Sequence;
use der::asn1::UintRef;
use sha2::{Digest, Sha256};

/// The DER of a DigestInfo for SHA-256, up to the hash (RFC 8017 §9.2, note 1).
const SHA256_DIGEST_INFO: [u8; 19] = [
    0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05,
    0x00, 0x04, 0x20,
];

/// The DigestInfo over SHA-256 of a message: what RSASSA-PKCS1-v1_5 signs.
pub(super) fn digest_info(message: &[u8]) -> Vec<u8> {
    [&SHA256_DIGEST_INFO[..], &Sha256::digest(message)].concat()
}

/// An ECDSA signature as X.509 and AWS have it, in DER.
#[derive(Sequence)]
pub(super) struct EcdsaSignature<'a> {
    r: UintRef<'a>,
    s: UintRef<'a>,
}

impl<'a> EcdsaSignature<'a> {
    /// From two unsigned numbers, big-endian and of any length.
    pub(super) fn new(r: &'a [u8], s: &'a [u8]) -> Option<Self> {
        Some(Self { r: UintRef::new(r).ok()?, s: UintRef::new(s).ok()? })
    }
}
