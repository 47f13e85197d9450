//! What goes into C_Sign, and what comes out of it (PKCS#11 v2.40 mechanisms §2.1 and §2.3).

use cryptoki::mechanism::Mechanism;
use der::Encode;
use sha2::{Digest, Sha256};

use crate::device::pkcs11::quirks;
use crate::key::public_key::Scheme;

/// The DER of a DigestInfo for SHA-256, up to the hash (RFC 8017 §9.2, note 1).
const SHA256_DIGEST_INFO: [u8; 19] = [
    0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05,
    0x00, 0x04, 0x20,
];

/// A way to sign: the mechanism, and the input that it wants.
pub(super) struct Way {
    pub(super) mechanism: Mechanism<'static>,
    pub(super) input: Vec<u8>,
}

/// The ways to make one signature, best first. Hashing here works on every token; a token that
/// refuses the mechanism may still hash by itself.
pub(super) fn ways(scheme: Scheme, message: &[u8]) -> [Way; 2] {
    let hash = Sha256::digest(message).to_vec();
    let whole = message.to_vec();
    match scheme {
        Scheme::EcdsaSha256 => [
            Way { mechanism: Mechanism::Ecdsa, input: hash },
            Way { mechanism: Mechanism::EcdsaSha256, input: whole },
        ],
        Scheme::RsaPkcs1Sha256 => [
            Way { mechanism: Mechanism::RsaPkcs, input: [&SHA256_DIGEST_INFO[..], &hash].concat() },
            Way { mechanism: Mechanism::Sha256RsaPkcs, input: whole },
        ],
    }
}

/// Encodes a module's output as the scheme says.
pub(super) fn encode(scheme: Scheme, output: Vec<u8>) -> Option<Vec<u8>> {
    match scheme {
        Scheme::RsaPkcs1Sha256 => Some(output),
        Scheme::EcdsaSha256 => quirks::ecdsa_signature(&output)?.to_der().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn halves(r: &[u8], s: &[u8]) -> Vec<u8> {
        let mut raw = vec![0; 64];
        raw[32 - r.len()..32].copy_from_slice(r);
        raw[64 - s.len()..].copy_from_slice(s);
        raw
    }

    #[test]
    fn raw_ecdsa_becomes_minimal_der() {
        let mut high = [0; 32];
        high[0] = 0x80;
        let mut low = [0; 32];
        low[0] = 0x01;
        let der = encode(Scheme::EcdsaSha256, halves(&high, &low)).expect("der");
        assert_eq!(der[..6], [0x30, 0x45, 0x02, 0x21, 0x00, 0x80]);
        assert_eq!(der[37..40], [0x02, 0x20, 0x01]);
        let mut short = [0x11; 30];
        short[0] = 0x7f;
        let der = encode(Scheme::EcdsaSha256, halves(&short, &[1])).expect("der");
        assert_eq!(der[..5], [0x30, 0x23, 0x02, 0x1e, 0x7f]);
        assert_eq!(der[34..], [0x02, 0x01, 0x01]);
    }

    #[test]
    fn der_is_left_alone_and_odd_lengths_are_refused() {
        let der = encode(Scheme::EcdsaSha256, halves(&[5], &[6])).expect("der");
        assert_eq!(encode(Scheme::EcdsaSha256, der.clone()), Some(der));
        assert_eq!(encode(Scheme::EcdsaSha256, vec![1; 63]), None);
        assert_eq!(encode(Scheme::EcdsaSha256, vec![]), None);
    }
}
