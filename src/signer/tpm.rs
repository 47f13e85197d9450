//! A TPM's key as far as it is known without the TPM: what its file says, and which TPM it is of.

use std::env;
use std::path::Path;

use crate::key::tpm::{Tcti, TpmKey, TpmRef};
use crate::key::tss2::{Tss2Key, is_tss2};
use crate::paths;
use crate::signer::{Error, tcti};

/// Longest key file that is read, in bytes; certificates may be beside the key.
const LONGEST: u64 = 64 * 1024;

/// A key, and the TPM to ask for it.
pub struct Located {
    /// Which TPM.
    pub tcti: Tcti,
    /// What its file says, where the key is in one.
    pub file: Option<Tss2Key>,
}

/// Whether a file is a TPM's key. One that cannot be read is not; who reads it as a key of its own
/// will say why.
#[must_use]
pub fn is_key_file(path: &Path) -> bool {
    paths::read_wiped(path, LONGEST).is_ok_and(|file| is_tss2(&file))
}

/// Reads a TPM's key. Everybody may read such a file: what is in it is of no use without the TPM.
///
/// # Errors
/// When the file cannot be read, or holds no key that can be used.
pub fn read(path: &Path) -> Result<Tss2Key, Error> {
    let file = paths::read_wiped(path, LONGEST)
        .map_err(|error| Error::KeyFile { path: path.into(), reason: error.to_string() })?;
    Tss2Key::from_file(&file).map_err(|source| Error::TpmKeyFile { path: path.into(), source })
}

/// What is known of a key before its TPM is asked.
///
/// # Errors
/// When its file cannot be used, or there is no TPM.
pub fn locate(reference: &TpmRef) -> Result<Located, Error> {
    let file = match &reference.key {
        TpmKey::File(path) => Some(read(path)?),
        TpmKey::Handle(_) => None,
    };
    Ok(Located { tcti: chosen(reference.tcti.as_ref())?, file })
}

/// The TPM that would be asked for a key whose reference names none.
///
/// # Errors
/// When there is none, or it is not ours to use.
pub fn here() -> Result<Tcti, Error> {
    chosen(None)
}

fn chosen(named: Option<&Tcti>) -> Result<Tcti, Error> {
    let variable = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
    Ok(tcti::choose(named, &variable, &paths::usable_device)?)
}
