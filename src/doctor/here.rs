//! This computer: what is installed, the folder that is ours alone, and the memory that may be locked.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::process::{Resource, getrlimit};

use crate::cache::Cache;
use crate::doctor::Case;
use crate::doctor::sheet::Sheet;
use crate::error::{Error, Report};
use crate::key::KeyRef;
use crate::output::doctor::{self as facts, Facts, Host, Name};
use crate::paths;
use crate::signer::hosted::foresight::{self, Installed};
use crate::signer::{self, Settings};
use crate::wire::{Failure, VERSION};

/// What a process may lock at least where nobody has changed it (since Linux 5.16: 8 MiB), in bytes.
/// Less than this is too little for a few secrets.
const ENOUGH_MEMORY: u64 = 64 * 1024;

pub(super) fn examine(case: &Case, sheet: &mut Sheet) {
    installation(case, sheet);
    directory(case, sheet);
    memory_lock(sheet);
}

/// Only the host that the key needs must start; a system without libtss2 or libpcsclite is whole.
fn installation(case: &Case, sheet: &mut Sheet) {
    let needed = case.named.as_ref().map(|named| scheme(&named.key));
    let (mut hosts, mut failed) = (Vec::new(), None);
    for Installed { scheme, program, outcome } in foresight::installed(&quiet(&case.settings)) {
        let problem =
            outcome.as_ref().err().map(|error| Report::of_device(error).what().to_owned());
        hosts.push(Host { program, problem });
        if needed == Some(scheme) {
            failed = outcome.err();
        }
    }
    let facts = Facts::Installation { version: VERSION, hosts };
    match failed {
        None => sheet.ok(Name::Installation, facts),
        Some(error) => sheet.fail(Name::Installation, Some(facts), Error::from(error)),
    }
}

fn scheme(key: &KeyRef) -> &'static str {
    match key {
        KeyRef::File(_) => "file",
        KeyRef::Piv(_) => "piv",
        KeyRef::Pkcs11(_) => "pkcs11",
        KeyRef::Tpm(_) => "tpm",
    }
}

/// What a loader says of a library that is missing is in the report already.
fn quiet(settings: &Settings) -> Settings {
    Settings { debug: false, ..settings.clone() }
}

/// Where it is not ours alone a run keeps no credentials, and where others can write to it sends no PIN
/// that is configured.
fn directory(case: &Case, sheet: &mut Sheet) {
    let spoiled = |error: &paths::Error| {
        let failure = Failure::Lock { reason: error.to_string() };
        Error::from(signer::Error::Device(failure))
    };
    let path = match paths::private_directory() {
        Ok(Some(path)) => path,
        Ok(None) => {
            let about = "there is no place for one: refused PINs and credentials are not kept";
            let facts = seen(None, case.caches);
            let hint = "name a folder of your own with KEYANCHOR_RUNTIME_DIR";
            return sheet.warn(Name::PrivateDirectory, facts, about, hint);
        }
        Err(error) => {
            let facts = seen(Some(error.path()), case.caches);
            return sheet.fail(Name::PrivateDirectory, Some(facts), spoiled(&error));
        }
    };
    let written = paths::write_private(&path.join("doctor"), b"");
    // Nobody reads it.
    let _ = fs::remove_file(path.join("doctor"));
    let cache = if case.caches { Cache::open().map(drop) } else { Ok(()) };
    let facts = seen(Some(&path), case.caches);
    match (written, cache) {
        (Ok(()), Ok(())) => sheet.ok(Name::PrivateDirectory, facts),
        (Err(error), _) => sheet.fail(Name::PrivateDirectory, Some(facts), spoiled(&error)),
        (_, Err(error)) => sheet.fail(Name::PrivateDirectory, Some(facts), Error::Cache(error)),
    }
}

fn seen(path: Option<&Path>, caches: bool) -> Facts {
    let metadata = path.and_then(|path| fs::symlink_metadata(path).ok());
    let folder = path.map(|path| path.join("cache").display().to_string());
    Facts::Directory {
        path: path.map(|path| path.display().to_string()),
        owner: metadata.as_ref().map(MetadataExt::uid),
        mode: metadata.map(|metadata| format!("{:04o}", metadata.mode() & 0o7777)),
        cache: facts::Cache { on: folder.is_some() && caches, path: folder },
    }
}

fn memory_lock(sheet: &mut Sheet) {
    let bytes = getrlimit(Resource::Memlock).current;
    let facts = Facts::MemoryLock { bytes };
    if bytes.is_none_or(|bytes| bytes >= ENOUGH_MEMORY) {
        return sheet.ok(Name::MemoryLock, facts);
    }
    let about = "secrets may be written to the disk when memory is short";
    sheet.warn(Name::MemoryLock, facts, about, "raise the limit (ulimit -l, LimitMEMLOCK=)");
}
