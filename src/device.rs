//! The devices that hold keys, one module each, strangers to each other. Device hosts only: the
//! main program sees them through frames.

#[cfg(feature = "pkcs11")]
pub mod pkcs11;
