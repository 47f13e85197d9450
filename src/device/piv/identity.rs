//! Who a card is: what tells it from others, and what people call it.

use std::ffi::CStr;

use sha2::{Digest, Sha256};

use crate::device::piv::card::Card;
use crate::device::piv::trouble::Trouble;
use crate::key::piv::CardFilter;

/// A card, told from others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    /// The firmware of a YubiKey.
    pub(super) firmware: Option<[u8; 3]>,
    /// The number that is printed on a YubiKey.
    pub(super) serial: Option<u32>,
    /// Of a card that tells no such number: the SHA-256 of its card holder's unique identifier, which
    /// has a random number in it, or a signature.
    chuid: Option<[u8; 32]>,
}

impl Identity {
    pub(super) fn read(card: &Card<'_>) -> Result<Self, Trouble> {
        let firmware = if card.is_a_yubikey()? { card.version()? } else { None };
        let serial = firmware.map_or(Ok(None), |version| card.serial(version))?;
        let chuid = if serial.is_none() { card.chuid()? } else { None };
        let chuid = chuid.map(|chuid| Sha256::digest(chuid).into());
        Ok(Self { firmware, serial, chuid })
    }

    /// Whether it is this card. Of one that tells nothing it can only be said that it was not `moved`.
    pub(super) fn is_that_of(&self, card: &Card<'_>, moved: bool) -> Result<bool, Trouble> {
        match (self.serial, self.firmware, self.chuid) {
            (Some(serial), Some(firmware), _) => Ok(card.serial(firmware)? == Some(serial)),
            (.., Some(_)) => Ok(Self::read(card)? == *self),
            (.., None) => Ok(!moved),
        }
    }

    pub(super) fn is_yubikey(&self) -> bool {
        self.firmware.is_some()
    }

    /// What it is called, in that reader.
    pub(super) fn name(&self, reader: &CStr) -> String {
        match self.serial {
            Some(serial) => format!("YubiKey {serial}"),
            None => format!("the PIV card in the reader '{}'", reader.to_string_lossy()),
        }
    }

    /// What tells it from others of that name.
    pub(super) fn distinct(&self) -> String {
        self.chuid.iter().flatten().take(8).map(|byte| format!("{byte:02x}")).collect()
    }

    /// What a reference must have to mean this card and no other, in that reader.
    pub(super) fn filter(&self, reader: &CStr) -> CardFilter {
        match self.serial {
            Some(serial) => CardFilter { serial: Some(serial), reader: None },
            None => CardFilter { serial: None, reader: Some(reader.to_string_lossy().into()) },
        }
    }
}
