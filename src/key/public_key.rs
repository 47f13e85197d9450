//! The public half of a key, as an X.509 SubjectPublicKeyInfo, and the signatures it can check.

use std::fmt;

use aws_lc_rs::signature::{self, VerificationAlgorithm};
use const_oid::ObjectIdentifier;
use const_oid::db::rfc5912::{
    ID_EC_PUBLIC_KEY, RSA_ENCRYPTION, SECP_256_R_1, SECP_384_R_1, SECP_521_R_1,
};
use der::asn1::{AnyRef, BitStringRef, OctetStringRef, UintRef};
use der::{Decode, Encode, Sequence};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};

/// How a message is signed. The signer takes the message, not its hash: who hashes is its affair.
/// SigV4-X509 wants SHA-256 on every curve; TLS will add the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scheme {
    /// ECDSA over SHA-256; the signature is the DER `SEQUENCE { r, s }` (RFC 3279 §2.2.3).
    EcdsaSha256,
    /// RSASSA-PKCS1-v1_5 over SHA-256 (RFC 8017 §8.2); the signature is as long as the modulus.
    RsaPkcs1Sha256,
}

/// A NIST curve of FIPS 186-4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Curve {
    /// secp256r1
    P256,
    /// secp384r1
    P384,
    /// secp521r1
    P521,
}

/// A public key that IAM Roles Anywhere can take: RSA, or ECDSA on a NIST curve.
#[derive(Clone, Debug)]
pub struct PublicKey {
    spki: Vec<u8>,
    kind: Kind,
    /// What stands in the BIT STRING: a PKCS#1 RSAPublicKey, or an uncompressed point.
    key: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Ec(Curve),
    Rsa { bits: usize },
}

/// Why bytes are no public key of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublicKeyError {
    /// Not a SubjectPublicKeyInfo, an RSAPublicKey or a point.
    #[error("the public key is not well-formed")]
    Malformed,
    /// A kind of key that the service does not take, or this version cannot use.
    #[error("a key of type {0} is not supported")]
    Unsupported(String),
}

/// RFC 8017 A.1.1
#[derive(Sequence)]
struct RsaPublicKey<'a> {
    modulus: UintRef<'a>,
    public_exponent: UintRef<'a>,
}

impl PublicKey {
    /// From a DER SubjectPublicKeyInfo (RFC 5280 §4.1.2.7).
    ///
    /// # Errors
    /// When it is not well-formed, or not of a supported kind.
    pub fn from_spki(der: &[u8]) -> Result<Self, PublicKeyError> {
        let spki = SubjectPublicKeyInfoRef::from_der(der).map_err(|_| PublicKeyError::Malformed)?;
        let key = spki.subject_public_key.as_bytes().ok_or(PublicKeyError::Malformed)?;
        let kind = match spki.algorithm.oid {
            RSA_ENCRYPTION => rsa_kind(key)?,
            ID_EC_PUBLIC_KEY => Kind::Ec(point_curve(spki.algorithm.parameters_oid(), key)?),
            other => return Err(unsupported(other)),
        };
        Ok(Self { spki: der.into(), kind, key: key.into() })
    }

    /// From a modulus and a public exponent, unsigned and big-endian (CKA_MODULUS,
    /// CKA_PUBLIC_EXPONENT).
    ///
    /// # Errors
    /// When they are empty or absurdly long.
    pub fn from_rsa(modulus: &[u8], exponent: &[u8]) -> Result<Self, PublicKeyError> {
        let malformed = |_| PublicKeyError::Malformed;
        let modulus = UintRef::new(modulus).map_err(malformed)?;
        let public_exponent = UintRef::new(exponent).map_err(malformed)?;
        let key = RsaPublicKey { modulus, public_exponent }.to_der().map_err(malformed)?;
        Self::encode(RSA_ENCRYPTION, AnyRef::NULL, &key)
    }

    /// From a DER curve identifier and a point (CKA_EC_PARAMS, CKA_EC_POINT). The point should be
    /// wrapped in an OCTET STRING; some modules give it bare, and both are taken.
    ///
    /// # Errors
    /// When either is not well-formed, or the curve is not supported.
    pub fn from_ec(parameters: &[u8], point: &[u8]) -> Result<Self, PublicKeyError> {
        let curve = oid(parameters)?;
        // A bare point begins with the tag of an OCTET STRING: one of 256 is well-formed as one.
        let length = Curve::from_oid(curve).map(|curve| 1 + 2 * curve.field_length());
        let wrapped = <&OctetStringRef>::from_der(point).map(|wrapped| wrapped.as_bytes());
        let wrapped = wrapped.ok().filter(|wrapped| length.is_none_or(|l| l == wrapped.len()));
        let point = wrapped.unwrap_or(point);
        Self::encode(ID_EC_PUBLIC_KEY, AnyRef::from(&curve), point)
    }

    fn encode(
        oid: ObjectIdentifier,
        parameters: AnyRef<'_>,
        key: &[u8],
    ) -> Result<Self, PublicKeyError> {
        let malformed = |_| PublicKeyError::Malformed;
        let algorithm = AlgorithmIdentifierRef { oid, parameters: Some(parameters) };
        let subject_public_key = BitStringRef::from_bytes(key).map_err(malformed)?;
        let spki = SubjectPublicKeyInfoRef { algorithm, subject_public_key };
        Self::from_spki(&spki.to_der().map_err(malformed)?)
    }

    /// The DER SubjectPublicKeyInfo.
    #[must_use]
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// The SHA-256 of the SubjectPublicKeyInfo: what `openssl pkey -pubout -outform DER | sha256sum`
    /// prints. One key has one, even where a certificate leaves out the NULL of an RSA key.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        let written = match self.kind {
            Kind::Ec(_) => None,
            Kind::Rsa { .. } => Self::encode(RSA_ENCRYPTION, AnyRef::NULL, &self.key).ok(),
        };
        Sha256::digest(written.as_ref().unwrap_or(self).spki()).into()
    }

    /// The content of its BIT STRING: a DER RSAPublicKey, or an uncompressed point `04 ‖ X ‖ Y`.
    #[must_use]
    pub fn key_bytes(&self) -> &[u8] {
        &self.key
    }

    /// The curve of an ECDSA key.
    #[must_use]
    pub fn curve(&self) -> Option<Curve> {
        match self.kind {
            Kind::Ec(curve) => Some(curve),
            Kind::Rsa { .. } => None,
        }
    }

    /// The length of an RSA key's modulus.
    #[must_use]
    pub fn rsa_bits(&self) -> Option<usize> {
        match self.kind {
            Kind::Rsa { bits } => Some(bits),
            Kind::Ec(_) => None,
        }
    }

    /// How SigV4-X509 signs with this kind of key.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        match self.kind {
            Kind::Ec(_) => Scheme::EcdsaSha256,
            Kind::Rsa { .. } => Scheme::RsaPkcs1Sha256,
        }
    }

    /// Whether this key made that signature over that message.
    #[must_use]
    pub fn verifies(&self, scheme: Scheme, message: &[u8], signature: &[u8]) -> bool {
        let algorithm: &dyn VerificationAlgorithm = match (scheme, self.kind) {
            (Scheme::RsaPkcs1Sha256, Kind::Rsa { .. }) => &signature::RSA_PKCS1_2048_8192_SHA256,
            (Scheme::EcdsaSha256, Kind::Ec(Curve::P256)) => &signature::ECDSA_P256_SHA256_ASN1,
            (Scheme::EcdsaSha256, Kind::Ec(Curve::P384)) => &signature::ECDSA_P384_SHA256_ASN1,
            (Scheme::EcdsaSha256, Kind::Ec(Curve::P521)) => &signature::ECDSA_P521_SHA256_ASN1,
            _ => return false,
        };
        self.verifies_with(algorithm, message, signature)
    }

    /// The same with any algorithm: for signatures that others made, as on certificates.
    pub(crate) fn verifies_with(
        &self,
        algorithm: &dyn VerificationAlgorithm,
        message: &[u8],
        signature: &[u8],
    ) -> bool {
        let key = self.key.as_slice();
        algorithm.verify_sig(key, message, signature).is_ok()
    }
}

fn rsa_kind(key: &[u8]) -> Result<Kind, PublicKeyError> {
    let key = RsaPublicKey::from_der(key).map_err(|_| PublicKeyError::Malformed)?;
    let modulus = key.modulus.as_bytes();
    let first = modulus.first().ok_or(PublicKeyError::Malformed)?;
    let bits = modulus.len() * 8 - first.leading_zeros() as usize;
    if !(2048..=8192).contains(&bits) {
        return Err(PublicKeyError::Unsupported(format!("RSA-{bits}")));
    }
    Ok(Kind::Rsa { bits })
}

fn point_curve(oid: spki::Result<ObjectIdentifier>, point: &[u8]) -> Result<Curve, PublicKeyError> {
    let oid = oid.map_err(|_| PublicKeyError::Malformed)?;
    let curve = Curve::from_oid(oid).ok_or_else(|| unsupported(oid))?;
    if point.first() != Some(&4) || point.len() != 1 + 2 * curve.field_length() {
        return Err(PublicKeyError::Malformed);
    }
    Ok(curve)
}

/// CKA_EC_PARAMS that names its curve, or describes it: ykcs11 loses the names of curves whose keys
/// were not made on the YubiKey.
fn oid(parameters: &[u8]) -> Result<ObjectIdentifier, PublicKeyError> {
    let named = ObjectIdentifier::from_der(parameters).ok();
    named.or_else(|| described(parameters)).ok_or(PublicKeyError::Malformed)
}

/// The SHA-256 of explicit parameters (SEC 1 C.2), all of which must be those of the curve: what
/// `openssl ecparam -name prime256v1 -param_enc explicit -outform DER | sha256sum` prints.
const DESCRIBED: [(ObjectIdentifier, &str); 3] = [
    (SECP_256_R_1, "40c3c405abfc62e096cb6491f85f967d6d75ede716604629654910c475d4b846"),
    (SECP_384_R_1, "19a03321b63c6490867791325fc61a4df548ffaf40b94e499793a6267e5a72dd"),
    (SECP_521_R_1, "686637285b0a49a8325eceb3d37203c016dcaa29ecf697455e4b8abfda69c186"),
];

fn described(parameters: &[u8]) -> Option<ObjectIdentifier> {
    let digest: String =
        Sha256::digest(parameters).iter().map(|byte| format!("{byte:02x}")).collect();
    DESCRIBED.iter().find(|(_, known)| *known == digest).map(|(curve, _)| *curve)
}

/// Kinds of keys that people do have, by the names that they know.
const OTHERS: [(&str, &str); 9] = [
    ("1.2.840.10040.4.1", "DSA"),
    ("1.2.840.113549.1.1.10", "RSASSA-PSS"),
    ("1.3.101.112", "Ed25519"),
    ("1.3.101.113", "Ed448"),
    ("1.3.132.0.10", "secp256k1"),
    ("1.3.132.0.33", "P-224"),
    ("2.16.840.1.101.3.4.3.17", "ML-DSA-44"),
    ("2.16.840.1.101.3.4.3.18", "ML-DSA-65"),
    ("2.16.840.1.101.3.4.3.19", "ML-DSA-87"),
];

fn unsupported(oid: ObjectIdentifier) -> PublicKeyError {
    let oid = oid.to_string();
    let known = OTHERS.iter().find(|(known, _)| *known == oid);
    PublicKeyError::Unsupported(known.map_or(oid.clone(), |(_, name)| (*name).to_owned()))
}

impl Curve {
    /// The curve of that name (RFC 5480 §2.1.1.1).
    #[must_use]
    pub fn from_oid(oid: ObjectIdentifier) -> Option<Self> {
        match oid {
            SECP_256_R_1 => Some(Self::P256),
            SECP_384_R_1 => Some(Self::P384),
            SECP_521_R_1 => Some(Self::P521),
            _ => None,
        }
    }

    /// The curve that CKA_EC_PARAMS names, for a key without its point.
    ///
    /// # Errors
    /// When it is not well-formed, or the curve is not supported.
    pub fn from_parameters(parameters: &[u8]) -> Result<Self, PublicKeyError> {
        let oid = oid(parameters)?;
        Self::from_oid(oid).ok_or_else(|| unsupported(oid))
    }

    /// The length of a coordinate, and of each half of a raw signature, in bytes.
    #[must_use]
    pub fn field_length(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }
}

/// The same key, however its SubjectPublicKeyInfo was written (an RSA one may lack its NULL).
impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind && self.key == other.key
    }
}

impl Eq for PublicKey {}

/// What people call it: `RSA-2048`, `P-256`.
impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Rsa { bits } => write!(f, "RSA-{bits}"),
            Kind::Ec(curve) => curve.fmt(f),
        }
    }
}

/// `P-256`
impl fmt::Display for Curve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::P521 => "P-521",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const P256: [u8; 10] = [0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];

    #[test]
    fn a_point_is_taken_bare_and_wrapped() {
        let mut point = vec![4];
        point.extend([7; 64]);
        let bare = PublicKey::from_ec(&P256, &point).expect("bare");
        let wrapped = [[0x04, 65].as_slice(), &point].concat();
        assert_eq!(bare, PublicKey::from_ec(&P256, &wrapped).expect("wrapped"));
        assert_eq!(bare.to_string(), "P-256");
        assert_eq!(PublicKey::from_spki(bare.spki()).expect("spki"), bare);
    }

    #[test]
    fn a_bare_point_that_could_be_a_wrapped_one_is_taken_for_what_it_is() {
        let point = [&[4, 63][..], &[7; 63]].concat();
        let bare = PublicKey::from_ec(&P256, &point).expect("bare");
        let wrapped = [[0x04, 65].as_slice(), &point].concat();
        assert_eq!(bare, PublicKey::from_ec(&P256, &wrapped).expect("wrapped"));
        assert_eq!(bare.key_bytes(), point);
    }

    #[test]
    fn a_curve_that_is_described_is_the_one_that_has_a_name() {
        let explicit = |pem: &str| der::pem::decode_vec(pem.as_bytes()).expect("PEM").1;
        for (pem, curve) in [
            (include_str!("../../tests/vectors/p256.explicit.pem"), Curve::P256),
            (include_str!("../../tests/vectors/p384.explicit.pem"), Curve::P384),
            (include_str!("../../tests/vectors/p521.explicit.pem"), Curve::P521),
        ] {
            let mut parameters = explicit(pem);
            assert_eq!(Curve::from_parameters(&parameters), Ok(curve));
            // another generator, say: some curve, and none of ours
            parameters[150] ^= 1;
            assert_eq!(Curve::from_parameters(&parameters), Err(PublicKeyError::Malformed));
        }
    }

    #[test]
    fn a_modulus_becomes_a_key_with_or_without_a_leading_zero() {
        let modulus = [0xc1; 256];
        let plain = PublicKey::from_rsa(&modulus, &[1, 0, 1]).expect("plain");
        let padded = [[0].as_slice(), &modulus].concat();
        assert_eq!(plain, PublicKey::from_rsa(&padded, &[0, 1, 0, 1]).expect("padded"));
        assert_eq!(plain.to_string(), "RSA-2048");
    }

    #[test]
    fn one_key_has_one_fingerprint_however_it_was_written() {
        let key = PublicKey::from_rsa(&[0xc1; 256], &[1, 0, 1]).expect("key");
        let algorithm = AlgorithmIdentifierRef { oid: RSA_ENCRYPTION, parameters: None };
        let subject_public_key = BitStringRef::from_bytes(key.key_bytes()).expect("bits");
        let spki = SubjectPublicKeyInfoRef { algorithm, subject_public_key }.to_der();
        let bare = PublicKey::from_spki(&spki.expect("spki")).expect("without NULL");
        assert!(bare.spki() != key.spki() && bare.fingerprint() == key.fingerprint());
        assert_eq!(<[u8; 32]>::from(Sha256::digest(key.spki())), key.fingerprint());
    }

    #[test]
    fn keys_the_service_does_not_take_are_named() {
        let short = PublicKey::from_rsa(&[0xc1; 128], &[1, 0, 1]);
        assert_eq!(short, Err(PublicKeyError::Unsupported("RSA-1024".into())));
        let secp256k1 = [0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x0a];
        let error = PublicKey::from_ec(&secp256k1, &[4; 65]).expect_err("secp256k1");
        assert_eq!(error, PublicKeyError::Unsupported("secp256k1".into()));
        assert_eq!(PublicKey::from_ec(&P256, &[4; 64]), Err(PublicKeyError::Malformed));
    }
}
