//! A YubiKey for people, where a person finds it: with a key and a certificate, or as it comes from the factory.

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
    /// The YubiKey.
    pub card: Card,
    /// What clients talk to.
    pub pcscd: Pcscd,
}

impl Desk {
    /// With a key on P-256 in slot 9a, and its certificate, in a directory that stays: the certificate is in
    /// `certs/9a.pem`, with the intermediate in `certs/9a-chain.pem`; `ca` is the PKI, which is kept, and `pin` the PIN
    /// and a newline. The key is a new one each time.
    ///
    /// # Panics
    /// When the directory's path is too long for a socket in it, another one runs there, or something is not installed.
    pub fn set_up(directory: &Path) -> Self {
        let desk = Self::with(&YubiKey::V5_4, directory);
        let key = desk.card.key(&Template::P256);
        write(&desk.pcscd.dir().join("pin"), &format!("{}\n", YubiKey::PIN));
        publish(&key, &desk.pcscd.dir().join("certs"));
        desk
    }

    /// With nothing but what every YubiKey has at first, [`FACTORY_PIN`](YubiKey::FACTORY_PIN) and
    /// [`FACTORY_PUK`](YubiKey::FACTORY_PUK), in a directory that stays; `ca` is the PKI, which is kept.
    ///
    /// # Panics
    /// As [`set_up`](Self::set_up).
    pub fn from_the_factory(directory: &Path) -> Self {
        let (pin, puk) = (YubiKey::FACTORY_PIN, YubiKey::FACTORY_PUK);
        let desk = Self::with(&YubiKey { pin, puk, ..YubiKey::V5_4 }, directory);
        desk.pcscd.pki();
        desk
    }

    fn with(yubikey: &YubiKey, directory: &Path) -> Self {
        create_directory(directory);
        let directory = directory.canonicalize().expect("the directory is there");
        let free = readers::ask(&socket(&directory)).is_err();
        assert!(free, "{}: there is a pcscd in it already", directory.display());
        let pcscd = Pcscd::at(&directory, Pcscd::YUBIKEY_READER);
        Self { card: yubikey.insert(&pcscd), pcscd }
    }
}

fn publish(key: &Key, directory: &Path) {
    create_directory(directory);
    for (file, name) in [(key.certificate(), "9a.pem"), (key.chain(), "9a-chain.pem")] {
        fs::copy(&file, directory.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}
