//! The device lab of keyanchor: what stands in for hardware and for AWS in its tests.
//!
//! It knows devices and AWS but not the product: no line is shared, and signatures are judged by OpenSSL, which the
//! product does not use. Everything here belongs to a guard that cleans up when it is dropped. A lab that cannot be
//! set up is a failed test, so these functions panic with a sentence instead of returning an error.

#![deny(unsafe_code)]

pub mod askpass;
pub mod assuan;
pub mod bench;
pub mod desktop;
pub mod fault;
pub mod faults;
pub mod floor;
pub mod kryoptic;
pub mod marker;
pub mod nss;
#[expect(unsafe_code, reason = "libcrypto is a C library, and this module is all that calls it")]
pub mod openssl;
pub mod pem;
pub mod pinentry;
pub mod piv;
pub mod pki;
pub mod relay;
pub mod s_server;
pub mod server;
pub mod softhsm;
pub mod spy;
pub mod stress;
pub mod swtpm;
pub mod terminal;

mod cargo;
mod files;
mod target;
mod token;
mod tool;
