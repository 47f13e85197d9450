//! Sessions in which passwords do not cross the bus: their key comes from a salt that is encrypted
//! to a storage key of the TPM (TPM 2.0 Part 1 §19.6.8). Who stands between could put a key of their
//! own in its place: its Name is written down at first use, and must be the same from then on.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tss_esapi::attributes::SessionAttributesBuilder;
use tss_esapi::constants::SessionType;
use tss_esapi::handles::{KeyHandle, PersistentTpmHandle, SessionHandle};
use tss_esapi::interface_types::algorithm::HashingAlgorithm;
use tss_esapi::interface_types::resource_handles::Hierarchy;
use tss_esapi::interface_types::session_handles::AuthSession;
use tss_esapi::structures::SymmetricDefinition;

use crate::device::tpm::link::{Link, Refused};
use crate::device::tpm::{Failure, parent};
use crate::paths;
use crate::wire::tpm::response_code as code;

/// Where storage keys are kept by convention (TCG Provisioning Guidance §7.8).
const STORAGE_KEY: u32 = 0x8100_0001;

/// Longest record that is read, in bytes.
const LONGEST: u64 = 4096;

/// Where the salt's key comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Source {
    /// [`STORAGE_KEY`]
    Handle,
    /// The null hierarchy: another key after each start of the TPM, which cannot be remembered.
    Null,
    /// The primary key of the owner's hierarchy.
    Owner,
}

/// What is remembered of a TPM.
#[derive(Serialize, Deserialize)]
struct Record {
    /// Its TCTI string, for people.
    tpm: String,
    source: Source,
    /// The key's Name in hexadecimal: a hash over its public area.
    name: String,
}

/// A session, and the primary key of the owner's hierarchy where it is still loaded.
pub(super) struct Salted {
    pub(super) session: AuthSession,
    pub(super) primary: Option<KeyHandle>,
}

/// Starts a session with parameter encryption. A primary key that was made for it is flushed at
/// once, unless it is the owner's and `keep` says so.
pub(super) fn start(link: &mut Link<'_>, keep: bool) -> Result<Salted, Failure> {
    let (key, source) = key(link)?;
    let started = link.call("TPM2_StartAuthSession", |context| {
        let (kind, hash) = (SessionType::Hmac, HashingAlgorithm::Sha256);
        let cipher = SymmetricDefinition::AES_128_CFB;
        context.start_auth_session(Some(key), None, None, kind, cipher, hash)
    });
    let session = started.map_err(|refused| refused.failure("the TPM"))?;
    let session = session.ok_or(Failure::Protocol)?;
    link.keep(SessionHandle::from(session));
    let primary = Some(key).filter(|_| keep && source == Source::Owner);
    if primary.is_none() {
        link.release(key);
    }
    // The first parameter of a command; what comes back is no secret.
    let (attributes, mask) = SessionAttributesBuilder::new().with_decrypt(true).build();
    let set = link.context().tr_sess_set_attributes(session, attributes, mask);
    set.map_err(|_| Failure::Protocol)?;
    Ok(Salted { session, primary })
}

/// The key for the salt: the one that is remembered, from wherever it can be had; the first one
/// where none is.
fn key(link: &mut Link<'_>) -> Result<(KeyHandle, Source), Failure> {
    let path = path(link.tcti())?;
    let record = path.as_deref().map(read).transpose()?.flatten();
    let mut sources = [Source::Handle, Source::Owner, Source::Null];
    if record.as_ref().is_some_and(|record| record.source == Source::Owner) {
        sources.swap(0, 1);
    }
    for source in sources {
        if source == Source::Null && record.is_some() {
            break;
        }
        let Some(key) = obtain(link, source)? else { continue };
        let name = link.context().tr_get_name(key.into()).map_err(|_| Failure::Protocol)?;
        let name: String = name.value().iter().map(|byte| format!("{byte:02x}")).collect();
        match &record {
            Some(record) if record.name == name => return Ok((key, source)),
            None if source == Source::Null => return Ok((key, source)),
            None if source == Source::Owner || is_storage_key(link, key)? => {
                let tpm = link.tcti().to_owned();
                write(path.as_deref(), &Record { tpm, source, name })?;
                return Ok((key, source));
            }
            // Not the one of before, or no storage key.
            _ => link.release(key),
        }
    }
    let record = path.map_or_else(String::new, |path| path.display().to_string());
    Err(Failure::Stranger { tcti: link.tcti().to_owned(), record })
}

/// A key from there; `None` where there is none, or the owner has a password.
fn obtain(link: &mut Link<'_>, source: Source) -> Result<Option<KeyHandle>, Failure> {
    let empty = AuthSession::Password;
    let answer = match source {
        Source::Handle => PersistentTpmHandle::new(STORAGE_KEY)
            .map_err(|_| Failure::Protocol)
            .map(|handle| link.know(handle.into()).map(KeyHandle::from))?,
        Source::Null => parent::primary(link, Hierarchy::Null, false, empty),
        Source::Owner => parent::primary(link, Hierarchy::Owner, false, empty),
    };
    let absent = |refused: &Refused| {
        refused.is(code::is_no_handle)
            || refused.is(code::is_wrong_password)
            || refused.is(code::is_no_hierarchy)
    };
    match answer {
        Ok(key) => Ok(Some(key)),
        Err(refused) if source != Source::Null && absent(&refused) => Ok(None),
        Err(refused) => Err(refused.failure("the storage key that passwords are protected with")),
    }
}

fn is_storage_key(link: &mut Link<'_>, key: KeyHandle) -> Result<bool, Failure> {
    let read = link.call("TPM2_ReadPublic", |context| context.read_public(key));
    match read {
        Ok((public, ..)) => {
            let attributes = public.object_attributes();
            Ok(attributes.restricted() && attributes.decrypt() && !attributes.sign_encrypt())
        }
        Err(refused) if refused.is_unreadable() => Ok(false),
        Err(refused) => Err(refused.failure(&format!("{STORAGE_KEY:#x}"))),
    }
}

/// The record of a TPM; `None` where there is no private directory, and nothing outlives the run.
fn path(tcti: &str) -> Result<Option<PathBuf>, Failure> {
    let folder = paths::shelter().map_err(|error| spoiled(&error))?;
    let hash = Sha256::digest(tcti.as_bytes());
    let hash: String = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    Ok(folder.map(|folder| folder.join(format!("tpm-salt-{hash}.json"))))
}

fn read(path: &Path) -> Result<Option<Record>, Failure> {
    if !path.exists() {
        return Ok(None);
    }
    let json = paths::read_public(path, LONGEST).map_err(|error| spoiled(&error))?;
    let record = serde_json::from_slice(&json).map_err(|_| Failure::Lock {
        reason: format!("{}: not a record of a TPM's storage key", path.display()),
    })?;
    Ok(Some(record))
}

fn write(path: Option<&Path>, record: &Record) -> Result<(), Failure> {
    let json = serde_json::to_vec(record).unwrap_or_default();
    path.map_or(Ok(()), |path| paths::write_private(path, &json)).map_err(|error| spoiled(&error))
}

fn spoiled(error: &paths::Error) -> Failure {
    Failure::Lock { reason: error.to_string() }
}
