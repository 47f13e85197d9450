//! A private key in a PEM file: PKCS#8, SEC1 or PKCS#1. For comparison and for CI; a key in a file
//! can leave its device.

use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{Digest, SHA384};
use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::error::{KeyRejected, Unspecified};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P521_SHA256_ASN1_SIGNING,
    EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use const_oid::ObjectIdentifier;
use const_oid::db::rfc5912::{ID_EC_PUBLIC_KEY, RSA_ENCRYPTION};
use der::asn1::{BitStringRef, OctetStringRef};
use der::{Decode, Sequence};
use rustls::pki_types::pem::{PemObject, SectionKind};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::certificate::Certificate;
use crate::key::public_key::{Curve, PublicKey, Scheme};
use crate::paths;
use crate::signer::{Error, Signer};
use crate::wire::Wanted;

/// Longest key file that is read, in bytes; an RSA-8192 key has about 6500.
const LONGEST: u64 = 64 * 1024;

/// A key that was read from a file.
pub struct FileKey {
    path: PathBuf,
    pair: Pair,
    public_key: PublicKey,
}

enum Pair {
    Ec(Box<EcdsaKeyPair>, Curve),
    Rsa(Box<RsaKeyPair>),
}

/// RFC 5915 §3
#[derive(Sequence)]
struct EcPrivateKey<'a> {
    version: u8,
    private_key: &'a OctetStringRef,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    parameters: Option<ObjectIdentifier>,
    #[asn1(context_specific = "1", tag_mode = "EXPLICIT", optional = "true")]
    public_key: Option<BitStringRef<'a>>,
}

impl FileKey {
    /// Reads the first private key of a PEM file that only we (and perhaps a group) can read.
    ///
    /// # Errors
    /// When the file cannot be read or is open to everybody, or holds no key that can be used.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let failed = |reason| Error::KeyFile { path: path.into(), reason };
        let (pem, _) =
            paths::read_secret(path, LONGEST).map_err(|error| failed(error.to_string()))?;
        Self::from_pem(path, &pem)
    }

    /// The first private key of PEM text; the path is for messages.
    ///
    /// # Errors
    /// When there is no key in it that can be used.
    pub fn from_pem(path: &Path, pem: &[u8]) -> Result<Self, Error> {
        let failed = |reason: &str| Error::KeyFile { path: path.into(), reason: reason.to_owned() };
        let pair = pair(pem).map_err(failed)?;
        let public_key =
            pair.public_key().ok_or_else(|| failed("its public half is not usable"))?;
        Ok(Self { path: path.into(), pair, public_key })
    }
}

fn pair(pem: &[u8]) -> Result<Pair, &'static str> {
    let sections = <(SectionKind, Vec<u8>)>::pem_slice_iter(pem);
    for section in sections {
        let (kind, der) = section.map_err(|_| "it is not well-formed PEM")?;
        let der = Zeroizing::new(der);
        match kind {
            SectionKind::PrivateKey => return pkcs8(&der),
            SectionKind::EcPrivateKey => return sec1(&der),
            SectionKind::RsaPrivateKey => return rsa(RsaKeyPair::from_der(&der)),
            _ => {}
        }
    }
    let encrypted = pem.windows(9).any(|window| window == b"ENCRYPTED");
    Err(if encrypted {
        "it is encrypted, and such files are not supported"
    } else {
        "it holds no private key"
    })
}

fn pkcs8(der: &[u8]) -> Result<Pair, &'static str> {
    let info =
        pkcs8::PrivateKeyInfoRef::from_der(der).map_err(|_| "its PKCS#8 is not well-formed")?;
    match info.algorithm.oid {
        RSA_ENCRYPTION => rsa(RsaKeyPair::from_pkcs8(der)),
        ID_EC_PUBLIC_KEY => ec(info.algorithm.parameters_oid().ok(), der),
        _ => Err("it is neither an RSA nor an EC key"),
    }
}

fn sec1(der: &[u8]) -> Result<Pair, &'static str> {
    let key = EcPrivateKey::from_der(der).map_err(|_| "its SEC1 is not well-formed")?;
    ec(key.parameters, der)
}

fn rsa(pair: Result<RsaKeyPair, KeyRejected>) -> Result<Pair, &'static str> {
    pair.map(|pair| Pair::Rsa(Box::new(pair)))
        .map_err(|_| "its RSA key is not valid, or not of 2048 to 8192 bits")
}

fn ec(curve: Option<ObjectIdentifier>, der: &[u8]) -> Result<Pair, &'static str> {
    let curve = curve.ok_or("it does not name its curve")?;
    let curve = Curve::from_oid(curve).ok_or("its curve is not P-256, P-384 or P-521")?;
    let algorithm = match curve {
        Curve::P256 => &ECDSA_P256_SHA256_ASN1_SIGNING,
        Curve::P384 => &ECDSA_P384_SHA384_ASN1_SIGNING,
        Curve::P521 => &ECDSA_P521_SHA256_ASN1_SIGNING,
    };
    let pair = EcdsaKeyPair::from_private_key_der(algorithm, der);
    pair.map(|pair| Pair::Ec(Box::new(pair), curve)).map_err(|_| "its EC key is not valid")
}

impl Pair {
    fn public_key(&self) -> Option<PublicKey> {
        let spki: PublicKeyX509Der<'_> = match self {
            Self::Ec(pair, _) => pair.public_key().as_der().ok()?,
            Self::Rsa(pair) => pair.public_key().as_der().ok()?,
        };
        PublicKey::from_spki(spki.as_ref()).ok()
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Unspecified> {
        let random = SystemRandom::new();
        match self {
            Self::Ec(pair, Curve::P384) => {
                Ok(pair.sign_digest(&padded(message)?)?.as_ref().to_vec())
            }
            Self::Ec(pair, _) => Ok(pair.sign(&random, message)?.as_ref().to_vec()),
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)?;
                Ok(signature)
            }
        }
    }
}

/// AWS-LC does not sign SHA-256 on P-384. As a number, the hash is the same with zeros in front of
/// it, and so it passes for a SHA-384 digest: ECDSA takes a hash as an integer (FIPS 186-4 §6.4).
fn padded(message: &[u8]) -> Result<Digest, Unspecified> {
    let hash = <Sha256 as sha2::Digest>::digest(message);
    let mut padded = [0; 48];
    padded[16..].copy_from_slice(&hash);
    Digest::import_less_safe(&padded, &SHA384)
}

impl Signer for FileKey {
    fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    fn unlock(&self) -> Result<(), Error> {
        Ok(())
    }

    fn sign(&self, scheme: Scheme, message: &[u8]) -> Result<Vec<u8>, Error> {
        let failed =
            |reason: &str| Error::KeyFile { path: self.path.clone(), reason: reason.to_owned() };
        if scheme != self.public_key.scheme() {
            return Err(failed("it cannot make this kind of signature"));
        }
        self.pair.sign(message).map_err(|_| failed("signing failed"))
    }

    fn certificates(&self, _: &Wanted) -> Result<Vec<Certificate>, Error> {
        Ok(Vec::new())
    }

    fn release(&self) {}
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEY: &str = include_str!("../../tests/vectors/p256.key.pem");

    proptest! {
        #[test]
        fn text_around_a_key_does_not_matter(around in "([a-zA-Z #:=/.]{0,30}\n){0,3}") {
            let text = format!("{around}{KEY}{around}");
            let key = FileKey::from_pem(Path::new("key.pem"), text.as_bytes()).expect("a key");
            prop_assert_eq!(key.public_key().to_string(), "P-256");
        }

        #[test]
        fn any_bytes_are_no_key_and_an_error_that_does_not_show_them(bytes in "[a-z]{12}[ -~]{0,90}") {
            for kind in ["PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY", "ENCRYPTED PRIVATE KEY"] {
                let text = format!("-----BEGIN {kind}-----\n{bytes}\n-----END {kind}-----\n");
                let error = FileKey::from_pem(Path::new("key.pem"), text.as_bytes()).err();
                let Some(Error::KeyFile { reason, .. }) = error else { panic!("a key") };
                prop_assert!(!reason.contains(&bytes[..12]), "{}", reason);
            }
        }
    }
}
