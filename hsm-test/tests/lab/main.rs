//! The lab's own tests: it must grant what is right, refuse each known mistake, and say which one it was.
//!
//! Requests are signed with the openssl command, so that the server does not judge its own code.

mod behaviour;
mod cli;
mod client;
mod desktop;
mod fault;
mod grants;
mod kryoptic;
mod mistakes;
mod pinentry;
mod piv;
mod pki;
mod policy;
mod softhsm;
mod sts;
mod terminal;
mod tls;
mod tpm;
mod vectors;
