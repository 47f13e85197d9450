//! The device host for YubiKeys and other PIV cards. keyanchor starts it; nobody else need.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    keyanchor::host::run::<keyanchor::device::piv::Device>()
}
