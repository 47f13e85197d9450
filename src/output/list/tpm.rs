//! A TPM in the answer of `keyanchor list`: its persistent keys, and how many wrong passwords count.

use serde::Serialize;

use crate::output::list::{Certificate, Problem, Verdict};

/// A TPM.
#[derive(Serialize)]
pub struct Tpm {
    /// Where it is; empty where that cannot be known.
    pub tcti: String,
    /// How long it took to answer.
    pub milliseconds: u64,
    /// Why it did not answer.
    pub problem: Option<Problem>,
    /// Its protection against guessing; none where it does not say.
    pub lockout: Option<Lockout>,
    /// The keys at its persistent handles.
    pub keys: Vec<TpmKey>,
    /// How many more it has.
    pub more_keys: usize,
}

/// The protection of a TPM against guessing.
#[derive(Serialize)]
pub struct Lockout {
    /// No password of a protected key is taken now.
    pub locked: bool,
    /// How many wrong passwords count at this moment.
    pub failed: u32,
    /// How many lock it.
    pub most: u32,
    /// Seconds until one of them is forgotten; 0 where none counts.
    pub interval: u32,
}

/// A key at a persistent handle.
#[derive(Serialize)]
pub struct TpmKey {
    /// Its handle, in hexadecimal.
    pub handle: String,
    /// What to paste after `--key`; none where it cannot sign.
    pub uri: Option<String>,
    /// `RSA-2048`, `P-256`, …
    pub kind: String,
    /// What the TPM lets be done with it, by the names of tpm2-tools.
    pub attributes: Vec<String>,
    /// Wrong passwords count towards the lock-out.
    pub protected: bool,
    /// Why it cannot sign for the service; none where it can.
    pub unusable: Option<String>,
    /// Which key it is.
    pub public_key_sha256: Option<String>,
    /// What its certificates come to.
    pub certificate: Verdict,
    /// Those of the files that certify it.
    pub certificates: Vec<Certificate>,
}

/// What a key file says of a key that only a TPM can load.
#[derive(Serialize)]
pub struct Wrapped {
    /// What the TPM lets be done with it, by the names of tpm2-tools.
    pub attributes: Vec<String>,
    /// Wrong passwords count towards the lock-out.
    pub protected: bool,
}
