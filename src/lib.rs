//! keyanchor turns a private key that cannot leave its device into short-lived AWS credentials.
//!
//! The library is the shared part of the main program and its device hosts, and not an interface
//! for others. `docs/architecture.md` has the floor plan; a module imports only what stands below.

#![deny(unsafe_code)]

pub mod certificate;
pub mod deadline;
#[cfg(feature = "pkcs11")]
pub mod host;
pub mod key;
pub mod paths;
pub mod secret;
pub mod device;
pub mod prompt;
pub mod signer;
pub mod wire;
