//! The device host for PKCS#11 modules. keyanchor starts it; nobody else need.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    keyanchor::host::run::<keyanchor::device::pkcs11::Device>()
}
