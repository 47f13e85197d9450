//! SELECT, and what lasts until the next one.

use super::{Outcome, VirtualYubiKey};
use crate::apdu::Command;
use crate::status::Status;
use crate::tlv;

/// What a client has reached since it selected an application.
#[derive(Default)]
pub(super) struct Session {
    application: Option<Application>,
    is_verified: bool,
    /// Whether no key was used since the PIN was verified.
    is_fresh: bool,
    is_managed: bool,
    /// What the management key has to answer.
    pub(super) challenge: Option<Challenge>,
}

/// What was sent to a client, and what it has to answer.
pub(super) enum Challenge {
    /// This, encrypted.
    Plain(Vec<u8>),
    /// This, that was sent encrypted.
    Witness(Vec<u8>),
}

/// The applications of the card.
#[derive(Clone, Copy)]
enum Application {
    Otp,
    Piv,
}

const PIV: [u8; 11] = [0xA0, 0x00, 0x00, 0x03, 0x08, 0x00, 0x00, 0x10, 0x00, 0x01, 0x00];
const OTP: [u8; 8] = [0xA0, 0x00, 0x00, 0x05, 0x27, 0x20, 0x01, 0x01];

impl Session {
    /// The PIN was verified just now.
    pub(super) fn verify(&mut self) {
        (self.is_verified, self.is_fresh) = (true, true);
    }

    /// It counts no longer.
    pub(super) fn unverify(&mut self) {
        (self.is_verified, self.is_fresh) = (false, false);
    }

    /// A key was used.
    pub(super) fn wear(&mut self) {
        self.is_fresh = false;
    }

    /// The management key was proved.
    pub(super) fn manage(&mut self) {
        self.is_managed = true;
    }

    /// Forgets everything but the application.
    pub(super) fn leave(&mut self) {
        *self = Self { application: self.application, ..Self::default() };
    }

    pub(super) fn is_verified(&self) -> bool {
        self.is_verified
    }

    pub(super) fn is_fresh(&self) -> bool {
        self.is_fresh
    }

    pub(super) fn is_managed(&self) -> bool {
        self.is_managed
    }
}

impl VirtualYubiKey {
    /// Any command.
    pub(super) fn executed(&mut self, command: &Command) -> Outcome {
        match (command.class, command.instruction, self.session.application) {
            (1.., ..) => Err(Status::UNKNOWN_CLASS),
            (_, 0xA4, _) => self.select(command),
            (_, _, Some(Application::Piv)) => self.piv(command),
            (_, 0x01, Some(Application::Otp)) if command.p1 == 0x10 => {
                Ok(self.model.serial.to_be_bytes().to_vec())
            }
            _ => Err(Status::UNKNOWN_INSTRUCTION),
        }
    }

    /// SELECT (SP 800-73-4 part 2, section 3.1.1), by the whole identifier or a beginning that is unique.
    fn select(&mut self, command: &Command) -> Outcome {
        let is =
            |identifier: &[u8]| command.data.len() >= 5 && identifier.starts_with(&command.data);
        self.session = Session::default();
        if command.p1 != 4 {
            return Err(Status::BAD_PARAMETERS);
        }
        if is(&PIV) {
            self.session.application = Some(Application::Piv);
            let authority = tlv::element(0x4F, &[&PIV[..5]]);
            let (suffix, authority) =
                (tlv::element(0x4F, &[&PIV[5..]]), tlv::element(0x79, &[&authority]));
            return Ok(tlv::element(0x61, &[&suffix, &authority]));
        }
        if is(&OTP) {
            self.session.application = Some(Application::Otp);
            // version, sequence number of its configuration, and no slot in use
            return Ok([&self.model.firmware.to_bytes()[..], &[0, 0, 0]].concat());
        }
        Err(Status::NOT_FOUND)
    }
}
