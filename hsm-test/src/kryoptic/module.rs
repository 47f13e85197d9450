//! kryoptic's module, built from `hsm-test/kryoptic`.

use std::path::PathBuf;

use crate::cargo::Build;

const FILE: &str = "libkryoptic_pkcs11.so";
const BUILD: Build =
    Build { source: "kryoptic", name: "kryoptic", options: &[], products: &[FILE] };

/// Where the module is; it is built where it is missing.
pub(super) fn built() -> PathBuf {
    BUILD.directory().join(FILE)
}
