//! What goes into C_Sign, and what comes out of it (PKCS#11 v2.40 mechanisms §2.1 and §2.3).

use cryptoki::mechanism::Mechanism;
use der::Encode;
use sha2::{Digest, Sha256};

use crate::device::pkcs11::quirks;
use crate::device::signature::digest_info;
use crate::key::public_key::Scheme;

/// A way to sign: the mechanism, and the input that it wants.
pub(super) struct Way {
    pub(super) mechanism: Mechanism<'static>,
    pub(super) input: Vec<u8>,
}

/// The ways to make one signature, best first. Hashing here works on every token; a token that
/// refuses the mechanism may still hash by itself.
pub(super) fn ways(scheme: Scheme, message: &[u8]) -> [Way; 2] {
    let whole = message.to_vec();
    match scheme {
        Scheme::EcdsaSha256 => [
            Way { mechanism: Mechanism::Ecdsa, input: Sha256::digest(message).to_vec() },
            Way { mechanism: Mechanism::EcdsaSha256, input: whole },
        ],
        Scheme::RsaPkcs1Sha256 => [
            Way { mechanism: Mechanism::RsaPkcs, input: digest_info(message) },
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
    use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P521_SHA256_FIXED_SIGNING, EcdsaKeyPair,
        EcdsaSigningAlgorithm, KeyPair,
    };
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::key::PublicKey;

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

    /// A key, and its public half.
    fn signer(algorithm: &'static EcdsaSigningAlgorithm) -> (EcdsaKeyPair, PublicKey) {
        let pair = EcdsaKeyPair::generate(algorithm).expect("key");
        let spki: PublicKeyX509Der<'_> = pair.public_key().as_der().expect("public half");
        let public = PublicKey::from_spki(spki.as_ref()).expect("public half");
        (pair, public)
    }

    /// Of a thousand, some eight have a zero byte at the start of r or s.
    #[test]
    fn real_signatures_verify_once_they_are_encoded() {
        for (algorithm, times) in
            [(&ECDSA_P256_SHA256_FIXED_SIGNING, 1000), (&ECDSA_P521_SHA256_FIXED_SIGNING, 50)]
        {
            let (pair, public) = signer(algorithm);
            let random = SystemRandom::new();
            for number in 0..times {
                let message = format!("message {number}");
                let raw = pair.sign(&random, message.as_bytes()).expect("signature");
                let raw = raw.as_ref();
                let verifies = |raw: &[u8]| {
                    let der = encode(Scheme::EcdsaSha256, raw.to_vec()).expect("DER");
                    public.verifies(Scheme::EcdsaSha256, message.as_bytes(), &der)
                };
                assert!(verifies(raw), "{raw:?}");
                // As modules do that drop leading zeros.
                let (r, s) = raw.split_at(raw.len() / 2);
                let zeros = r.iter().zip(s).take_while(|(r, s)| (**r, **s) == (0, 0)).count();
                assert!(verifies(&[&r[zeros..], &s[zeros..]].concat()), "{raw:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn any_output_is_encoded_once_or_refused(output in vec(any::<u8>(), 0..150)) {
            if let Some(der) = encode(Scheme::EcdsaSha256, output.clone()) {
                prop_assert_eq!(der[0], 0x30);
                prop_assert_eq!(encode(Scheme::EcdsaSha256, der.clone()), Some(der));
            }
            prop_assert_eq!(encode(Scheme::RsaPkcs1Sha256, output.clone()), Some(output));
        }
    }
}
