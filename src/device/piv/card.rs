//! The commands of the PIV application (SP 800-73-4 Part 2 §3) and those that Yubico has added, on a
//! card that nobody else uses meanwhile.

use std::cell::Cell;

use pcsc::Transaction;
use zeroize::Zeroizing;

use crate::device::piv::apdu::{self, Command, Status};
use crate::device::piv::tlv;
use crate::device::piv::trouble::{Trouble, What};
use crate::key::piv::Slot;
use crate::wire::outbox::Outbox;

/// The application identifier of PIV without its version, which all cards accept but those that want
/// it whole.
const PIV: [u8; 5] = [0xa0, 0x00, 0x00, 0x03, 0x08];
const PIV_WHOLE: [u8; 11] = [0xa0, 0x00, 0x00, 0x03, 0x08, 0x00, 0x00, 0x10, 0x00, 0x01, 0x00];

/// Yubico's application for one-time passwords, which knows the serial number of a YubiKey 4.
const OTP: [u8; 7] = [0xa0, 0x00, 0x00, 0x05, 0x27, 0x20, 0x01];

/// What is among the historical bytes of a YubiKey; the case differs.
const YUBIKEY: &[u8] = b"YubiKey";

/// Longest PIN, in bytes; shorter ones are filled up (SP 800-73-4 Part 2 §2.4.3).
pub(super) const LONGEST_PIN: usize = 8;

/// Longest answer that is put together, in bytes.
const LONGEST: usize = 64 * 1024;

/// Most bytes of one answer.
const BUFFER: usize = 4096;

/// An object that holds the card holder's unique identifier (SP 800-73-4 Part 1 §3.1.2).
const CHUID: [u8; 3] = [0x5f, 0xc1, 0x02];

/// The PIN, or with P1 = FF its end (SP 800-73-4 Part 2 §3.2.1).
fn verify(p1: u8) -> Command {
    Command::new("VERIFY", 0x20, [p1, 0x80]).without_answer()
}

/// A card in a transaction.
pub(super) struct Card<'t> {
    transaction: &'t Transaction<'t>,
    outbox: &'t Outbox,
    reset: Cell<bool>,
}

impl<'t> Card<'t> {
    pub(super) fn new(transaction: &'t Transaction<'t>, outbox: &'t Outbox) -> Self {
        Self { transaction, outbox, reset: Cell::new(false) }
    }

    /// Selects PIV. Whatever PIN was accepted before counts no more, on all cards but a few.
    pub(super) fn select(&self) -> Result<(), Trouble> {
        let short = self.ask(select(&PIV)).map(drop);
        match short {
            Err(trouble) if trouble.status() == Some(Status::NOT_FOUND) => {
                self.ask(select(&PIV_WHOLE)).map(drop)
            }
            answer => answer,
        }
    }

    /// Whether its answer to reset has the name that all YubiKeys have in there. Other cards know some
    /// of Yubico's commands too, and make up a version and a serial number.
    pub(super) fn is_a_yubikey(&self) -> Result<bool, Trouble> {
        let status = self.transaction.status2_owned().map_err(Trouble::pcsc("SCardStatus"))?;
        let mut words = status.atr().windows(YUBIKEY.len());
        Ok(words.any(|word| word.eq_ignore_ascii_case(YUBIKEY)))
    }

    /// The firmware of a YubiKey.
    pub(super) fn version(&self) -> Result<Option<[u8; 3]>, Trouble> {
        let answer = self.try_to(Command::new("GET VERSION", 0xfd, [0, 0]))?;
        Ok(answer.and_then(|version| version.try_into().ok()))
    }

    /// The serial number of a YubiKey of that firmware, if it tells it.
    pub(super) fn serial(&self, version: [u8; 3]) -> Result<Option<u32>, Trouble> {
        let command = Command::new("GET SERIAL", 0xf8, [0, 0]);
        let answer = if version[0] < 5 { self.otp_serial()? } else { self.try_to(command)? };
        Ok(answer.and_then(|serial| serial.try_into().ok()).map(u32::from_be_bytes))
    }

    fn otp_serial(&self) -> Result<Option<Vec<u8>>, Trouble> {
        let answer = match self.try_to(select(&OTP))? {
            Some(_) => self.try_to(Command::new("GET SERIAL", 0x01, [0x10, 0]))?,
            None => None,
        };
        self.select().map(|()| answer)
    }

    /// The card holder's unique identifier.
    pub(super) fn chuid(&self) -> Result<Option<Vec<u8>>, Trouble> {
        self.object(CHUID)
    }

    /// How many tries the PIN has left, which costs none; `None` where the card does not say, because
    /// the PIN counts as given.
    pub(super) fn tries(&self) -> Result<Option<u32>, Trouble> {
        match self.send(&verify(0))?.1 {
            Status::DONE => Ok(None),
            status => tries(status).map(Some),
        }
    }

    /// The same; where a PIN counts as given, its effect is taken away for that.
    pub(super) fn tries_after_logout(&self) -> Result<Option<u32>, Trouble> {
        if let Some(tries) = self.tries()? {
            return Ok(Some(tries));
        }
        self.log_out();
        self.tries()
    }

    /// Whether the PIN counts as given at this moment.
    pub(super) fn is_verified(&self) -> Result<bool, Trouble> {
        Ok(self.send(&verify(0))?.1 == Status::DONE)
    }

    /// Sends a PIN. Where it is wrong, the tries that are left.
    pub(super) fn verify(&self, pin: &str) -> Result<Result<(), u32>, Trouble> {
        let mut data = Zeroizing::new(vec![0xff; LONGEST_PIN]);
        for (place, byte) in data.iter_mut().zip(pin.bytes()) {
            *place = byte;
        }
        match self.send(&verify(0).with(data))?.1 {
            Status::DONE => Ok(Ok(())),
            status => tries(status).map(Err),
        }
    }

    /// Takes the PIN's effect away: by a command, or where the card does not know it by a selection. Where
    /// that does not help either, the card is reset when it is left.
    pub(super) fn log_out(&self) {
        let status = self.send(&verify(0xff)).map(|(_, status)| status);
        if status.is_ok_and(|status| status == Status::DONE) {
            return;
        }
        let gone = self.select().is_ok() && self.is_verified().is_ok_and(|verified| !verified);
        self.reset.set(!gone);
    }

    /// Whether it must be reset when it is left.
    pub(super) fn wants_reset(&self) -> bool {
        self.reset.get()
    }

    /// One private-key operation over a block, which is the card's own for the algorithm: an ECDSA
    /// signature in DER, or RSA without any padding (SP 800-73-4 Part 2 §3.2.4).
    pub(super) fn sign(&self, algorithm: u8, slot: Slot, block: &[u8]) -> Result<Vec<u8>, Trouble> {
        let name = "GENERAL AUTHENTICATE";
        let template = [tlv::written(0x82, &[]), tlv::written(0x81, block)].concat();
        let command = Command::new(name, 0x87, [algorithm, slot.number()]);
        let answer = self.ask(command.with(Zeroizing::new(tlv::written(0x7c, &template))))?;
        let signature = tlv::value(&answer, 0x7c).and_then(|inner| tlv::value(inner, 0x82));
        signature.map(<[u8]>::to_vec).ok_or_else(|| Trouble::answer(name))
    }

    /// What is in a data object; `None` where there is none.
    pub(super) fn object(&self, object: [u8; 3]) -> Result<Option<Vec<u8>>, Trouble> {
        let name = "GET DATA";
        let tag = Zeroizing::new(tlv::written(0x5c, &object));
        let (data, status) = self.send(&Command::new(name, 0xcb, [0x3f, 0xff]).with(tag))?;
        match status {
            Status::DONE => {
                let content = tlv::value(&data, 0x53).ok_or_else(|| Trouble::answer(name))?;
                Ok(Some(content.to_vec()).filter(|content| !content.is_empty()))
            }
            Status::NOT_FOUND => Ok(None),
            status => Err(refused(name, status)),
        }
    }

    /// What a YubiKey from 5.3 on says about a slot; `Some` and empty where there is no key in it,
    /// `None` where the card does not know the command.
    pub(super) fn metadata(&self, slot: Slot) -> Result<Option<Vec<u8>>, Trouble> {
        let command = Command::new("GET METADATA", 0xf7, [0, slot.number()]);
        match self.send(&command)? {
            // Some cards that are not Yubico's say yes to it and nothing else.
            (data, Status::DONE) => Ok(Some(data).filter(|data| !data.is_empty())),
            (_, Status::NO_SUCH_KEY) => Ok(Some(Vec::new())),
            _ => Ok(None),
        }
    }

    /// A certificate in DER by which a YubiKey from 4.3 on vouches for a key that it has made.
    pub(super) fn attestation(&self, slot: Slot) -> Result<Option<Vec<u8>>, Trouble> {
        self.try_to(Command::new("ATTEST", 0xf9, [slot.number(), 0]))
    }

    /// `None` where the card refuses.
    fn try_to(&self, command: Command) -> Result<Option<Vec<u8>>, Trouble> {
        let (data, status) = self.send(&command)?;
        Ok((status == Status::DONE).then_some(data))
    }

    fn ask(&self, command: Command) -> Result<Vec<u8>, Trouble> {
        match self.send(&command)? {
            (data, Status::DONE) => Ok(data),
            (_, status) => Err(refused(command.name, status)),
        }
    }

    /// A command, in as many pieces as it needs, and the whole answer.
    fn send(&self, command: &Command) -> Result<(Vec<u8>, Status), Trouble> {
        self.outbox.calling(command.name);
        let mut answer = (Vec::new(), Status::DONE);
        for piece in command.pieces() {
            answer = self.transmit(command.name, &piece)?;
            if answer.1 != Status::DONE && answer.1.more().is_none() {
                return Ok(answer);
            }
        }
        let (mut whole, mut status) = answer;
        while let Some(more) = status.more() {
            let (data, next) = self.transmit(command.name, &apdu::get_response(more))?;
            if data.is_empty() && next.more().is_some() || whole.len() + data.len() > LONGEST {
                return Err(Trouble::answer(command.name));
            }
            whole.extend(data);
            status = next;
        }
        Ok((whole, status))
    }

    fn transmit(&self, name: &'static str, apdu: &[u8]) -> Result<(Vec<u8>, Status), Trouble> {
        let mut buffer = [0; BUFFER];
        let answer = self.transaction.transmit(apdu, &mut buffer).map_err(Trouble::pcsc(name))?;
        let (data, status) = apdu::answer(answer).ok_or_else(|| Trouble::answer(name))?;
        Ok((data.to_vec(), status))
    }
}

fn select(application: &[u8]) -> Command {
    Command::new("SELECT", 0xa4, [0x04, 0x00]).with(Zeroizing::new(application.to_vec()))
}

fn refused(function: &'static str, status: Status) -> Trouble {
    Trouble { function, what: What::Status(status) }
}

fn tries(status: Status) -> Result<u32, Trouble> {
    status.tries().ok_or_else(|| refused("VERIFY", status))
}
