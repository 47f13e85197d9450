//! PC/SC in software per test: a pcscd in namespaces of its own, cards in its reader's two slots, and other clients
//! that are in the way.
//!
//! The cards are the programs of `hsm-test/card`, provisioned as a person would, by yubico-piv-tool. What they tell
//! about themselves is for counting; that they are YubiKeys, OpenSC, yubico-piv-tool and OpenSSL have to say.

pub use card::Card;
pub use client::{Client, Disposition, Share};
pub use key::{Algorithm, Key, PinPolicy, Stored, Template, TouchPolicy};
pub use log::{Command, Entry, Log, Mark};
pub use modules::{opensc_module, ykcs11_module};
pub use pcscd::Pcscd;
pub use people::Desk;
pub use readers::{Reader, Sharing};
pub use state::State;
pub use wait::until;
pub use yubikey::{Management, PlainCard, Touch, YubiKey};

mod card;
mod client;
mod key;
mod log;
mod modules;
mod namespace;
mod pcscd;
mod people;
mod process;
mod provision;
mod readers;
mod state;
mod wait;
mod yubikey;
