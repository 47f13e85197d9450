//! PKCS#11 modules that show a card as a token. They find pcscd by the environment, as every client of PC/SC does, and
//! keep nothing in files: OpenSC's cache of certificates is off unless somebody's configuration turns it on.

use std::path::PathBuf;
use std::{fs, iter};

/// OpenSC's module: keys 01 to 04 are those of 9a, 9c, 9d and 9e.
///
/// # Panics
/// When it is not installed.
pub fn opensc_module() -> PathBuf {
    module("opensc-pkcs11.so", "opensc-pkcs11")
}

/// Yubico's module.
///
/// # Panics
/// When it is not installed.
pub fn ykcs11_module() -> PathBuf {
    module("libykcs11.so", "ykcs11")
}

fn module(file: &str, package: &str) -> PathBuf {
    let architectures = fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    let folders = architectures.map(|entry| entry.path()).chain(iter::once("/usr/lib".into()));
    let found = folders.map(|folder| folder.join(file)).find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("the lab needs {file}: apt-get install {package}"))
}
