//! One attempt to sign, in one transaction, so that nobody comes between: the tries, the PIN where the
//! key wants one, one GENERAL AUTHENTICATE, and the PIN's effect taken away again.

use std::time::{Duration, Instant};

use crate::device::piv::apdu::Status;
use crate::device::piv::card::Card;
use crate::device::piv::trouble::Trouble;
use crate::key::piv::Slot;

/// A refusal that took at least so long was waiting for a touch.
const TOUCHABLE: Duration = Duration::from_secs(1);

/// What it takes.
pub(super) struct Attempt<'a> {
    pub(super) slot: Slot,
    /// What the card calls the key's algorithm.
    pub(super) algorithm: u8,
    /// What goes through the key.
    pub(super) block: &'a [u8],
    /// Where the key wants one.
    pub(super) pin: Option<&'a str>,
    /// Whether the key may wait for a touch.
    pub(super) touchable: bool,
    /// Whether it is known to.
    pub(super) wants_touch: bool,
    /// Whether the PIN may be sent when a wrong one would block it.
    pub(super) last_try: bool,
    /// How many tries there were before the PIN was accepted: it is sent once more.
    pub(super) before: Option<u32>,
    /// Called when the card may begin to wait for a touch.
    pub(super) waits: &'a dyn Fn(),
}

/// What came of it.
pub(super) enum Outcome {
    /// So many tries are left that the PIN was not sent.
    Few(Option<u32>),
    /// The card was reset, or the PIN's effect was gone when it was needed; so many tries there had
    /// been before it was sent.
    Lost {
        tries: Option<u32>,
    },
    /// The key wants a PIN, and the card had not said so before this.
    PinWanted(Trouble),
    Signed(Vec<u8>),
    /// It was not touched for so long.
    Untouched(Duration),
    /// The PIN is wrong; so many tries are left.
    Wrong(u32),
}

impl Attempt<'_> {
    pub(super) fn made(&self, card: &Card<'_>) -> Result<Outcome, Trouble> {
        let mut tries = None;
        if let Some(pin) = self.pin {
            tries = card.tries_after_logout()?;
            if !self.may_send(tries) {
                return Ok(Outcome::Few(tries));
            }
            match card.verify(pin).inspect_err(|_| card.log_out())? {
                Ok(()) => {}
                Err(left) => return Ok(Outcome::Wrong(left)),
            }
        }
        (self.waits)();
        let begun = Instant::now();
        let outcome = match card.sign(self.algorithm, self.slot, self.block) {
            Ok(signature) => Ok(Outcome::Signed(signature)),
            Err(trouble) if trouble.is_reset() => return Ok(Outcome::Lost { tries }),
            Err(trouble) => self.refused(card, trouble, begun.elapsed(), tries),
        };
        if self.pin.is_some() {
            card.log_out();
        }
        outcome
    }

    /// An accepted PIN makes all tries whole again: if there are fewer than before, somebody has sent
    /// wrong ones since.
    fn may_send(&self, tries: Option<u32>) -> bool {
        match (tries, self.before) {
            (Some(tries), Some(before)) => tries >= before.max(2),
            (None, Some(_)) => false,
            (Some(tries), None) => tries >= if self.last_try { 1 } else { 2 },
            (None, None) => true,
        }
    }

    /// A card says the same of a PIN that is missing and of a touch that was not given: whether the
    /// PIN counts still, and how long it took, tell.
    fn refused(
        &self,
        card: &Card<'_>,
        refusal: Trouble,
        after: Duration,
        tries: Option<u32>,
    ) -> Result<Outcome, Trouble> {
        let status = refusal.status();
        let not_now = matches!(status, Some(Status::NOT_SATISFIED | Status::CONDITIONS));
        if not_now && self.touchable && after >= TOUCHABLE {
            return Ok(Outcome::Untouched(after));
        }
        match status {
            Some(Status::NOT_SATISFIED) if self.pin.is_none() && !self.wants_touch => {
                Ok(Outcome::PinWanted(refusal))
            }
            Some(Status::NOT_SATISFIED) if self.pin.is_some() && !card.is_verified()? => {
                Ok(Outcome::Lost { tries })
            }
            // Another application is selected, which does not know the command.
            Some(Status(0x6d00 | 0x6e00 | 0x6a81)) => Ok(Outcome::Lost { tries }),
            _ if not_now && self.touchable => Ok(Outcome::Untouched(after)),
            _ => Err(refusal),
        }
    }
}
