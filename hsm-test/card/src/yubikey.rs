//! A virtual YubiKey: its PIV application with Yubico's extensions, and as much of its OTP application as tells the
//! serial number. All is in memory, and lasts as long as the process.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use crate::apdu::Command;
use crate::applet::Applet;
use crate::bench::Bench;
use crate::status::{Response, Status};

mod attestation;
mod certificate;
mod cipher;
mod key;
mod management;
mod metadata;
mod model;
mod object;
mod operation;
mod pin;
mod policy;
mod selection;
mod slot;

pub use cipher::Cipher;
pub use model::{Firmware, Model};

use management::Management;
use pin::Secret;
use selection::Session;
use slot::Slot;

/// What an instruction comes to: data with 9000, or another status word.
type Outcome = Result<Vec<u8>, Status>;

/// The card's memory.
pub struct VirtualYubiKey {
    model: Model,
    bench: Arc<Bench>,
    session: Session,
    last_touch: Option<Instant>,
    pin: Secret,
    puk: Secret,
    management: Management,
    slots: BTreeMap<u8, Slot>,
    objects: BTreeMap<Vec<u8>, Vec<u8>>,
    operations: BTreeMap<u8, u32>,
}

/// What a YubiKey 5 answers to a reset. T=1 is in it, the only protocol that crate yubikey connects with.
const ATR: [u8; 23] = [
    0x3B, 0xFD, 0x13, 0x00, 0x00, 0x81, 0x31, 0xFE, 0x15, 0x80, 0x73, 0xC0, 0x21, 0xC0, 0x57, 0x59,
    0x75, 0x62, 0x69, 0x4B, 0x65, 0x79, 0x40,
];

impl VirtualYubiKey {
    /// A YubiKey as it leaves the factory; second, the certificate of the root of its attestations, in DER.
    pub fn new(model: Model, bench: Arc<Bench>) -> (Self, Vec<u8>) {
        let mut card = Self {
            bench,
            session: Session::default(),
            last_touch: None,
            pin: Secret::factory_pin(model.pin_tries),
            puk: Secret::factory_puk(model.puk_tries),
            management: Management::factory(model.management()),
            slots: BTreeMap::new(),
            objects: BTreeMap::new(),
            operations: BTreeMap::new(),
            model,
        };
        let root = card.equip_for_attestation();
        (card, root)
    }

    /// The PIV application's instructions.
    fn piv(&mut self, command: &Command) -> Outcome {
        let firmware = self.model.firmware;
        let is_since = |major, minor| firmware >= Firmware(major, minor, 0);
        match command.instruction {
            0x20 => self.verify(command),
            0x24 => self.change_reference(command),
            0x2C => self.reset_retry(command),
            0x47 => self.generate(command),
            0x87 => self.general_authenticate(command),
            0xCB => self.data_object(command),
            0xDB => self.put_data(command),
            0xF6 if is_since(5, 7) => self.move_key(command),
            0xF7 if is_since(5, 3) => self.metadata(command),
            0xF8 if is_since(5, 0) => Ok(self.model.serial.to_be_bytes().to_vec()),
            0xF9 if is_since(4, 3) => self.attest(command),
            0xFA => self.set_retries(command),
            0xFB => self.restore_factory(),
            0xFD => Ok(firmware.to_bytes().to_vec()),
            0xFE => self.import(command),
            0xFF => self.set_management_key(command),
            _ => Err(Status::UNKNOWN_INSTRUCTION),
        }
    }

    /// RESET: only a card that is locked for good begins anew; the attestation key stays.
    fn restore_factory(&mut self) -> Outcome {
        if !self.pin.is_blocked() || !self.puk.is_blocked() {
            return Err(Status::CONDITIONS);
        }
        self.session.leave();
        self.pin = Secret::factory_pin(self.model.pin_tries);
        self.puk = Secret::factory_puk(self.model.puk_tries);
        self.management = Management::factory(self.model.management());
        self.slots.retain(|slot, _| *slot == slot::ATTESTATION);
        self.objects.retain(|object, _| object == object::ATTESTATION);
        Ok(Vec::new())
    }
}

impl Applet for VirtualYubiKey {
    fn atr(&self) -> &[u8] {
        &ATR
    }

    fn reset(&mut self) {
        self.session = Session::default();
        self.last_touch = None;
    }

    fn deselect(&mut self) {
        self.session = Session::default();
    }

    fn unverify(&mut self) {
        self.session.unverify();
    }

    fn process(&mut self, command: &Command) -> Response {
        self.executed(command).into()
    }

    fn state(&self) -> String {
        let operations =
            self.operations.iter().map(|(slot, count)| format!("\"{slot:02x}\":{count}"));
        format!(
            "{{\"pin\":{},\"puk\":{},\"verified\":{},\"managed\":{},\"operations\":{{{}}}}}",
            self.pin.tries_left(),
            self.puk.tries_left(),
            self.session.is_verified(),
            self.session.is_managed(),
            operations.collect::<Vec<_>>().join(",")
        )
    }
}
