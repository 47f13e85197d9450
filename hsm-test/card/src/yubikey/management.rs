//! The management key, and how a client proves that it has it (SP 800-73-4 part 2, appendix A.1).

use super::cipher::Cipher;
use super::policy::TouchPolicy;
use super::selection::Challenge;
use super::{Firmware, Outcome, VirtualYubiKey};
use crate::apdu::Command;
use crate::status::Status;
use crate::tlv::{self, Element};

/// The management key.
pub(super) struct Management {
    pub(super) cipher: Cipher,
    pub(super) touch: TouchPolicy,
    key: Vec<u8>,
}

/// P2 of the management key.
pub(super) const MANAGEMENT: u8 = 0x9B;

impl Management {
    pub(super) fn factory(cipher: Cipher) -> Self {
        Self { cipher, touch: TouchPolicy::Never, key: factory_key(cipher) }
    }

    pub(super) fn is_factory(&self) -> bool {
        self.key == factory_key(self.cipher)
    }

    fn encrypt(&self, block: &[u8]) -> Outcome {
        self.cipher.encrypt(&self.key, block).ok_or(Status::BAD_DATA)
    }
}

/// 1 to 8, again and again.
fn factory_key(cipher: Cipher) -> Vec<u8> {
    (1..=8).cycle().take(cipher.key_length()).collect()
}

impl VirtualYubiKey {
    /// GENERAL AUTHENTICATE with the management key.
    pub(super) fn authenticate_management(
        &mut self,
        command: &Command,
        template: &[Element<'_>],
    ) -> Outcome {
        if command.p1 != self.management.cipher.number() {
            return Err(Status::BAD_DATA);
        }
        let value = |tag| tlv::value(template, tag);
        match (value(0x80), value(0x81), value(0x82), self.session.challenge.take()) {
            (Some([]), None, _, _) => self.witness(),
            (Some(witness), Some(challenge), _, Some(Challenge::Witness(sent))) => {
                let answer = tlv::element(0x82, &[&self.management.encrypt(challenge)?]);
                self.admit(witness == sent)?;
                Ok(tlv::element(0x7C, &[&answer]))
            }
            (None, Some([]), _, _) => Ok(self.challenge()),
            (None, None, Some(answer), Some(Challenge::Plain(sent))) => {
                let expected = self.management.encrypt(&sent)?;
                self.admit(answer == expected)?;
                Ok(Vec::new())
            }
            (_, _, _, None) => Err(Status::CONDITIONS),
            _ => Err(Status::BAD_DATA),
        }
    }

    /// The card encrypts the witness: the client shows by decrypting it that it has the key.
    fn witness(&mut self) -> Outcome {
        let witness = self.block();
        let encrypted = self.management.encrypt(&witness)?;
        self.session.challenge = Some(Challenge::Witness(witness));
        Ok(tlv::element(0x7C, &[&tlv::element(0x80, &[&encrypted])]))
    }

    fn challenge(&mut self) -> Vec<u8> {
        let challenge = self.block();
        let answer = tlv::element(0x7C, &[&tlv::element(0x81, &[&challenge])]);
        self.session.challenge = Some(Challenge::Plain(challenge));
        answer
    }

    fn block(&self) -> Vec<u8> {
        let block: [u8; 16] = rand::random();
        block[..self.management.cipher.block_length()].to_vec()
    }

    fn admit(&mut self, is_right: bool) -> Result<(), Status> {
        if !is_right {
            return Err(Status::SECURITY);
        }
        self.touched(self.management.touch)?;
        self.session.manage();
        Ok(())
    }

    /// Yubico's SET MANAGEMENT KEY: P2 = FE demands a touch from now on.
    pub(super) fn set_management_key(&mut self, command: &Command) -> Outcome {
        if !self.session.is_managed() {
            return Err(Status::SECURITY);
        }
        let touch = match (command.p1, command.p2) {
            (0xFF, 0xFF) => TouchPolicy::Never,
            (0xFF, 0xFE) => TouchPolicy::Always,
            _ => return Err(Status::BAD_PARAMETERS),
        };
        let [number, MANAGEMENT, length, key @ ..] = &command.data[..] else {
            return Err(Status::BAD_DATA);
        };
        let cipher = Cipher::of_number(*number).ok_or(Status::BAD_DATA)?;
        let is_known = cipher == Cipher::TripleDes || self.model.firmware >= Firmware(5, 4, 0);
        if !is_known || key.len() != usize::from(*length) || key.len() != cipher.key_length() {
            return Err(Status::BAD_DATA);
        }
        self.management = Management { cipher, touch, key: key.to_vec() };
        Ok(Vec::new())
    }
}
