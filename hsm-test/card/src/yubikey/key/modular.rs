//! RSA.

use rsa::hazmat::rsa_decrypt_and_check;
use rsa::traits::PublicKeyParts;
use rsa::{BoxedUint, RsaPrivateKey};
use sha2::{Digest, Sha256};

/// The only public exponent.
const EXPONENT: u32 = 65_537;

/// What stands before a SHA-256 hash (RFC 8017, section 9.2 note 1).
const DIGEST_INFO: &[u8] =
    b"\x30\x31\x30\x0D\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20";

pub(super) fn generate(bits: usize) -> RsaPrivateKey {
    RsaPrivateKey::new(&mut rand::rng(), bits).expect("1024 bits and more are possible")
}

/// The key of these primes, if its modulus has so many bits.
pub(super) fn import(bits: usize, p: &[u8], q: &[u8]) -> Option<RsaPrivateKey> {
    let key = RsaPrivateKey::from_p_q(number(p)?, number(q)?, EXPONENT.into()).ok()?;
    (self::bits(&key) == bits).then_some(key)
}

pub(super) fn bits(key: &RsaPrivateKey) -> usize {
    key.size() * 8
}

/// Modulus and exponent.
pub(super) fn public(key: &RsaPrivateKey) -> [Vec<u8>; 2] {
    [key.n_bytes().to_vec(), key.e_bytes().to_vec()]
}

/// The private operation, on a block that is as long as the modulus.
pub(super) fn apply(key: &RsaPrivateKey, block: &[u8]) -> Option<Vec<u8>> {
    if block.len() != key.size() {
        return None;
    }
    let result = rsa_decrypt_and_check(key, Some(&mut rand::rng()), &number(block)?).ok()?;
    let bytes = result.to_be_bytes();
    Some(bytes[bytes.len() - key.size()..].to_vec())
}

/// RSASSA-PKCS1-v1_5 with SHA-256.
pub(super) fn sign_message(key: &RsaPrivateKey, message: &[u8]) -> Option<Vec<u8>> {
    let end = [&[0], DIGEST_INFO, &Sha256::digest(message)[..]].concat();
    let padding = vec![0xFF; key.size() - 2 - end.len()];
    apply(key, &[&[0, 1], &padding[..], &end].concat())
}

fn number(bytes: &[u8]) -> Option<BoxedUint> {
    BoxedUint::from_be_slice(bytes, u32::try_from(bytes.len() * 8).ok()?).ok()
}
