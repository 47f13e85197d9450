//! Builds kryoptic, once for all test processes: a minute on one core, so what was built is kept under a name that
//! contains the hash of the crate's files.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::files::read;
use crate::{openssl, target, tool};

/// Where the module is; it is built where it is missing.
pub(super) fn built() -> PathBuf {
    let source = target::workspace().join("hsm-test/kryoptic");
    let files = ["Cargo.toml", "Cargo.lock", "src/lib.rs"].map(|file| read(&source.join(file)));
    let hash = openssl::hex(&openssl::sha256(files.concat().as_bytes()));
    let name = format!("lab-kryoptic-{}", &hash[..16]);
    let module = target::directory().join(&name).with_extension("so");
    let _lock = target::lock(&name, false);
    if !module.exists() {
        build(&source, &module);
    }
    module
}

/// Builds in a directory that goes again: it is a hundred times as large as what comes out of it.
fn build(source: &Path, module: &Path) {
    let building = target::directory().join("lab-kryoptic");
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for name in env::vars_os().map(|(name, _)| name).filter(is_of_this_build) {
        cargo.env_remove(name);
    }
    cargo.args(["build", "--release", "--locked"]).current_dir(source);
    tool::run(cargo.arg("--target-dir").arg(&building));
    fs::rename(building.join("release/libkryoptic_pkcs11.so"), module)
        .expect("cargo has built the module, in the target directory");
    fs::remove_dir_all(&building).unwrap_or_else(|error| panic!("{}: {error}", building.display()));
}

/// What cargo told this test about its own build is not for another one; where crates come from is.
fn is_of_this_build(name: &OsString) -> bool {
    let name = name.to_string_lossy();
    let kept = ["CARGO_HOME", "CARGO_HTTP_", "CARGO_NET_", "CARGO_REGISTR", "CARGO_SOURCE_"];
    let told = ["CARGO_", "RUSTC", "RUSTDOC", "RUSTFLAGS"];
    told.iter().any(|prefix| name.starts_with(prefix))
        && !kept.iter().any(|prefix| name.starts_with(prefix))
}
