//! Where the lab keeps what it builds: cargo's target directory, so that `cargo clean` takes it away.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// The workspace's source directory.
pub(crate) fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the lab is a member of a workspace")
}

/// Cargo's target directory.
pub(crate) fn directory() -> PathBuf {
    let chosen = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let path = workspace().join(chosen.unwrap_or_else(|| "target".into()));
    fs::create_dir_all(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    path
}

/// Takes the lock of that name in the target directory, shared or alone, until the file is dropped.
pub(crate) fn lock(name: &str, shared: bool) -> File {
    let path = directory().join(format!("{name}.lock"));
    let file = File::create(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let locked = if shared { file.lock_shared() } else { file.lock() };
    locked.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    file
}
