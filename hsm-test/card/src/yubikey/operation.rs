//! GENERAL AUTHENTICATE: the use of a private key (SP 800-73-4 part 2, section 3.2.4).

use super::management::MANAGEMENT;
use super::{Outcome, VirtualYubiKey};
use crate::apdu::Command;
use crate::status::Status;
use crate::tlv::{self, Element};

impl VirtualYubiKey {
    /// GENERAL AUTHENTICATE.
    pub(super) fn general_authenticate(&mut self, command: &Command) -> Outcome {
        let template = tlv::only(&command.data, 0x7C).and_then(tlv::all).ok_or(Status::BAD_DATA)?;
        if command.p2 == MANAGEMENT {
            return self.authenticate_management(command, &template);
        }
        let result = self.used(command, &template)?;
        *self.operations.entry(command.p2).or_default() += 1;
        Ok(tlv::element(0x7C, &[&tlv::element(0x82, &[&result])]))
    }

    /// Signs a challenge, or agrees with the other side's public key.
    fn used(&mut self, command: &Command, template: &[Element<'_>]) -> Outcome {
        let slot = self.slots.get(&command.p2).ok_or(Status::BAD_DATA)?;
        if slot.key.algorithm().number() != command.p1 {
            return Err(Status::BAD_DATA);
        }
        let (input, other) = (tlv::value(template, 0x81), tlv::value(template, 0x85));
        self.permit(slot.pin, slot.touch)?;
        let key = &self.slots[&command.p2].key;
        let result = match (tlv::value(template, 0x82), input, other) {
            (Some([]), Some(input), None) => key.sign(input),
            (Some([]), None, Some(other)) => key.agree(other),
            _ => None,
        };
        result.ok_or(Status::BAD_DATA)
    }
}
