//! Which algorithm checks a certificate's signature: its AlgorithmIdentifier, and the issuer's key.

use aws_lc_rs::signature::{self as algorithms, VerificationAlgorithm};
use const_oid::ObjectIdentifier;
use const_oid::db::rfc5912::{
    ECDSA_WITH_SHA_256, ECDSA_WITH_SHA_384, ECDSA_WITH_SHA_512, ID_RSASSA_PSS, ID_SHA_256,
    ID_SHA_384, ID_SHA_512, SHA_256_WITH_RSA_ENCRYPTION, SHA_384_WITH_RSA_ENCRYPTION,
    SHA_512_WITH_RSA_ENCRYPTION,
};
use der::asn1::{AnyRef, ContextSpecific};
use der::{Reader, SliceReader};
use spki::AlgorithmIdentifierRef;

use crate::key::public_key::{Curve, PublicKey};

type Algorithm = &'static dyn VerificationAlgorithm;

/// The algorithm, or `None` where it is too weak (SHA-1, MD5), unknown, or not for this key.
pub(super) fn algorithm(
    identifier: &AlgorithmIdentifierRef<'_>,
    key: &PublicKey,
) -> Option<Algorithm> {
    match key.curve() {
        None => rsa(identifier),
        Some(curve) => ecdsa(identifier.oid, curve),
    }
}

fn rsa(identifier: &AlgorithmIdentifierRef<'_>) -> Option<Algorithm> {
    match identifier.oid {
        SHA_256_WITH_RSA_ENCRYPTION => Some(&algorithms::RSA_PKCS1_2048_8192_SHA256),
        SHA_384_WITH_RSA_ENCRYPTION => Some(&algorithms::RSA_PKCS1_2048_8192_SHA384),
        SHA_512_WITH_RSA_ENCRYPTION => Some(&algorithms::RSA_PKCS1_2048_8192_SHA512),
        ID_RSASSA_PSS => match pss_hash(identifier.parameters?)? {
            ID_SHA_256 => Some(&algorithms::RSA_PSS_2048_8192_SHA256),
            ID_SHA_384 => Some(&algorithms::RSA_PSS_2048_8192_SHA384),
            ID_SHA_512 => Some(&algorithms::RSA_PSS_2048_8192_SHA512),
            _ => None,
        },
        _ => None,
    }
}

/// The hash in RSASSA-PSS-params (RFC 4055 §3.1), its first field.
fn pss_hash(parameters: AnyRef<'_>) -> Option<ObjectIdentifier> {
    let mut fields = SliceReader::new(parameters.value()).ok()?;
    let hash: ContextSpecific<AlgorithmIdentifierRef<'_>> = fields.decode().ok()?;
    (hash.tag_number.value() == 0).then_some(hash.value.oid)
}

fn ecdsa(oid: ObjectIdentifier, curve: Curve) -> Option<Algorithm> {
    use Curve::{P256, P384, P521};
    match (oid, curve) {
        (ECDSA_WITH_SHA_256, P256) => Some(&algorithms::ECDSA_P256_SHA256_ASN1),
        (ECDSA_WITH_SHA_384, P256) => Some(&algorithms::ECDSA_P256_SHA384_ASN1),
        (ECDSA_WITH_SHA_512, P256) => Some(&algorithms::ECDSA_P256_SHA512_ASN1),
        (ECDSA_WITH_SHA_256, P384) => Some(&algorithms::ECDSA_P384_SHA256_ASN1),
        (ECDSA_WITH_SHA_384, P384) => Some(&algorithms::ECDSA_P384_SHA384_ASN1),
        (ECDSA_WITH_SHA_512, P384) => Some(&algorithms::ECDSA_P384_SHA512_ASN1),
        (ECDSA_WITH_SHA_256, P521) => Some(&algorithms::ECDSA_P521_SHA256_ASN1),
        (ECDSA_WITH_SHA_384, P521) => Some(&algorithms::ECDSA_P521_SHA384_ASN1),
        (ECDSA_WITH_SHA_512, P521) => Some(&algorithms::ECDSA_P521_SHA512_ASN1),
        _ => None,
    }
}
