//! keyanchor turns a private key that cannot leave its device into short-lived AWS credentials.
//!
//! The library is the shared part of the main program and its device hosts, and not an interface
//! for others. `docs/architecture.md` has the floor plan; a module imports only what stands below.

#![deny(unsafe_code)]
// what comes from outside must not be able to end a process
#![cfg_attr(
    not(test),
    deny(
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::string_slice,
        clippy::unimplemented,
        clippy::unreachable
    )
)]

pub mod aside;
pub mod cache;
pub mod certificate;
pub mod cli;
pub mod credentials;
pub mod deadline;
pub mod device;
pub mod doctor;
pub mod error;
pub mod exchange;
pub mod explain;
#[cfg(any(feature = "piv", feature = "pkcs11", feature = "tpm"))]
pub mod host;
pub mod identity;
pub mod key;
pub mod lock;
pub mod output;
pub mod paths;
pub mod process;
pub mod prompt;
pub mod refusals;
pub mod sandbox;
pub mod secret;
pub mod signer;
pub mod timing;
pub mod wire;
