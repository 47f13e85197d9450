//! The virtual YubiKey, command by command.

mod client;
mod keys;
mod management;
mod objects;
mod pin;
