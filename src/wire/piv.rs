//! What the host of PIV cards is asked for and tells: which card, and what is in its slots.

use serde::{Deserialize, Serialize};

use crate::key::piv::{CardFilter, Slot};
use crate::wire::Failure;
use crate::wire::failure::Tries;
use crate::wire::list::{Facts, Kind};

/// The cards that a host has to do with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cards {
    /// Whatever is there, to be looked at.
    All,
    /// One, to be used.
    One(CardFilter),
}

/// The cards that are there.
#[derive(Debug, Serialize, Deserialize)]
pub struct Listed {
    /// Those with the PIV application, and those that could not be looked at.
    pub cards: Vec<Card>,
}

/// A card, and what is on it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Card {
    /// What it is called in messages: `YubiKey 12345678`.
    pub name: String,
    /// The reader's name.
    pub reader: String,
    /// The number that is printed on a YubiKey; other cards have none.
    pub serial: Option<u32>,
    /// The firmware of a YubiKey, such as `5.4.3`.
    pub firmware: Option<String>,
    /// What it says about its PIN.
    pub tries: Tries,
    /// Its slots with something in them.
    pub slots: Result<Vec<Content>, Failure>,
}

/// A slot, and what is in it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Content {
    /// Which slot.
    pub slot: Slot,
    /// Its key; `None` where only a certificate is known.
    pub key: Option<Key>,
    /// Its certificate.
    pub certificate: Option<Certificate>,
}

/// A key in a slot.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Key {
    /// Which kind it is.
    pub kind: Kind,
    /// When it wants a PIN; `None` where the card does not say.
    pub pin: Option<PinPolicy>,
    /// When it wants a touch; `None` where the card does not say.
    pub touch: Option<TouchPolicy>,
    /// Whether it was made on the card; `None` where the card does not say.
    pub generated: Option<bool>,
}

/// A certificate in a slot.
#[derive(Debug, Serialize, Deserialize)]
pub enum Certificate {
    /// What it says.
    Facts(Facts),
    /// Why it cannot be read.
    Unreadable(String),
}

/// When a key wants a PIN (tag AA of Yubico's GENERATE).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PinPolicy {
    /// Before each signature.
    Always,
    /// Never.
    Never,
    /// Once after the application was selected.
    Once,
}

/// When a key wants a touch (tag AB of Yubico's GENERATE).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TouchPolicy {
    /// For each signature.
    Always,
    /// Unless the last touch was within 15 s.
    Cached,
    /// Never.
    Never,
}
