//! PIN and PUK, and the instructions that check and change them.

use super::{Outcome, VirtualYubiKey};
use crate::apdu::Command;
use crate::status::Status;

/// A PIN or PUK with its counter.
pub(super) struct Secret {
    value: [u8; LENGTH],
    factory: [u8; LENGTH],
    total: u8,
    left: u8,
}

/// P2 of the PIN and of the PUK.
pub(super) const PIN: u8 = 0x80;
pub(super) const PUK: u8 = 0x81;

/// The length of either, padded with FF.
const LENGTH: usize = 8;
/// How many bytes must not be padding.
const SHORTEST: usize = 6;

impl Secret {
    pub(super) fn factory_pin(tries: u8) -> Self {
        Self::factory(*b"123456\xFF\xFF", tries)
    }

    pub(super) fn factory_puk(tries: u8) -> Self {
        Self::factory(*b"12345678", tries)
    }

    fn factory(value: [u8; LENGTH], tries: u8) -> Self {
        Self { value, factory: value, total: tries, left: tries }
    }

    pub(super) fn is_factory(&self) -> bool {
        self.value == self.factory
    }

    pub(super) fn is_blocked(&self) -> bool {
        self.left == 0
    }

    pub(super) fn tries(&self) -> u8 {
        self.total
    }

    pub(super) fn tries_left(&self) -> u8 {
        self.left
    }

    /// Compares, and counts; 63Cx when it is wrong, 6983 when no try is left.
    fn check(&mut self, candidate: &[u8]) -> Result<(), Status> {
        if self.is_blocked() {
            return Err(Status::BLOCKED);
        }
        if self.value != candidate {
            self.left -= 1;
            return Err(Status::tries_left(self.left));
        }
        self.left = self.total;
        Ok(())
    }

    /// Another value; it may be tried as often as the factory says.
    fn set(&mut self, value: &[u8; LENGTH]) -> Result<(), Status> {
        let length = value.iter().position(|byte| *byte == 0xFF).unwrap_or(LENGTH);
        if length < SHORTEST || value[length..].iter().any(|byte| *byte != 0xFF) {
            return Err(Status::BAD_DATA);
        }
        (self.value, self.left) = (*value, self.total);
        Ok(())
    }
}

impl VirtualYubiKey {
    /// VERIFY (section 3.2.1): asks for the state without data, gives it up with P1 = FF.
    pub(super) fn verify(&mut self, command: &Command) -> Outcome {
        match (command.p1, command.p2, command.data.len()) {
            (0, PIN, 0) if self.session.is_verified() => {}
            (0, PIN, 0) => return Err(Status::tries_left(self.pin.left)),
            (0, PIN, LENGTH) => {
                self.session.unverify();
                self.pin.check(&command.data)?;
                self.session.verify();
            }
            (0, PIN, _) | (0xFF, PIN, 1..) => return Err(Status::WRONG_LENGTH),
            (0xFF, PIN, 0) => self.session.unverify(),
            (_, PIN, _) => return Err(Status::BAD_PARAMETERS),
            _ => return Err(Status::NO_REFERENCE),
        }
        Ok(Vec::new())
    }

    /// CHANGE REFERENCE DATA (section 3.2.2).
    pub(super) fn change_reference(&mut self, command: &Command) -> Outcome {
        let (old, new) = pair(&command.data)?;
        let secret = match command.p2 {
            PIN => &mut self.pin,
            PUK => &mut self.puk,
            _ => return Err(Status::NO_REFERENCE),
        };
        let checked = secret.check(old);
        if checked.is_err() && command.p2 == PIN {
            self.session.unverify();
        }
        checked.and_then(|()| secret.set(new)).map(|()| Vec::new())
    }

    /// RESET RETRY COUNTER (section 3.2.3): the PUK gives the PIN another value.
    pub(super) fn reset_retry(&mut self, command: &Command) -> Outcome {
        let (puk, new) = pair(&command.data)?;
        if command.p2 != PIN {
            return Err(Status::NO_REFERENCE);
        }
        self.puk.check(puk)?;
        self.pin.set(new)?;
        Ok(Vec::new())
    }

    /// Yubico's SET PIN RETRIES: P1 and P2 are the numbers; both values are the factory's again.
    pub(super) fn set_retries(&mut self, command: &Command) -> Outcome {
        if !self.session.is_managed() || !self.session.is_verified() {
            return Err(Status::SECURITY);
        }
        if command.p1 == 0 || command.p2 == 0 {
            return Err(Status::BAD_PARAMETERS);
        }
        self.pin = Secret::factory_pin(command.p1);
        self.puk = Secret::factory_puk(command.p2);
        Ok(Vec::new())
    }
}

fn pair(data: &[u8]) -> Result<(&[u8; LENGTH], &[u8; LENGTH]), Status> {
    match data.as_chunks() {
        ([old, new], []) => Ok((old, new)),
        _ => Err(Status::WRONG_LENGTH),
    }
}
