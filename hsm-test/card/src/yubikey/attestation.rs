//! Yubico's ATTEST: the card's own key certifies that another was generated in it.

use super::certificate::{self, Extension};
use super::key::{Algorithm, Key};
use super::policy::{PinPolicy, TouchPolicy};
use super::slot::{self, Origin, Slot};
use super::{Outcome, VirtualYubiKey, object};
use crate::apdu::Command;
use crate::status::Status;

/// 1.3.6.1.4.1.41482.3, without its last number.
const YUBICO_PIV: [u8; 9] = [0x2B, 0x06, 0x01, 0x04, 0x01, 0x82, 0xC4, 0x0A, 0x03];
/// A keychain key with a USB-A plug.
const FORM_FACTOR: u8 = 1;

impl VirtualYubiKey {
    /// Puts in the attestation key and its certificate, and gives the certificate of its root.
    pub(super) fn equip_for_attestation(&mut self) -> Vec<u8> {
        let root = Key::generate(Algorithm::P256);
        let key = Key::generate(Algorithm::P256);
        let root_name = certificate::name("Virtual YubiKey PIV Root CA");
        let name = certificate::name("Virtual YubiKey PIV Attestation");
        let path = [certificate::authority()];
        let of = |subject: &[u8], key| {
            let issued = certificate::issued(&root, &root_name, subject, key, &path);
            issued.expect("a key on a curve can sign")
        };
        let (root_certificate, issued) = (of(&root_name, &root), of(&name, &key));
        self.objects.insert(object::ATTESTATION.to_vec(), object::certificate(&issued));
        let (pin, touch) = (PinPolicy::Never, TouchPolicy::Never);
        self.slots.insert(slot::ATTESTATION, Slot { key, pin, touch, origin: Origin::Imported });
        root_certificate
    }

    /// ATTEST the key of slot P1.
    pub(super) fn attest(&mut self, command: &Command) -> Outcome {
        if command.p2 != 0 {
            return Err(Status::BAD_PARAMETERS);
        }
        let attested = self.slots.get(&command.p1).filter(|slot| slot.origin == Origin::Generated);
        let attested = attested.ok_or(Status::BAD_DATA)?;
        let signer = self.slots.get(&slot::ATTESTATION).ok_or(Status::NO_REFERENCE)?;
        let issuer = self.objects.get(object::ATTESTATION).ok_or(Status::NOT_FOUND)?;
        let issuer = object::certificate_in(issuer).and_then(certificate::subject);
        let subject = certificate::name(&format!("YubiKey PIV Attestation {:02x}", command.p1));
        let extensions = self.facts(attested);
        let issuer = issuer.ok_or(Status::ABORTED)?;
        let issued = certificate::issued(&signer.key, issuer, &subject, &attested.key, &extensions);
        issued.ok_or(Status::ABORTED)
    }

    fn facts(&self, slot: &Slot) -> [Extension; 4] {
        let fact = |number: u8, value: &[u8]| Extension {
            identifier: [&YUBICO_PIV[..], &[number]].concat(),
            is_critical: false,
            value: value.to_vec(),
        };
        [
            fact(3, &self.model.firmware.to_bytes()),
            fact(7, &certificate::integer(&self.model.serial.to_be_bytes())),
            fact(8, &[slot.pin.number(), slot.touch.number()]),
            fact(9, &[FORM_FACTOR]),
        ]
    }
}
