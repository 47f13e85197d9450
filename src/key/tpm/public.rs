//! The public half of a TPM's key as the TPM writes it, a TPMT_PUBLIC (TPM 2.0 Part 2 §12.2.4): the
//! key itself, and what the TPM lets be done with it.

use const_oid::ObjectIdentifier;
use const_oid::db::rfc5912::{SECP_256_R_1, SECP_384_R_1, SECP_521_R_1};
use der::Encode;

use crate::key::public_key::{PublicKey, PublicKeyError};

/// TPM_ALG_ID values (TCG Algorithm Registry §6.1).
mod algorithm {
    pub(super) const RSA: u16 = 0x0001;
    pub(super) const KEYEDHASH: u16 = 0x0008;
    pub(super) const NULL: u16 = 0x0010;
    pub(super) const RSASSA: u16 = 0x0014;
    pub(super) const RSAES: u16 = 0x0015;
    pub(super) const RSAPSS: u16 = 0x0016;
    pub(super) const OAEP: u16 = 0x0017;
    pub(super) const ECDSA: u16 = 0x0018;
    pub(super) const ECDH: u16 = 0x0019;
    pub(super) const ECDAA: u16 = 0x001a;
    pub(super) const SM2: u16 = 0x001b;
    pub(super) const ECSCHNORR: u16 = 0x001c;
    pub(super) const ECMQV: u16 = 0x001d;
    pub(super) const ECC: u16 = 0x0023;
    pub(super) const SYMCIPHER: u16 = 0x0025;
}

use algorithm as alg;

/// Longest modulus or coordinate that is read, in bytes.
const LONGEST_NUMBER: usize = 1024;

/// What an exponent of zero stands for.
const F4: [u8; 3] = [1, 0, 1];

/// A public area.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TpmPublic {
    /// The key.
    pub key: PublicKey,
    /// What it may be used for.
    pub attributes: Attributes,
    /// The only scheme that it may be used with, where there is one.
    pub scheme: Option<FixedScheme>,
    /// The hash of its Name, as a TPM_ALG_ID.
    pub name_algorithm: u16,
    /// A policy opens it; without `userWithAuth` nothing else does.
    pub has_policy: bool,
}

/// TPMA_OBJECT (Part 2 §8.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attributes(pub u32);

/// A scheme, and its hash as a TPM_ALG_ID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FixedScheme {
    /// ECDSA
    Ecdsa(u16),
    /// One that makes no signatures of ours: its name.
    Other(&'static str),
    /// RSASSA-PSS
    RsaPss(u16),
    /// RSASSA-PKCS1-v1_5
    RsaSsa(u16),
}

/// Why bytes are no public area of ours.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum TpmPublicError {
    /// A key that the service does not take, or whose numbers are none.
    #[error(transparent)]
    Key(#[from] PublicKeyError),
    /// Too short, too long, or with a value that cannot be.
    #[error("the TPM's public area is not well-formed")]
    Malformed,
}

impl Attributes {
    /// Its password, and not only a policy, opens it.
    #[must_use]
    pub fn user_with_auth(self) -> bool {
        self.has(6)
    }

    /// A wrong password does not count towards the TPM's lock-out.
    #[must_use]
    pub fn no_da(self) -> bool {
        self.has(10)
    }

    /// It signs only what the TPM itself has hashed, or decrypts only for the TPM.
    #[must_use]
    pub fn restricted(self) -> bool {
        self.has(16)
    }

    /// It may decrypt.
    #[must_use]
    pub fn decrypt(self) -> bool {
        self.has(17)
    }

    /// It may sign.
    #[must_use]
    pub fn sign(self) -> bool {
        self.has(18)
    }

    /// Those that are set, by the names that tpm2-tools have for them (Part 2 §8.3.2).
    #[must_use]
    pub fn names(self) -> Vec<String> {
        let known = [
            (1, "fixedtpm"),
            (2, "stclear"),
            (4, "fixedparent"),
            (5, "sensitivedataorigin"),
            (6, "userwithauth"),
            (7, "adminwithpolicy"),
            (10, "noda"),
            (11, "encryptedduplication"),
            (16, "restricted"),
            (17, "decrypt"),
            (18, "sign"),
        ];
        known.iter().filter(|(bit, _)| self.has(*bit)).map(|(_, name)| (*name).to_owned()).collect()
    }

    fn has(self, bit: u32) -> bool {
        self.0 & (1 << bit) != 0
    }
}

impl TpmPublic {
    /// Reads a TPMT_PUBLIC with nothing after it. (A TPM2B_PUBLIC has two bytes of length before it.)
    ///
    /// # Errors
    /// When it is not well-formed, or is no RSA or EC key that the service takes.
    pub fn parse(area: &[u8]) -> Result<Self, TpmPublicError> {
        let mut rest = Bytes(area);
        let kind = rest.number()?;
        let name_algorithm = rest.number()?;
        let attributes = Attributes(rest.long()?);
        let has_policy = !rest.sized(LONGEST_NUMBER)?.is_empty();
        let (key, scheme) = match kind {
            alg::RSA => rsa(&mut rest)?,
            alg::ECC => ec(&mut rest)?,
            alg::KEYEDHASH => return Err(unsupported("KEYEDHASH")),
            alg::SYMCIPHER => return Err(unsupported("SYMCIPHER")),
            other => return Err(unsupported(&format!("{other:#06x}"))),
        };
        if !rest.0.is_empty() {
            return Err(TpmPublicError::Malformed);
        }
        Ok(Self { key, attributes, scheme, name_algorithm, has_policy })
    }
}

fn unsupported(kind: &str) -> TpmPublicError {
    PublicKeyError::Unsupported(kind.into()).into()
}

/// TPMS_RSA_PARMS and the modulus.
fn rsa(rest: &mut Bytes<'_>) -> Result<(PublicKey, Option<FixedScheme>), TpmPublicError> {
    symmetric(rest)?;
    let scheme = match rest.number()? {
        alg::NULL => None,
        alg::RSAES => Some(FixedScheme::Other("RSAES")),
        alg::OAEP => rest.number().map(|_| Some(FixedScheme::Other("RSAES-OAEP")))?,
        alg::RSAPSS => Some(FixedScheme::RsaPss(rest.number()?)),
        alg::RSASSA => Some(FixedScheme::RsaSsa(rest.number()?)),
        _ => return Err(TpmPublicError::Malformed),
    };
    let bits = usize::from(rest.number()?);
    let exponent = rest.long()?.to_be_bytes();
    let modulus = rest.sized(LONGEST_NUMBER)?;
    if modulus.len() * 8 != bits || modulus.first().is_none_or(|first| *first < 0x80) {
        return Err(TpmPublicError::Malformed);
    }
    let exponent = if exponent == [0; 4] { &F4[..] } else { &exponent };
    Ok((PublicKey::from_rsa(modulus, exponent)?, scheme))
}

/// TPMS_ECC_PARMS and the point.
fn ec(rest: &mut Bytes<'_>) -> Result<(PublicKey, Option<FixedScheme>), TpmPublicError> {
    symmetric(rest)?;
    let scheme = match rest.number()? {
        alg::NULL => None,
        alg::ECDSA => Some(FixedScheme::Ecdsa(rest.number()?)),
        // With its counter.
        alg::ECDAA => rest.long().map(|_| Some(FixedScheme::Other("ECDAA")))?,
        alg::ECDH => rest.number().map(|_| Some(FixedScheme::Other("ECDH")))?,
        alg::ECMQV => rest.number().map(|_| Some(FixedScheme::Other("ECMQV")))?,
        alg::ECSCHNORR => rest.number().map(|_| Some(FixedScheme::Other("EC-Schnorr")))?,
        alg::SM2 => rest.number().map(|_| Some(FixedScheme::Other("SM2")))?,
        _ => return Err(TpmPublicError::Malformed),
    };
    let curve = rest.number()?;
    if rest.number()? != alg::NULL {
        // The hash of the key derivation.
        rest.number()?;
    }
    let (x, y) = (rest.sized(LONGEST_NUMBER)?, rest.sized(LONGEST_NUMBER)?);
    let (curve, length) = named(curve)?;
    let point = [[4].into(), coordinate(x, length)?, coordinate(y, length)?].concat();
    let parameters = curve.to_der().map_err(|_| TpmPublicError::Malformed)?;
    Ok((PublicKey::from_ec(&parameters, &point)?, scheme))
}

/// The curve of a TPM_ECC_CURVE, and the length of its coordinates.
fn named(curve: u16) -> Result<(ObjectIdentifier, usize), TpmPublicError> {
    match curve {
        0x0002 => Err(unsupported("P-224")),
        0x0003 => Ok((SECP_256_R_1, 32)),
        0x0004 => Ok((SECP_384_R_1, 48)),
        0x0005 => Ok((SECP_521_R_1, 66)),
        0x0010 => Err(unsupported("BN-P256")),
        0x0011 => Err(unsupported("BN-P638")),
        0x0020 => Err(unsupported("SM2")),
        other => Err(unsupported(&format!("EC-{other:#06x}"))),
    }
}

/// TPMT_SYM_DEF_OBJECT: what a parent wraps its children with.
fn symmetric(rest: &mut Bytes<'_>) -> Result<(), TpmPublicError> {
    if rest.number()? != alg::NULL {
        // The length of its key, and its mode.
        rest.long()?;
    }
    Ok(())
}

/// As long as the curve wants it: some TPMs leave zeros at its start out.
fn coordinate(bytes: &[u8], length: usize) -> Result<Vec<u8>, TpmPublicError> {
    let missing = length.checked_sub(bytes.len()).ok_or(TpmPublicError::Malformed)?;
    Ok([&vec![0; missing], bytes].concat())
}

/// What has not been read yet. All numbers are big-endian.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], TpmPublicError> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(TpmPublicError::Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    fn number(&mut self) -> Result<u16, TpmPublicError> {
        let bytes = self.take(2)?.try_into().map_err(|_| TpmPublicError::Malformed)?;
        Ok(u16::from_be_bytes(bytes))
    }

    fn long(&mut self) -> Result<u32, TpmPublicError> {
        let bytes = self.take(4)?.try_into().map_err(|_| TpmPublicError::Malformed)?;
        Ok(u32::from_be_bytes(bytes))
    }

    /// Two bytes of length, and as many bytes.
    fn sized(&mut self, longest: usize) -> Result<&'a [u8], TpmPublicError> {
        let length = usize::from(self.number()?);
        if length > longest { Err(TpmPublicError::Malformed) } else { self.take(length) }
    }
}

#[cfg(test)]
mod tests;
