//! Who a card is: what tells it from others, and what people call it.

use std::ffi::CStr;

use crate::device::piv::card::Card;
use crate::device::piv::trouble::Trouble;
use crate::key::piv::CardFilter;

/// A card, told from others. Two of the same are the same card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    /// The number that is printed on a YubiKey.
    pub(super) serial: Option<u32>,
    /// The firmware of a YubiKey.
    pub(super) firmware: Option<[u8; 3]>,
    /// The card holder's unique identifier of a card without such a number.
    guid: Option<Vec<u8>>,
}

impl Identity {
    pub(super) fn read(card: &Card<'_>) -> Result<Self, Trouble> {
        let firmware = if card.is_a_yubikey()? { card.version()? } else { None };
        let serial = firmware.map_or(Ok(None), |version| card.serial(version))?;
        let firmware = firmware.filter(|_| serial.is_some());
        let guid = if serial.is_none() { card.guid()? } else { None };
        Ok(Self { serial, firmware, guid })
    }

    pub(super) fn is_yubikey(&self) -> bool {
        self.serial.is_some()
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
        let guid = self.guid.iter().flatten();
        guid.map(|byte| format!("{byte:02x}")).collect()
    }

    /// What a reference must have to mean this card and no other, in that reader.
    pub(super) fn filter(&self, reader: &CStr) -> CardFilter {
        match self.serial {
            Some(serial) => CardFilter { serial: Some(serial), reader: None },
            None => CardFilter { serial: None, reader: Some(reader.to_string_lossy().into()) },
        }
    }
}
