//! What a host tells of its module's tokens: facts about keys and certificates rather than the
//! objects themselves, so that a full token fits into one frame.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::certificate;
use crate::key::public_key::{PublicKey, PublicKeyError};
use crate::key::uri::ObjectFilter;
use crate::wire::failure::Tries;
use crate::wire::{Bytes, Failure};

/// Longest text that is told, in bytes: a label or a subject.
const LONGEST: usize = 512;

/// The tokens of a module.
#[derive(Debug, Serialize, Deserialize)]
pub struct Listed {
    /// Those that have been initialised.
    pub tokens: Vec<Token>,
    /// How many more there are.
    pub more: usize,
}

/// A token, and what can be seen on it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Token {
    /// CK_TOKEN_INFO.label, without padding, as the next three.
    pub label: String,
    /// CK_TOKEN_INFO.serialNumber
    pub serial: String,
    /// CK_TOKEN_INFO.model
    pub model: String,
    /// CK_TOKEN_INFO.manufacturerID
    pub manufacturer: String,
    /// CK_SLOT_ID
    pub slot: u64,
    /// A login has been made.
    pub logged_in: bool,
    /// A login may show more: it is wanted, and no private key can be seen.
    pub hides: bool,
    /// What the token says about its PIN.
    pub tries: Tries,
    /// CKF_USER_PIN_INITIALIZED
    pub has_pin: bool,
    /// What is on it.
    pub contents: Result<Contents, Failure>,
}

/// Keys and certificates, as many as are told; the rest is counted.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Contents {
    /// Each key once, however many objects it has.
    pub keys: Vec<Key>,
    /// By label and id, as the keys.
    pub certificates: Vec<Certificate>,
    /// How many more keys there are.
    pub more_keys: usize,
    /// How many more certificates there are.
    pub more_certificates: usize,
}

/// A key.
#[derive(Debug, Serialize, Deserialize)]
pub struct Key {
    /// CKA_LABEL as text, cut where it is long.
    pub label: Option<String>,
    /// CKA_ID
    pub id: Bytes,
    /// What names this key and no other of its token; `None` where nothing does.
    pub filter: Option<ObjectFilter>,
    /// Which kind it is.
    pub kind: Kind,
    /// Where its private half is.
    pub private: Private,
}

/// The private half of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Private {
    /// It is not on the token.
    Absent,
    /// Only a login would show it.
    Hidden,
    /// It is there.
    Seen,
}

/// A kind of key, and which one it is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Kind {
    /// `RSA-2048`, `P-256`, `Ed25519`.
    pub name: String,
    /// Whether the service takes keys of this kind.
    pub supported: bool,
    /// The SHA-256 of its SubjectPublicKeyInfo, where the public half is known.
    pub fingerprint: Option<Bytes>,
}

/// A certificate object.
#[derive(Debug, Serialize, Deserialize)]
pub struct Certificate {
    /// CKA_LABEL as text, cut where it is long.
    pub label: Option<String>,
    /// CKA_ID
    pub id: Bytes,
    /// What it says; `None` for what is no X.509 certificate.
    pub facts: Option<Facts>,
}

/// What an X.509 certificate says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Facts {
    /// RFC 4514 text, cut where it is long.
    pub subject: String,
    /// Seconds since 1970.
    pub not_before: u64,
    /// Seconds since 1970.
    pub not_after: u64,
    /// It is a CA's.
    pub ca: bool,
    /// It only attests to a key.
    pub attestation: bool,
    /// The certified key.
    pub kind: Kind,
}

impl Kind {
    /// A kind by its name alone, of a key that the service does not take.
    #[must_use]
    pub fn unsupported(name: impl Into<String>) -> Self {
        Self { name: name.into(), supported: false, fingerprint: None }
    }
}

impl From<&PublicKey> for Kind {
    fn from(key: &PublicKey) -> Self {
        let fingerprint = Some(Bytes::from(key.fingerprint().as_slice()));
        Self { name: key.to_string(), supported: true, fingerprint }
    }
}

impl From<Result<PublicKey, PublicKeyError>> for Kind {
    fn from(key: Result<PublicKey, PublicKeyError>) -> Self {
        match key {
            Ok(key) => Self::from(&key),
            Err(PublicKeyError::Malformed) => Self::unsupported("unknown"),
            Err(PublicKeyError::Unsupported(name)) => Self::unsupported(name),
        }
    }
}

impl From<&certificate::Certificate> for Facts {
    fn from(certificate: &certificate::Certificate) -> Self {
        let seconds = |time: SystemTime| time.duration_since(UNIX_EPOCH).map_or(0, |t| t.as_secs());
        Self {
            subject: cut(&certificate.subject()),
            not_before: seconds(certificate.not_before()),
            not_after: seconds(certificate.not_after()),
            ca: certificate.is_ca(),
            attestation: certificate.is_attestation(),
            kind: certificate.public_key().into(),
        }
    }
}

/// A text of bounded length.
#[must_use]
pub fn cut(text: &str) -> String {
    if text.len() <= LONGEST {
        return text.to_owned();
    }
    let end = (0..=LONGEST).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
    format!("{}…", text.get(..end).unwrap_or_default())
}
