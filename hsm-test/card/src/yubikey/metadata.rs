//! Yubico's GET METADATA.

use super::management::MANAGEMENT;
use super::pin::{PIN, PUK, Secret};
use super::slot::{Origin, Slot};
use super::{Outcome, VirtualYubiKey};
use crate::apdu::Command;
use crate::status::Status;
use crate::tlv;

/// What an answer has: the algorithm, the two policies, the origin, the public key, whether a value is the factory's,
/// and the tries.
const ALGORITHM: u16 = 0x01;
const POLICIES: u16 = 0x02;
const ORIGIN: u16 = 0x03;
const PUBLIC_KEY: u16 = 0x04;
const IS_FACTORY: u16 = 0x05;
const TRIES: u16 = 0x06;

impl VirtualYubiKey {
    /// GET METADATA of what P2 names.
    pub(super) fn metadata(&mut self, command: &Command) -> Outcome {
        match command.p2 {
            PIN => Ok(of_secret(&self.pin)),
            PUK => Ok(of_secret(&self.puk)),
            MANAGEMENT => Ok([
                tlv::element(ALGORITHM, &[&[self.management.cipher.number()]]),
                tlv::element(POLICIES, &[&[0, self.management.touch.number()]]),
                tlv::element(IS_FACTORY, &[&[self.management.is_factory().into()]]),
            ]
            .concat()),
            slot => self.slots.get(&slot).map(of_slot).ok_or(Status::NO_REFERENCE),
        }
    }
}

fn of_secret(secret: &Secret) -> Vec<u8> {
    [
        tlv::element(ALGORITHM, &[&[0xFF]]),
        tlv::element(IS_FACTORY, &[&[secret.is_factory().into()]]),
        tlv::element(TRIES, &[&[secret.tries(), secret.tries_left()]]),
    ]
    .concat()
}

fn of_slot(slot: &Slot) -> Vec<u8> {
    let origin = match slot.origin {
        Origin::Generated => 1,
        Origin::Imported => 2,
    };
    [
        tlv::element(ALGORITHM, &[&[slot.key.algorithm().number()]]),
        tlv::element(POLICIES, &[&[slot.pin.number(), slot.touch.number()]]),
        tlv::element(ORIGIN, &[&[origin]]),
        tlv::element(PUBLIC_KEY, &[&slot.key.public()]),
    ]
    .concat()
}
