//! A YubiKey for people, with a key and a certificate, where a person finds them.

use std::fs;
use std::path::Path;

use super::card::Card;
use super::key::{Key, Template};
use super::pcscd::{Pcscd, socket};
use super::readers;
use super::yubikey::YubiKey;
use crate::files::{create_directory, write};

/// A running pcscd, and the YubiKey in its reader.
#[derive(Debug)]
pub struct Desk {
    /// With a key on P-256 in slot 9a, and its certificate.
    pub card: Card,
    /// What clients talk to.
    pub pcscd: Pcscd,
}

impl Desk {
    /// In a directory that stays: the certificate is in `certs/9a.pem`, with the intermediate in `certs/9a-chain.pem`;
    /// `ca` is the PKI, which is kept, and `pin` the PIN and a newline. The key is a new one each time.
    ///
    /// # Panics
    /// When the directory's path is too long for a socket in it, another one runs there, or something is not installed.
    pub fn set_up(directory: &Path) -> Self {
        create_directory(directory);
        let directory = directory.canonicalize().expect("the directory is there");
        let free = readers::ask(&socket(&directory)).is_err();
        assert!(free, "{}: there is a pcscd in it already", directory.display());
        let pcscd = Pcscd::at(&directory, Pcscd::YUBIKEY_READER);
        let card = YubiKey::V5_4.insert(&pcscd);
        let key = card.key(&Template::P256);
        write(&directory.join("pin"), &format!("{}\n", YubiKey::PIN));
        publish(&key, &directory.join("certs"));
        Self { card, pcscd }
    }
}

fn publish(key: &Key, directory: &Path) {
    create_directory(directory);
    for (file, name) in [(key.certificate(), "9a.pem"), (key.chain(), "9a-chain.pem")] {
        fs::copy(&file, directory.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}
