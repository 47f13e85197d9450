//! What a TPM's host is asked for and tells: which key, and what is at the persistent handles.

use serde::{Deserialize, Serialize};

use crate::wire::Bytes;
use crate::wire::list::Kind;

pub mod response_code;

/// Which key, and where its certificate is.
#[derive(Serialize, Deserialize)]
pub struct Wanted {
    /// Where the key is.
    pub place: Place,
    /// The NV index that holds its certificate (0x01……).
    pub certificate: Option<u32>,
    /// The user says that it has no password.
    pub open: bool,
}

/// Where a key is.
#[derive(Serialize, Deserialize)]
pub enum Place {
    /// A `TSS2 PRIVATE KEY` that is loadable (OID 2.23.133.10.1.3).
    File(File),
    /// In the TPM, at a persistent handle (0x81……).
    Handle(u32),
}

/// The content of a `TSS2 PRIVATE KEY`.
#[derive(Serialize, Deserialize)]
pub struct File {
    /// Its URI or path, for messages.
    pub name: String,
    /// A persistent handle, or a hierarchy: 0x40000001 is the owner's.
    pub parent: u32,
    /// The parent of a hierarchy is an RSA key.
    pub rsa_parent: bool,
    /// TPM2B_PUBLIC with its size.
    pub public: Bytes,
    /// TPM2B_PRIVATE with its size.
    pub private: Bytes,
    /// It says that it has no password. That is a hint: tpm2_encodeobject 5.4 writes the opposite.
    pub empty_auth: bool,
}

/// The persistent keys of a TPM.
#[derive(Debug, Serialize, Deserialize)]
pub struct Listed {
    /// Those that are told.
    pub keys: Vec<Key>,
    /// How many more there are.
    pub more: usize,
    /// Failed tries that count, at this moment; `None` where the TPM does not say.
    pub lockout: Option<Lockout>,
}

/// A key at a persistent handle, or in a file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Key {
    /// 0x81……; `None` for a file.
    pub handle: Option<u32>,
    /// Which kind it is.
    pub kind: Kind,
    /// TPMA_OBJECT by the names that tpm2-tools use: `sign`, `decrypt`, `restricted`, `noda`.
    pub attributes: Vec<String>,
    /// Wrong passwords count towards the lock-out of the TPM.
    pub protected: bool,
    /// Why it cannot sign for us; `None` where it can.
    pub unusable: Option<String>,
}

/// The TPM's dictionary-attack protection (TPM 2.0 Part 1 §19.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lockout {
    /// No password of a protected key is taken now.
    pub locked: bool,
    /// TPM_PT_LOCKOUT_COUNTER
    pub failed: u32,
    /// TPM_PT_MAX_AUTH_FAIL
    pub most: u32,
    /// Seconds until one failed try is forgotten (TPM_PT_LOCKOUT_INTERVAL); 0 where none counts.
    pub interval: u32,
}
