//! The device host for TPMs. keyanchor starts it; nobody else need.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    keyanchor::host::run::<keyanchor::device::tpm::Device<'static>>()
}
