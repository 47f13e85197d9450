//! Which PKCS#11 modules to ask: the one that is named, else those that are registered with
//! p11-kit. None is loaded here, and none that others could have changed is let through.

use std::fs;
use std::path::{Path, PathBuf};

use crate::key::uri::Pkcs11Uri;
use crate::paths;
use crate::signer::{Error, Settings};

mod file;
mod p11_kit;

pub use file::{ModuleFile, parse};

/// Where modules are that are named without a folder, and those of p11-kit's relative names.
const FOLDERS: [&str; 10] = [
    "/usr/lib/x86_64-linux-gnu/pkcs11",
    "/usr/lib/aarch64-linux-gnu/pkcs11",
    "/usr/lib64/pkcs11",
    "/usr/lib/pkcs11",
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib64",
    "/usr/lib",
    "/usr/lib/softhsm",
    "/usr/local/lib",
];

/// How many of those are p11-kit's: what is in them is a module.
const OF_P11_KIT: usize = 4;

/// Modules that are there without being registered, as Yubico's is.
const USUAL: [&str; 4] = [
    "opensc-pkcs11.so",
    "libykcs11.so",
    "libsofthsm2.so",
    "/opt/cloudhsm/lib/libcloudhsm_pkcs11.so",
];

/// Libraries that hold no key, or that stand for all that are registered: asked only where they are
/// named.
const NO_DEVICES: [&str; 3] = ["libnssckbi.so", "p11-kit-proxy.so", "p11-kit-trust.so"];

/// Libraries that stand for another one: asked where they are named or registered.
const STAND_INS: [&str; 3] = ["onepin-opensc-pkcs11.so", "p11-kit-client.so", "pkcs11-spy.so"];

/// The modules to ask, as canonical paths: one that was named by `--pkcs11-lib`, the URI's
/// `module-path` or `module-name`, or `KEYANCHOR_PKCS11_LIB`, in this order; else all that are
/// registered, the most important first.
///
/// # Errors
/// When the named one is not there, or others could change it; when none is known at all.
pub fn to_ask(settings: &Settings, uri: &Pkcs11Uri) -> Result<Vec<PathBuf>, Error> {
    let named = settings.module.as_deref().or(uri.module_path.as_deref());
    if let Some(module) = named {
        return Ok(vec![checked(module)?]);
    }
    if let Some(name) = &uri.module_name {
        return Ok(vec![checked(&by_name(name)?)?]);
    }
    if let Some(module) = &settings.default_module {
        return Ok(vec![checked(module)?]);
    }
    let mut modules = Vec::new();
    for module in registered().iter().filter_map(|module| checked(module).ok()) {
        // One library may be registered twice: its second host would wait for the first.
        if !modules.contains(&module) {
            modules.push(module);
        }
    }
    if modules.is_empty() { Err(Error::NoModule) } else { Ok(modules) }
}

/// A module to list, by its canonical path, or as it was named where it cannot be asked.
pub type Candidate = (PathBuf, Result<(), Error>);

/// The modules that a list is of, each once: those that were named, else the default, else all that
/// are registered and those in the usual places. What cannot be loaded is told with the reason.
#[must_use]
pub fn to_list(settings: &Settings, named: &[PathBuf]) -> Vec<Candidate> {
    let found = match &settings.default_module {
        _ if !named.is_empty() => named.to_vec(),
        Some(module) => vec![module.clone()],
        None => registered().into_iter().chain(usual()).collect(),
    };
    let mut modules: Vec<Candidate> = Vec::new();
    for module in found {
        let (path, state) = match checked(&module) {
            Ok(path) => (path, Ok(())),
            Err(error) => (module, Err(error)),
        };
        if modules.iter().all(|(known, _)| *known != path) {
            modules.push((path, state));
        }
    }
    modules
}

fn checked(module: &Path) -> Result<PathBuf, Error> {
    let found = if module.components().count() == 1 { in_folders(module) } else { None };
    let path = found.as_deref().unwrap_or(module);
    paths::trusted_code(path).map_err(|error| {
        let (module, reason) = (module.into(), error.to_string());
        match error {
            paths::Error::Io { .. } => Error::NoSuchModule { module, reason },
            paths::Error::TooLarge { .. } | paths::Error::Unsafe { .. } => {
                Error::Module { module, reason }
            }
        }
    })
}

fn in_folders(name: &Path) -> Option<PathBuf> {
    FOLDERS.iter().map(|folder| Path::new(folder).join(name)).find(|path| path.exists())
}

/// `module-name` has neither `lib` nor an extension (RFC 7512 §2.3).
fn by_name(name: &str) -> Result<PathBuf, Error> {
    let candidates = [format!("lib{name}.so"), format!("{name}.so")];
    let found = candidates.iter().find_map(|file| in_folders(Path::new(file)));
    let reason = || format!("neither {} is in a usual folder", candidates.join(" nor "));
    found.ok_or_else(|| Error::NoSuchModule { module: name.into(), reason: reason() })
}

/// The modules of p11-kit's files. A relative name that is nowhere is left out: packages register
/// modules that others bring.
fn registered() -> Vec<PathBuf> {
    let libraries = p11_kit::registered().into_iter().map(PathBuf::from);
    let libraries = libraries
        .filter_map(|path| if path.is_absolute() { Some(path) } else { in_folders(&path) });
    libraries.filter(|path| !is_one_of(&NO_DEVICES, path)).collect()
}

/// What is in the usual places, registered or not.
fn usual() -> Vec<PathBuf> {
    let mut found: Vec<_> = FOLDERS[..OF_P11_KIT]
        .iter()
        .flat_map(|folder| fs::read_dir(folder).into_iter().flatten().flatten())
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "so"))
        .collect();
    found.sort();
    found.extend(USUAL.iter().filter_map(|name| in_folders(Path::new(name))));
    let others = [NO_DEVICES, STAND_INS].concat();
    found.retain(|path| path.exists() && !is_one_of(&others, path));
    found
}

fn is_one_of(names: &[&str], module: &Path) -> bool {
    module.file_name().is_some_and(|name| names.iter().any(|other| name == *other))
}
