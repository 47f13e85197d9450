//! The public area of a key (TPM 2.0 Part 2 §12.2): whether it can sign for the service, and how. It
//! is looked at before anything else is done with the key.

use der::Encode;
use der::asn1::ObjectIdentifier;
use sha2::{Digest as _, Sha256};
use tss_esapi::interface_types::algorithm::HashingAlgorithm;
use tss_esapi::interface_types::ecc::EccCurve;
use tss_esapi::structures::{
    Digest, EccPoint, EccScheme, HashScheme, Public, PublicKeyRsa, RsaScheme, Signature,
    SignatureScheme,
};

use crate::device::signature::{EcdsaSignature, left_padded, pkcs1_block};
use crate::key::PublicKey;
use crate::key::public_key::{PublicKeyError, Scheme};

/// TPM2_Sign takes hashes of this length with SHA-256.
const SHA256: usize = 32;

/// What must be known of a key to use it.
pub(super) struct Facts {
    pub(super) public_key: PublicKey,
    /// Wrong passwords count towards the TPM's lock-out.
    pub(super) protected: bool,
    /// The longest that its password can be, in bytes.
    pub(super) longest_password: usize,
    way: Way,
}

/// How it signs.
#[derive(Clone, Copy)]
enum Way {
    /// TPM2_RSA_Decrypt of a block that is padded here, as long as the modulus.
    Decrypt(usize),
    /// TPM2_Sign with ECDSA: the hash that it is told, and the length of what is signed of it.
    Ecdsa(HashingAlgorithm, usize),
    /// TPM2_Sign with RSASSA-PKCS1-v1_5.
    Rsassa,
}

/// What goes into the TPM for one signature.
pub(super) enum Input {
    /// To TPM2_RSA_Decrypt.
    Block(PublicKeyRsa),
    /// To TPM2_Sign.
    Digest(Digest, SignatureScheme),
}

impl Facts {
    /// # Errors
    /// Why the key cannot be used.
    pub(super) fn of(public: &Public) -> Result<Self, String> {
        let public_key = public_key(public).map_err(|error| error.to_string())?;
        let attributes = public.object_attributes();
        if attributes.restricted() && attributes.sign_encrypt() {
            return Err("it is restricted, and signs only what the TPM itself has hashed".into());
        }
        if attributes.restricted() {
            return Err("it is a storage key, which protects other keys and signs nothing".into());
        }
        if !attributes.user_with_auth() {
            return Err("it can be used by a policy only (userwithauth is not set)".into());
        }
        let (sign, decrypt) = (attributes.sign_encrypt(), attributes.decrypt());
        let way = match public {
            Public::Rsa { parameters, unique, .. } => {
                rsa(parameters.rsa_scheme(), sign, decrypt, unique.len())?
            }
            Public::Ecc { parameters, .. } => {
                let field = public_key.curve().map_or(SHA256, |curve| curve.field_length());
                ecdsa(parameters.ecc_scheme(), sign, field)?
            }
            _ => return Err("it is no RSA or EC key".into()),
        };
        let longest_password = length(public.name_hashing_algorithm()).unwrap_or(SHA256);
        Ok(Self { public_key, protected: !attributes.no_da(), longest_password, way })
    }

    /// What goes into the TPM; `None` for a kind of signature that the key cannot make.
    pub(super) fn input(&self, scheme: Scheme, message: &[u8]) -> Option<Input> {
        let hash = Sha256::digest(message);
        match (self.way, scheme) {
            (Way::Decrypt(length), Scheme::RsaPkcs1Sha256) => {
                PublicKeyRsa::try_from(pkcs1_block(message, length)?).ok().map(Input::Block)
            }
            (Way::Rsassa, Scheme::RsaPkcs1Sha256) => {
                let hash_scheme = HashScheme::new(HashingAlgorithm::Sha256);
                let digest = Digest::try_from(hash.as_slice()).ok()?;
                Some(Input::Digest(digest, SignatureScheme::RsaSsa { hash_scheme }))
            }
            (Way::Ecdsa(algorithm, field), Scheme::EcdsaSha256) => {
                let hash_scheme = HashScheme::new(algorithm);
                let digest = stretched(&hash, length(algorithm)?, field);
                let digest = Digest::try_from(digest).ok()?;
                Some(Input::Digest(digest, SignatureScheme::EcDsa { hash_scheme }))
            }
            _ => None,
        }
    }

    /// What TPM2_RSA_Decrypt gives is the signature; a TPM may drop zeros at its start.
    pub(super) fn decrypted(&self, output: &PublicKeyRsa) -> Option<Vec<u8>> {
        let Way::Decrypt(length) = self.way else { return None };
        left_padded(output.value(), length)
    }

    /// Encodes what TPM2_Sign gives as the scheme says.
    pub(super) fn signature(&self, output: &Signature) -> Option<Vec<u8>> {
        match output {
            Signature::RsaSsa(rsa) => Some(rsa.signature().value().to_vec()),
            Signature::EcDsa(ecc) => {
                let (r, s) = (ecc.signature_r().value(), ecc.signature_s().value());
                EcdsaSignature::new(r, s)?.to_der().ok()
            }
            _ => None,
        }
    }
}

fn rsa(scheme: RsaScheme, sign: bool, decrypt: bool, length: usize) -> Result<Way, String> {
    match (sign, scheme) {
        (true, RsaScheme::Null) => Ok(Way::Rsassa),
        (true, RsaScheme::RsaSsa(hash)) => match hash.hashing_algorithm() {
            HashingAlgorithm::Sha256 => Ok(Way::Rsassa),
            other => Err(format!("it signs with {} only, and SHA-256 is wanted", name(other))),
        },
        (true, _) => Err("it signs with RSASSA-PSS only, which the service does not take".into()),
        (false, _) if !decrypt => Err("it may neither sign nor decrypt".into()),
        (false, RsaScheme::Null) => Ok(Way::Decrypt(length)),
        (false, _) => Err("it may not sign, and decrypts only with a padding of its own".into()),
    }
}

fn ecdsa(scheme: EccScheme, sign: bool, field: usize) -> Result<Way, String> {
    match scheme {
        _ if !sign => Err("it may not sign".into()),
        EccScheme::Null => Ok(Way::Ecdsa(HashingAlgorithm::Sha256, field)),
        EccScheme::EcDsa(hash) => match hash.hashing_algorithm() {
            fixed if length(fixed).is_some_and(|length| length >= SHA256) => {
                Ok(Way::Ecdsa(fixed, field))
            }
            other => Err(format!("it signs with {} only, and SHA-256 is wanted", name(other))),
        },
        _ => Err("it does not sign with ECDSA".into()),
    }
}

/// The public half; a point's coordinates may come without zeros at their start.
pub(super) fn public_key(public: &Public) -> Result<PublicKey, PublicKeyError> {
    match public {
        Public::Rsa { parameters, unique, .. } => {
            let exponent = match parameters.exponent().value() {
                0 => 65537,
                other => other,
            };
            PublicKey::from_rsa(unique.value(), &exponent.to_be_bytes())
        }
        Public::Ecc { parameters, unique, .. } => ec_key(parameters.ecc_curve(), unique),
        Public::KeyedHash { .. } => Err(PublicKeyError::Unsupported("keyed hash".into())),
        Public::SymCipher { .. } => Err(PublicKeyError::Unsupported("symmetric cipher".into())),
    }
}

fn ec_key(curve: EccCurve, point: &EccPoint) -> Result<PublicKey, PublicKeyError> {
    let (oid, field) = match curve {
        EccCurve::NistP256 => ("1.2.840.10045.3.1.7", 32),
        EccCurve::NistP384 => ("1.3.132.0.34", 48),
        EccCurve::NistP521 => ("1.3.132.0.35", 66),
        other => return Err(PublicKeyError::Unsupported(format!("{other:?}"))),
    };
    let malformed = || PublicKeyError::Malformed;
    let parameters = ObjectIdentifier::new_unwrap(oid).to_der().map_err(|_| malformed())?;
    let x = left_padded(point.x().value(), field).ok_or_else(malformed)?;
    let y = left_padded(point.y().value(), field).ok_or_else(malformed)?;
    PublicKey::from_ec(&parameters, &[&[4], &x[..], &y[..]].concat())
}

/// A hash of SHA-256 as a longer one that the key insists on, so that the same number is signed: ECDSA
/// takes the first bytes, as many as the curve has (FIPS 186-5 §6.4.1), and zeros before a number
/// do not change it.
fn stretched(hash: &[u8], length: usize, field: usize) -> Vec<u8> {
    let taken = length.min(field);
    let mut out = vec![0; taken.saturating_sub(hash.len())];
    out.extend(hash);
    out.resize(length, 0);
    out
}

/// The length of a hash; `None` for what is rarely a TPM's.
fn length(algorithm: HashingAlgorithm) -> Option<usize> {
    match algorithm {
        HashingAlgorithm::Sha1 => Some(20),
        HashingAlgorithm::Sha256 => Some(SHA256),
        HashingAlgorithm::Sha384 => Some(48),
        HashingAlgorithm::Sha512 => Some(64),
        _ => None,
    }
}

fn name(algorithm: HashingAlgorithm) -> String {
    match algorithm {
        HashingAlgorithm::Sha1 => "SHA-1".to_owned(),
        HashingAlgorithm::Sha384 => "SHA-384".to_owned(),
        HashingAlgorithm::Sha512 => "SHA-512".to_owned(),
        other => format!("{other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_longer_hash_is_the_same_number_to_the_curve() {
        let hash = [7; 32];
        assert_eq!(stretched(&hash, 32, 48), hash);
        assert_eq!(stretched(&hash, 48, 48), [&[0; 16][..], &hash].concat());
        assert_eq!(stretched(&hash, 48, 32), [&hash[..], &[0; 16]].concat());
        assert_eq!(stretched(&hash, 64, 48), [&[0; 16][..], &hash, &[0; 16]].concat());
        assert_eq!(stretched(&hash, 64, 66), [&[0; 32][..], &hash].concat());
    }
}
