//! What signatures are made of, on whatever device.

#[cfg(any(feature = "pkcs11", feature = "tpm"))]
use der::{Sequence, asn1::UintRef};
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

/// EMSA-PKCS1-v1_5 over SHA-256 (RFC 8017 §9.2): `00 01 ff … ff 00` and a DigestInfo.
#[cfg(any(feature = "piv", feature = "tpm"))]
pub(super) fn pkcs1_block(message: &[u8], length: usize) -> Option<Vec<u8>> {
    let info = digest_info(message);
    let fill = length.checked_sub(info.len() + 3).filter(|fill| *fill >= 8)?;
    Some([&[0, 1], &vec![0xff; fill][..], &[0], &info].concat())
}

/// The same number in so many bytes; `None` where it is longer.
#[cfg(any(feature = "piv", feature = "tpm"))]
pub(super) fn left_padded(bytes: &[u8], length: usize) -> Option<Vec<u8>> {
    let zeros = length.checked_sub(bytes.len())?;
    Some([&vec![0; zeros], bytes].concat())
}

/// An ECDSA signature as X.509 and AWS have it, in DER. Cards give it so themselves.
#[cfg(any(feature = "pkcs11", feature = "tpm"))]
#[derive(Sequence)]
pub(super) struct EcdsaSignature<'a> {
    r: UintRef<'a>,
    s: UintRef<'a>,
}

#[cfg(any(feature = "pkcs11", feature = "tpm"))]
impl<'a> EcdsaSignature<'a> {
    /// From two unsigned numbers, big-endian and of any length.
    pub(super) fn new(r: &'a [u8], s: &'a [u8]) -> Option<Self> {
        Some(Self { r: UintRef::new(r).ok()?, s: UintRef::new(s).ok()? })
    }
}

#[cfg(all(test, any(feature = "piv", feature = "tpm")))]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_as_long_as_the_modulus() {
        let block = pkcs1_block(b"message", 256).expect("block");
        assert_eq!((block.len(), &block[..3]), (256, &[0, 1, 0xff][..]));
        assert_eq!((block[204], &block[205..209]), (0, &[0x30, 0x31, 0x30, 0x0d][..]));
        assert_eq!(pkcs1_block(b"message", 61), None);
    }
}
