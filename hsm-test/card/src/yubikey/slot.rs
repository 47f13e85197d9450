//! Slots, and the instructions that fill and empty them.

use super::key::{Algorithm, Key};
use super::policy::{PinPolicy, TouchPolicy};
use super::{Outcome, VirtualYubiKey};
use crate::apdu::Command;
use crate::status::Status;
use crate::tlv::{self, Element};

/// A slot with a key in it.
pub(super) struct Slot {
    pub(super) key: Key,
    pub(super) pin: PinPolicy,
    pub(super) touch: TouchPolicy,
    pub(super) origin: Origin,
}

/// Where a key was made.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Origin {
    Generated,
    Imported,
}

/// The slot of the attestation key.
pub(super) const ATTESTATION: u8 = 0xF9;

/// MOVE KEY's destination that deletes.
const NOWHERE: u8 = 0xFF;

impl VirtualYubiKey {
    /// GENERATE ASYMMETRIC KEY PAIR (SP 800-73-4 part 2, section 3.3.2), with Yubico's policies.
    pub(super) fn generate(&mut self, command: &Command) -> Outcome {
        self.provides(command.p2)?;
        let template = tlv::only(&command.data, 0xAC).and_then(tlv::all).ok_or(Status::BAD_DATA)?;
        let [number] = tlv::value(&template, 0x80).ok_or(Status::BAD_DATA)? else {
            return Err(Status::BAD_DATA);
        };
        let (pin, touch) = policies(&template, command.p2)?;
        let key = Key::generate(self.algorithm(*number)?);
        let public = tlv::element(0x7F49, &[&key.public()]);
        self.slots.insert(command.p2, Slot { key, pin, touch, origin: Origin::Generated });
        Ok(public)
    }

    /// Yubico's IMPORT ASYMMETRIC KEY.
    pub(super) fn import(&mut self, command: &Command) -> Outcome {
        self.provides(command.p2)?;
        let elements = tlv::all(&command.data).ok_or(Status::BAD_DATA)?;
        let (pin, touch) = policies(&elements, command.p2)?;
        let key = Key::import(self.algorithm(command.p1)?, &elements).ok_or(Status::BAD_DATA)?;
        self.slots.insert(command.p2, Slot { key, pin, touch, origin: Origin::Imported });
        Ok(Vec::new())
    }

    /// Yubico's MOVE KEY: from P2 to P1.
    pub(super) fn move_key(&mut self, command: &Command) -> Outcome {
        self.provides(command.p2)?;
        if command.p1 != NOWHERE {
            self.provides(command.p1)?;
        }
        let slot = self.slots.remove(&command.p2).ok_or(Status::NO_REFERENCE)?;
        if command.p1 != NOWHERE {
            self.slots.insert(command.p1, slot);
        }
        Ok(Vec::new())
    }

    /// Whether the client may change that slot, and the card has it.
    fn provides(&self, slot: u8) -> Result<(), Status> {
        match (self.session.is_managed(), slot) {
            (false, _) => Err(Status::SECURITY),
            (_, 0x9A | 0x9C..=0x9E | 0x82..=0x95 | ATTESTATION) => Ok(()),
            _ => Err(Status::BAD_DATA),
        }
    }

    fn algorithm(&self, number: u8) -> Result<Algorithm, Status> {
        let known = Algorithm::of_number(number);
        known.filter(|algorithm| algorithm.since() <= self.model.firmware).ok_or(Status::BAD_DATA)
    }
}

fn policies(elements: &[Element<'_>], slot: u8) -> Result<(PinPolicy, TouchPolicy), Status> {
    let number = |tag| match tlv::value(elements, tag) {
        None => Ok(0),
        Some([number]) => Ok(*number),
        Some(_) => Err(Status::BAD_DATA),
    };
    let pin = PinPolicy::of_number(number(0xAA)?, slot).ok_or(Status::BAD_DATA)?;
    let touch = TouchPolicy::of_number(number(0xAB)?).ok_or(Status::BAD_DATA)?;
    Ok((pin, touch))
}
