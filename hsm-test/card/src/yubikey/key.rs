//! Private keys, of each algorithm that YubiKeys have.

use ed25519_dalek::Signer;
use p256::elliptic_curve::Generate;
use p256::elliptic_curve::sec1::ToSec1Point;
use rsa::RsaPrivateKey;
use sha2::{Digest, Sha256, Sha384};
use x25519_dalek::StaticSecret;

use crate::tlv::{self, Element};

mod algorithm;
mod curve;
mod modular;

pub(super) use algorithm::Algorithm;

/// A private key.
pub(super) enum Key {
    Ed25519(ed25519_dalek::SigningKey),
    P256(p256::SecretKey),
    P384(p384::SecretKey),
    Rsa(Box<RsaPrivateKey>),
    X25519(StaticSecret),
}

/// The tags of public keys (SP 800-73-4 part 2, table 11).
const MODULUS: u16 = 0x81;
const EXPONENT: u16 = 0x82;
const POINT: u16 = 0x86;

impl Key {
    pub(super) fn generate(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Ed25519 => {
                Self::Ed25519(ed25519_dalek::SigningKey::generate(&mut rand::rng()))
            }
            Algorithm::P256 => Self::P256(p256::SecretKey::generate_from_rng(&mut rand::rng())),
            Algorithm::P384 => Self::P384(p384::SecretKey::generate_from_rng(&mut rand::rng())),
            Algorithm::Rsa(bits) => Self::Rsa(Box::new(modular::generate(bits))),
            Algorithm::X25519 => Self::X25519(StaticSecret::random_from_rng(&mut rand::rng())),
        }
    }

    /// A key from the data of IMPORT: tags 01 and 02 are RSA's primes, 06 to 08 the numbers of curves.
    pub(super) fn import(algorithm: Algorithm, elements: &[Element<'_>]) -> Option<Self> {
        let value = |tag| tlv::value(elements, tag);
        Some(match algorithm {
            Algorithm::Ed25519 => Self::Ed25519(value(7)?.try_into().ok()?),
            Algorithm::P256 => {
                Self::P256(p256::SecretKey::from_slice(&curve::fitted::<32>(value(6)?)).ok()?)
            }
            Algorithm::P384 => {
                Self::P384(p384::SecretKey::from_slice(&curve::fitted::<48>(value(6)?)).ok()?)
            }
            Algorithm::Rsa(bits) => {
                Self::Rsa(Box::new(modular::import(bits, value(1)?, value(2)?)?))
            }
            Algorithm::X25519 => Self::X25519(<[u8; 32]>::try_from(value(8)?).ok()?.into()),
        })
    }

    pub(super) fn algorithm(&self) -> Algorithm {
        match self {
            Self::Ed25519(_) => Algorithm::Ed25519,
            Self::P256(_) => Algorithm::P256,
            Self::P384(_) => Algorithm::P384,
            Self::Rsa(key) => Algorithm::Rsa(modular::bits(key)),
            Self::X25519(_) => Algorithm::X25519,
        }
    }

    /// The public key's elements, as GENERATE and GET METADATA answer them.
    pub(super) fn public(&self) -> Vec<u8> {
        match self.rsa_numbers() {
            Some([modulus, exponent]) => {
                [tlv::element(MODULUS, &[&modulus]), tlv::element(EXPONENT, &[&exponent])].concat()
            }
            None => tlv::element(POINT, &[&self.point()]),
        }
    }

    /// Modulus and public exponent, of RSA keys only.
    pub(super) fn rsa_numbers(&self) -> Option<[Vec<u8>; 2]> {
        match self {
            Self::Rsa(key) => Some(modular::public(key)),
            _ => None,
        }
    }

    /// The public point, of the other keys only: uncompressed, or the 32 bytes of the Edwards curve and its cousin.
    pub(super) fn point(&self) -> Vec<u8> {
        match self {
            Self::Ed25519(key) => key.verifying_key().to_bytes().to_vec(),
            Self::P256(key) => key.public_key().to_sec1_point(false).as_bytes().to_vec(),
            Self::P384(key) => key.public_key().to_sec1_point(false).as_bytes().to_vec(),
            Self::Rsa(_) => Vec::new(),
            Self::X25519(key) => x25519_dalek::PublicKey::from(key).to_bytes().to_vec(),
        }
    }

    /// Signs what the client has prepared: a padded block, a hash, or for Ed25519 the message.
    pub(super) fn sign(&self, input: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Ed25519(key) => Some(key.sign(input).to_bytes().to_vec()),
            Self::P256(key) => curve::sign_p256(key, input),
            Self::P384(key) => curve::sign_p384(key, input),
            Self::Rsa(key) => modular::apply(key, input),
            Self::X25519(_) => None,
        }
    }

    /// The secret that this key shares with the owner of that public point.
    pub(super) fn agree(&self, point: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::P256(key) => {
                let other = p256::PublicKey::from_sec1_bytes(point).ok()?;
                Some(key.diffie_hellman(&other).raw_secret_bytes().to_vec())
            }
            Self::P384(key) => {
                let other = p384::PublicKey::from_sec1_bytes(point).ok()?;
                Some(key.diffie_hellman(&other).raw_secret_bytes().to_vec())
            }
            Self::X25519(key) => {
                let other: [u8; 32] = point.try_into().ok()?;
                Some(key.diffie_hellman(&other.into()).to_bytes().to_vec())
            }
            Self::Ed25519(_) | Self::Rsa(_) => None,
        }
    }

    /// Signs a certificate's contents; the algorithm is the one that `Algorithm::signature` names.
    pub(super) fn sign_message(&self, message: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Ed25519(_) => self.sign(message),
            Self::P256(_) => self.sign(&Sha256::digest(message)),
            Self::P384(_) => self.sign(&Sha384::digest(message)),
            Self::Rsa(key) => modular::sign_message(key, message),
            Self::X25519(_) => None,
        }
    }
}
