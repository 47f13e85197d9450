//! Keys: what is asked for, in a template, and what was made from it.

use std::path::{Path, PathBuf};

use crate::files::read;

/// The kind of a key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Algorithm {
    /// From firmware 5.7 on.
    Ed25519,
    /// ECC on NIST P-256.
    P256,
    /// ECC on NIST P-384.
    P384,
    /// RSA of 1,024 bits.
    Rsa1024,
    /// RSA of 2,048 bits.
    Rsa2048,
    /// RSA of 3,072 bits, from firmware 5.7 on.
    Rsa3072,
    /// RSA of 4,096 bits, from firmware 5.7 on.
    Rsa4096,
}

/// When the card wants its PIN.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PinPolicy {
    /// Before each signature.
    Always,
    /// As is usual in the slot: always in 9c, never in 9e, once in the others.
    Default,
    /// Not at all.
    Never,
    /// Once, until the card is reset or another application is selected.
    Once,
}

/// When the card wants to be touched.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TouchPolicy {
    /// For each signature.
    Always,
    /// For a signature, unless it was touched in the 15 seconds before.
    Cached,
    /// Never.
    Default,
    /// Not at all.
    Never,
}

/// Where the certificate of a key is, besides in a file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Stored {
    /// In the slot, compressed.
    Gzip,
    /// Nowhere.
    Not,
    /// In the slot, as it is.
    Plain,
}

/// A key to be made. `Template { slot: 0x9c, ..Template::P256 }` differs from the usual in one thing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Template {
    /// The slot of the card: 9a, 9c, 9d, 9e, or 82 to 95.
    pub slot: u8,
    /// The kind.
    pub algorithm: Algorithm,
    /// When the card wants its PIN.
    pub pin_policy: PinPolicy,
    /// When the card wants to be touched.
    pub touch_policy: TouchPolicy,
    /// Made outside, and put into the card: there is no attestation of it.
    pub imported: bool,
    /// Where its certificate is.
    pub stored: Stored,
}

/// A key that was made, and its certificate, which the lab's PKI has issued.
#[derive(Clone, Debug)]
pub struct Key {
    pub(super) template: Template,
    pub(super) directory: PathBuf,
}

impl Template {
    /// P-256 in slot 9a, made in the card, PIN once, no touch, with its certificate in the slot.
    pub const P256: Self = Self::of(Algorithm::P256);
    /// The same on P-384.
    pub const P384: Self = Self::of(Algorithm::P384);
    /// The same, RSA of 2,048 bits.
    pub const RSA2048: Self = Self::of(Algorithm::Rsa2048);

    /// A key in slot 9a, made in the card, PIN once, no touch, with its certificate in the slot.
    pub const fn of(algorithm: Algorithm) -> Self {
        Self {
            slot: 0x9a,
            algorithm,
            pin_policy: PinPolicy::Default,
            touch_policy: TouchPolicy::Default,
            imported: false,
            stored: Stored::Plain,
        }
    }
}

impl Key {
    /// What it was made from.
    pub fn template(&self) -> Template {
        self.template
    }

    /// A directory of its own, with all of its files.
    pub fn dir(&self) -> &Path {
        &self.directory
    }

    /// A file with its public key, a PEM SubjectPublicKeyInfo.
    pub fn public_key(&self) -> PathBuf {
        self.directory.join("public.pem")
    }

    /// Its public key as a PEM SubjectPublicKeyInfo.
    ///
    /// # Panics
    /// When the card is gone, and its files with it.
    pub fn public_key_pem(&self) -> String {
        read(&self.public_key())
    }

    /// The leaf certificate, PEM.
    pub fn certificate(&self) -> PathBuf {
        self.directory.join("leaf.pem")
    }

    /// The same with the intermediate after it, PEM.
    pub fn chain(&self) -> PathBuf {
        self.directory.join("chain.pem")
    }
}

/// The slot in the tools' words.
pub(super) fn slot_word(slot: u8) -> String {
    format!("{slot:02x}")
}

impl Algorithm {
    /// In yubico-piv-tool's words, if it knows any.
    pub(super) fn yubico_word(self) -> Option<&'static str> {
        match self {
            Self::P256 => Some("ECCP256"),
            Self::P384 => Some("ECCP384"),
            Self::Rsa1024 => Some("RSA1024"),
            Self::Rsa2048 => Some("RSA2048"),
            Self::Ed25519 | Self::Rsa3072 | Self::Rsa4096 => None,
        }
    }

    /// In piv-provision's words.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Ed25519 => "ed25519",
            Self::P256 => "p256",
            Self::P384 => "p384",
            Self::Rsa1024 => "rsa1024",
            Self::Rsa2048 => "rsa2048",
            Self::Rsa3072 => "rsa3072",
            Self::Rsa4096 => "rsa4096",
        }
    }

    /// In the words of [`Pki::software_key`](crate::pki::Pki::software_key).
    pub(super) fn software_word(self) -> &'static str {
        match self {
            Self::Ed25519 => panic!("no tool of the lab imports Ed25519 keys"),
            Self::P256 => "EC:P-256",
            Self::P384 => "EC:P-384",
            Self::Rsa1024 => "rsa:1024",
            Self::Rsa2048 => "rsa:2048",
            Self::Rsa3072 => "rsa:3072",
            Self::Rsa4096 => "rsa:4096",
        }
    }
}

impl PinPolicy {
    /// In the words of both tools; yubico-piv-tool knows no default.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::Default => "default",
            Self::Never => "never",
            Self::Once => "once",
        }
    }
}

impl TouchPolicy {
    /// In the words of both tools; yubico-piv-tool knows no default.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::Cached => "cached",
            Self::Default => "default",
            Self::Never => "never",
        }
    }
}
