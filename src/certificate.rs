//! An X.509 certificate as a value: what it says (RFC 5280), and whether another one signed it.

use std::time::SystemTime;

use const_oid::ObjectIdentifier;
use der::asn1::{AnyRef, BitStringRef};
use der::{Decode, Encode, Sequence};
use spki::AlgorithmIdentifierRef;
use x509_cert::ext::pkix::{BasicConstraints, KeyUsage};

use crate::key::public_key::{PublicKey, PublicKeyError};

mod names;
mod signature;

pub use names::{AlternativeNames, NameAttribute};

/// Yubico's arc for what an attestation certificate says about a key (firmware, serial, policy).
const YUBICO_ATTESTATION: &str = "1.3.6.1.4.1.41482.3.";

/// Longest certificate that is read, in bytes: the largest signatures and keys of today fit twice.
pub const LONGEST: usize = 128 * 1024;

/// A certificate that has been read; its DER is kept as it came.
#[derive(Clone)]
pub struct Certificate {
    der: Vec<u8>,
    x509: x509_cert::Certificate,
}

/// The bytes are not a DER certificate.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an X.509 certificate")]
pub struct NotACertificate;

/// RFC 5280 §4.1 without looking inside what is signed.
#[derive(Sequence)]
struct Signed<'a> {
    tbs: AnyRef<'a>,
    algorithm: AlgorithmIdentifierRef<'a>,
    signature: BitStringRef<'a>,
}

impl Certificate {
    /// Reads one DER certificate, with nothing after it.
    ///
    /// # Errors
    /// When it is anything else.
    pub fn from_der(der: &[u8]) -> Result<Self, NotACertificate> {
        if der.len() > LONGEST {
            return Err(NotACertificate);
        }
        let x509 = x509_cert::Certificate::from_der(der).map_err(|_| NotACertificate)?;
        Ok(Self { der: der.into(), x509 })
    }

    /// The DER, as it was read.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The certified key.
    ///
    /// # Errors
    /// When it is of a kind that is not supported.
    pub fn public_key(&self) -> Result<PublicKey, PublicKeyError> {
        let spki = self.tbs().subject_public_key_info().to_der();
        PublicKey::from_spki(&spki.map_err(|_| PublicKeyError::Malformed)?)
    }

    /// The subject as RFC 4514 text, for people.
    #[must_use]
    pub fn subject(&self) -> String {
        self.tbs().subject().to_string()
    }

    /// Whether the subject has no attribute at all.
    #[must_use]
    pub fn has_empty_subject(&self) -> bool {
        self.tbs().subject().is_empty()
    }

    /// The issuer's name as RFC 4514 text, for people.
    #[must_use]
    pub fn issuer(&self) -> String {
        self.tbs().issuer().to_string()
    }

    /// The DER of the issuer's name: what its CKA_SUBJECT is on a token.
    #[must_use]
    pub fn issuer_der(&self) -> Vec<u8> {
        self.tbs().issuer().to_der().unwrap_or_default()
    }

    /// The content of the serial's INTEGER: big-endian two's complement, at least one byte.
    #[must_use]
    pub fn serial(&self) -> &[u8] {
        self.tbs().serial_number().as_bytes()
    }

    /// X.509 version 3, the one that has extensions.
    #[must_use]
    pub fn is_version_3(&self) -> bool {
        self.tbs().version() == x509_cert::certificate::Version::V3
    }

    /// The first moment of its validity.
    #[must_use]
    pub fn not_before(&self) -> SystemTime {
        self.tbs().validity().not_before.to_system_time()
    }

    /// The last moment of its validity.
    #[must_use]
    pub fn not_after(&self) -> SystemTime {
        self.tbs().validity().not_after.to_system_time()
    }

    /// Whether `now` lies within its validity.
    #[must_use]
    pub fn is_valid_at(&self, now: SystemTime) -> bool {
        self.not_before() <= now && now <= self.not_after()
    }

    /// basicConstraints says that it is a CA. What cannot be read counts as a CA: it is refused.
    #[must_use]
    pub fn is_ca(&self) -> bool {
        match self.tbs().get_extension::<BasicConstraints>() {
            Ok(None) => false,
            Ok(Some((_, constraints))) => constraints.ca,
            Err(_) => true,
        }
    }

    /// keyUsage is there and allows digital signatures.
    #[must_use]
    pub fn may_sign(&self) -> bool {
        let usage = self.tbs().get_extension::<KeyUsage>();
        usage.is_ok_and(|usage| usage.is_some_and(|(_, usage)| usage.digital_signature()))
    }

    /// The algorithm that its issuer signed it with.
    #[must_use]
    pub fn signature_algorithm(&self) -> ObjectIdentifier {
        self.x509.signature_algorithm().oid
    }

    /// A certificate by which a YubiKey vouches for one of its keys. It certifies the same public
    /// key as the real one does, and no service takes it.
    #[must_use]
    pub fn is_attestation(&self) -> bool {
        let extensions = self.tbs().extensions().into_iter().flatten();
        extensions.into_iter().any(|e| e.extn_id.to_string().starts_with(YUBICO_ATTESTATION))
    }

    /// What such a certificate says about when its key wants a PIN and a touch, as Yubico's numbers.
    #[must_use]
    pub fn attested_policies(&self) -> Option<[u8; 2]> {
        let extensions = self.tbs().extensions().into_iter().flatten();
        let policies = format!("{YUBICO_ATTESTATION}8");
        let mut found = extensions.into_iter().filter(|e| e.extn_id.to_string() == policies);
        found.next()?.extn_value.as_bytes().try_into().ok()
    }

    /// Whether the holder of that certificate signed this one. Names are not compared: only the
    /// signature tells.
    #[must_use]
    pub fn is_signed_by(&self, issuer: &Self) -> bool {
        let Ok(key) = issuer.public_key() else { return false };
        let Ok(signed) = Signed::from_der(&self.der) else { return false };
        let Ok(message) = signed.tbs.to_der() else { return false };
        let Some(signature) = signed.signature.as_bytes() else { return false };
        signature::algorithm(&signed.algorithm, &key)
            .is_some_and(|algorithm| key.verifies_with(algorithm, &message, signature))
    }

    /// Signed by its own key, and so in its own name: a root. (The name is compared first, because
    /// a signature takes longer.)
    #[must_use]
    pub fn is_self_signed(&self) -> bool {
        self.tbs().issuer() == self.tbs().subject() && self.is_signed_by(self)
    }

    /// Whether it certifies that key.
    #[must_use]
    pub fn certifies(&self, key: &PublicKey) -> bool {
        self.public_key().is_ok_and(|own| own == *key)
    }

    fn tbs(&self) -> &x509_cert::TbsCertificate {
        self.x509.tbs_certificate()
    }
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        self.der == other.der
    }
}

impl Eq for Certificate {}
