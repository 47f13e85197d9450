//! One signature: the PIN where the key wants one, one GENERAL AUTHENTICATE, and the PIN's effect taken
//! away again, all in one transaction, so that nobody comes between.

use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use crate::device::piv::apdu::Status;
use crate::device::piv::card::{Card, LONGEST_PIN};
use crate::device::piv::key::{Key, algorithm};
use crate::device::piv::trouble::Trouble;
use crate::device::piv::{Device, Selected};
use crate::device::signature::{left_padded, pkcs1_block};
use crate::key::piv::Slot;
use crate::key::public_key::{PublicKey, Scheme};
use crate::prompt::Pin;
use crate::wire::Failure;
use crate::wire::failure::{Holder, Origin, Tries};
use crate::wire::piv::{PinPolicy, TouchPolicy};

/// Shortest PIN that a card takes, in bytes (SP 800-73-4 Part 2 §2.4.3).
const SHORTEST_PIN: usize = 6;

/// A refusal that took at least so long was waiting for a touch.
const TOUCHABLE: Duration = Duration::from_secs(1);

/// What a card came to.
enum Outcome {
    /// The PIN's effect was gone when it was needed: another program took it away.
    Cleared,
    /// The key wants a PIN, and the card had not said so before this.
    PinWanted(Trouble),
    /// It was reset by another program.
    Reset,
    Signed(Vec<u8>),
    /// It was not touched.
    Untouched(Duration),
    /// So many tries are left, and what was expected was another number.
    UsedUp(Option<u32>),
    /// The PIN is wrong; so many tries are left.
    Wrong(u32),
}

/// One attempt.
struct Attempt<'a> {
    slot: Slot,
    algorithm: u8,
    block: &'a [u8],
    pin: Option<&'a str>,
    touch: Option<TouchPolicy>,
    /// How many tries must be left at least before the PIN is sent once more.
    before: Option<u32>,
}

impl Device {
    /// Whether a signature wants a PIN that is not there yet.
    pub(super) fn wants_pin(&self) -> bool {
        self.pin.is_none() && self.key.as_ref().is_some_and(Selected::wants_pin)
    }

    /// Keeps a PIN for the signature, if a card could take it.
    pub(super) fn keep(&mut self, pin: Pin) -> Result<(), Failure> {
        let length = pin.secret.expose().len();
        if !(SHORTEST_PIN..=LONGEST_PIN).contains(&length) {
            let reason = format!("it is {length} bytes long, and a card takes 6 to 8");
            return Err(Failure::PinSource { of: self.named(), origin: pin.origin, reason });
        }
        self.pin = Some(pin);
        Ok(())
    }

    /// Signs. A PIN that was refused is not kept; one that was accepted is sent once more, if another
    /// program took its effect away and used up no try.
    pub(super) fn signed(&mut self, scheme: Scheme, message: &[u8]) -> Result<Vec<u8>, Failure> {
        let (slot, key, algorithm, block) = self.selected()?.prepared(scheme, message)?;
        let touch = key.touch;
        let mut before = None;
        for _ in 0..2 {
            let pin = self.pin.take();
            let attempt = Attempt {
                slot,
                algorithm,
                block: &block,
                pin: pin.as_ref().map(|pin| pin.secret.expose()),
                touch,
                before,
            };
            let outcome = self.card()?.with(|card| attempt.made(card));
            match outcome? {
                Outcome::Signed(signature) => {
                    self.pin = pin;
                    return Ok(signature);
                }
                Outcome::Cleared | Outcome::Reset => {
                    self.pin = pin;
                    before = self.pin.is_some().then(|| self.tries.unwrap_or(2).max(2));
                }
                Outcome::Wrong(tries) => return Err(self.wrong(pin, tries)),
                Outcome::UsedUp(tries) => return Err(self.used_up(tries)),
                Outcome::Untouched(after) => return Err(self.untouched(after)),
                Outcome::PinWanted(refusal) => {
                    self.selected_mut()?.key.pin = Some(PinPolicy::Once);
                    return Err(refusal.failure(&self.name()));
                }
            }
        }
        Err(Failure::Disturbed {
            card: self.name(),
            reason: "it took the PIN's effect away twice before the signature".to_owned(),
        })
    }

    fn wrong(&mut self, pin: Option<Pin>, tries: u32) -> Failure {
        self.tries = Some(tries);
        let origin = pin.map_or(Origin::Typed, |pin| pin.origin);
        match tries {
            0 => Failure::PinLocked { of: self.named(), sent: Some(origin) },
            left => Failure::PinWrong { of: self.named(), origin, tries: left_of(Some(left)) },
        }
    }

    /// The PIN was right a moment ago, and somebody has sent wrong ones since: it is not sent again.
    fn used_up(&self, tries: Option<u32>) -> Failure {
        let left = tries.map_or_else(|| "an unknown number".to_owned(), |tries| tries.to_string());
        let reason = format!("it sent a wrong PIN meanwhile; {left} of the tries are left");
        Failure::Disturbed { card: self.name(), reason }
    }

    fn untouched(&self, after: Duration) -> Failure {
        let after = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
        Failure::NoTouch { of: self.named(), after }
    }

    pub(super) fn named(&self) -> Holder {
        Holder::Card(self.name())
    }
}

impl Selected {
    /// Where the card does not say it, the slot decides.
    fn wants_pin(&self) -> bool {
        match self.key.pin {
            Some(policy) => policy != PinPolicy::Never,
            None => !self.slot.is_open_by_default(),
        }
    }

    /// What the card is asked to do: slot, key, algorithm, and the block that goes through the key.
    fn prepared(
        &self,
        scheme: Scheme,
        message: &[u8],
    ) -> Result<(Slot, Key, u8, Vec<u8>), Failure> {
        let cannot = |reason: &str| Failure::Key { key: self.uri.clone(), reason: reason.into() };
        let Some(Ok(public)) = &self.key.public else {
            return Err(cannot("its public half is not known"));
        };
        let algorithm = algorithm(public);
        let algorithm = algorithm.ok_or_else(|| cannot("no card has keys of this kind"))?;
        let block = block(public, scheme, message);
        let block = block.ok_or_else(|| cannot("it cannot make this kind of signature"))?;
        Ok((self.slot, self.key.clone(), algorithm, block))
    }
}

/// A hash as long as the curve's field, or a padded block as long as the modulus: the card does
/// neither.
fn block(public: &PublicKey, scheme: Scheme, message: &[u8]) -> Option<Vec<u8>> {
    match (scheme, public.curve(), public.rsa_bits()) {
        (Scheme::EcdsaSha256, Some(curve), _) => {
            left_padded(&Sha256::digest(message), curve.field_length())
        }
        (Scheme::RsaPkcs1Sha256, _, Some(bits)) => pkcs1_block(message, bits.div_ceil(8)),
        _ => None,
    }
}

impl Attempt<'_> {
    fn made(&self, card: &Card<'_>) -> Result<Outcome, Trouble> {
        if let Some(least) = self.before {
            let tries = card.tries_after_logout()?;
            if tries.is_none_or(|tries| tries < least) {
                return Ok(Outcome::UsedUp(tries));
            }
        }
        if let Some(pin) = self.pin
            && let Err(tries) = card.verify(pin)?
        {
            return Ok(Outcome::Wrong(tries));
        }
        let begun = Instant::now();
        let signed = card.sign(self.algorithm, self.slot, self.block);
        let outcome = match signed {
            Ok(signature) => Ok(Outcome::Signed(signature)),
            Err(trouble) if trouble.is_reset() => return Ok(Outcome::Reset),
            Err(trouble) => self.refused(card, trouble, begun.elapsed()),
        };
        if self.pin.is_some() {
            card.log_out();
        }
        outcome
    }

    /// A card says the same of a PIN that is missing and of a touch that was not given: whether the
    /// PIN counts still, and how long it took, tell.
    fn refused(
        &self,
        card: &Card<'_>,
        refusal: Trouble,
        after: Duration,
    ) -> Result<Outcome, Trouble> {
        let touchable = self.touch != Some(TouchPolicy::Never);
        match refusal.status() {
            Some(Status::NOT_SATISFIED | Status::CONDITIONS) if touchable && after >= TOUCHABLE => {
                Ok(Outcome::Untouched(after))
            }
            Some(Status::NOT_SATISFIED) => match (self.pin.is_some(), touchable) {
                (false, _) if !self.needs_touch() => Ok(Outcome::PinWanted(refusal)),
                (true, _) if !card.is_verified()? => Ok(Outcome::Cleared),
                (_, true) => Ok(Outcome::Untouched(after)),
                (_, false) => Err(refusal),
            },
            // Another application is selected, which does not know the command.
            Some(Status(0x6d00 | 0x6e00 | 0x6a81)) => Ok(Outcome::Cleared),
            Some(Status::CONDITIONS) if touchable => Ok(Outcome::Untouched(after)),
            _ => Err(refusal),
        }
    }

    fn needs_touch(&self) -> bool {
        matches!(self.touch, Some(TouchPolicy::Always | TouchPolicy::Cached))
    }
}

/// The tries that are left, as everybody has them.
pub(super) fn left_of(tries: Option<u32>) -> Tries {
    match tries {
        None => Tries::Unknown,
        Some(0) => Tries::None,
        Some(1) => Tries::One,
        Some(left) => Tries::Left(left),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_as_long_as_the_field() {
        let hash = Sha256::digest(b"message");
        assert_eq!(left_padded(&hash, 32).as_deref(), Some(&hash[..]));
        assert_eq!(left_padded(&hash, 48), Some([&[0; 16][..], &hash].concat()));
    }

    #[test]
    fn tries_are_told_as_everywhere() {
        let told = [None, Some(0), Some(1), Some(2), Some(15)].map(left_of);
        assert_eq!(
            told,
            [Tries::Unknown, Tries::None, Tries::One, Tries::Left(2), Tries::Left(15)]
        );
    }
}
