//! The TPM device by itself: each test is a process of its own with a private directory of its own, and a
//! swtpm without a resource manager. OpenSSL judges the signatures, tpm2-tools what is left behind.

mod bench;
mod crossing;
mod files;
mod keys;
mod lockout;
mod places;
mod relay;
mod stranger;
