//! Data objects: GET DATA and PUT DATA (SP 800-73-4 part 2, sections 3.1.2 and 3.3.2).

use super::{Outcome, VirtualYubiKey};
use crate::apdu::Command;
use crate::status::Status;
use crate::tlv;

/// The certificate of the attestation key.
pub(super) const ATTESTATION: &[u8] = &[0x5F, 0xFF, 0x01];

/// The Discovery Object: which application this is, and that the PIN is what unlocks it (part 1, section 3.3.2).
const DISCOVERY: &[u8] = &[
    0x7E, 0x12, 0x4F, 0x0B, 0xA0, 0x00, 0x00, 0x03, 0x08, 0x00, 0x00, 0x10, 0x00, 0x01, 0x00, 0x5F,
    0x2F, 0x02, 0x40, 0x00,
];
/// How long an object may be.
const LONGEST: usize = 3072;

/// The value of an object that holds a certificate (part 1, table 10).
pub(super) fn certificate(der: &[u8]) -> Vec<u8> {
    [tlv::element(0x70, &[der]), tlv::element(0x71, &[&[0]]), tlv::element(0xFE, &[])].concat()
}

/// The certificate in such a value.
pub(super) fn certificate_in(value: &[u8]) -> Option<&[u8]> {
    tlv::value(&tlv::all(value)?, 0x70)
}

impl VirtualYubiKey {
    /// GET DATA.
    pub(super) fn data_object(&mut self, command: &Command) -> Outcome {
        let elements = elements(command)?;
        let identifier = tlv::value(&elements, 0x5C).ok_or(Status::BAD_DATA)?;
        match (identifier, self.objects.get(identifier)) {
            ([0x7E], _) => Ok(DISCOVERY.to_vec()),
            (_, Some(value)) => Ok(tlv::element(0x53, &[value])),
            _ => Err(Status::NOT_FOUND),
        }
    }

    /// PUT DATA; an empty value deletes the object.
    pub(super) fn put_data(&mut self, command: &Command) -> Outcome {
        if !self.session.is_managed() {
            return Err(Status::SECURITY);
        }
        let elements = elements(command)?;
        let (Some(identifier @ [0x5F, _, _]), Some(value)) =
            (tlv::value(&elements, 0x5C), tlv::value(&elements, 0x53))
        else {
            return Err(Status::BAD_DATA);
        };
        match value.len() {
            0 => self.objects.remove(identifier),
            1..=LONGEST => self.objects.insert(identifier.to_vec(), value.to_vec()),
            _ => return Err(Status::NO_SPACE),
        };
        Ok(Vec::new())
    }
}

fn elements(command: &Command) -> Result<Vec<tlv::Element<'_>>, Status> {
    if (command.p1, command.p2) != (0x3F, 0xFF) {
        return Err(Status::BAD_PARAMETERS);
    }
    tlv::all(&command.data).ok_or(Status::BAD_DATA)
}
