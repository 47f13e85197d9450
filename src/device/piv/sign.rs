//! One signature: what goes through the key, and what each outcome of an attempt means.

use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::device::Device as _;
use crate::device::piv::attempt::{Attempt, Outcome};
use crate::device::piv::card::LONGEST_PIN;
use crate::device::piv::key::algorithm;
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

impl Device {
    /// Whether a signature wants a PIN that is not there yet.
    pub(super) fn wants_pin(&self) -> bool {
        self.pin.is_none() && self.key.as_ref().is_some_and(Selected::wants_pin)
    }

    /// Keeps a PIN for the signature, if a card could take it.
    pub(super) fn keep(&mut self, pin: Pin) -> Result<(), Failure> {
        let text = pin.secret.expose();
        let reason = match text.len() {
            _ if is_one_time_password(text) => {
                "it is a one-time password, as a YubiKey types it when it is touched by accident"
                    .into()
            }
            SHORTEST_PIN..=LONGEST_PIN => {
                self.pin = Some(pin);
                return Ok(());
            }
            length => format!("it is {length} bytes long, and a card takes 6 to 8"),
        };
        Err(Failure::PinSource { of: self.named(), origin: pin.origin, reason })
    }

    /// Signs. A PIN that was refused is not kept; one that was accepted is sent once more, if another
    /// program took its effect away and used up no try. `waits` is called before each signature.
    pub(super) fn signed(
        &mut self,
        scheme: Scheme,
        message: &[u8],
        last_try: bool,
        waits: &dyn Fn(),
    ) -> Result<Vec<u8>, Failure> {
        let (slot, algorithm, block) = self.selected()?.prepared(scheme, message)?;
        let touchable = self.touch_after().is_some();
        let wants_touch = self.selected()?.wants_touch();
        let (block, mut before) = (block.as_slice(), None);
        for _ in 0..2 {
            let pin = self.pin.take();
            let sent = pin.as_ref().map(|pin| pin.secret.expose());
            let attempt = Attempt {
                slot,
                algorithm,
                block,
                pin: sent,
                touchable,
                wants_touch,
                last_try,
                before,
                waits,
            };
            let outcome = self.card()?.with(sent.is_some(), |card| attempt.made(card));
            match outcome? {
                Outcome::Signed(signature) => {
                    self.pin = pin;
                    return Ok(signature);
                }
                Outcome::Lost { tries } => {
                    self.pin = pin;
                    before = Some(tries.unwrap_or_default());
                }
                Outcome::Few(tries) => return Err(self.few(tries, before.is_some())),
                Outcome::Wrong(tries) => return Err(self.wrong(pin, tries)),
                Outcome::Untouched(after) => return Err(self.untouched(after)),
                Outcome::PinWanted(refusal) => {
                    self.selected_mut()?.key.pin = Some(PinPolicy::Once);
                    return Err(refusal.failure(&self.name()));
                }
            }
        }
        let reason = "it reset the card, or took the PIN's effect away, twice before the signature";
        Err(Failure::Disturbed { card: self.name(), reason: reason.to_owned() })
    }

    fn wrong(&self, pin: Option<Pin>, tries: u32) -> Failure {
        let (of, origin) = (self.named(), pin.map_or(Origin::Typed, |pin| pin.origin));
        match tries {
            0 => Failure::PinLocked { of, sent: Some(origin) },
            left => Failure::PinWrong { of, origin, tries: left_of(Some(left)) },
        }
    }

    /// Somebody has sent wrong PINs since the tries were read last, or since this one was accepted.
    fn few(&self, tries: Option<u32>, was_accepted: bool) -> Failure {
        let of = self.named();
        match tries {
            Some(0) => Failure::PinLocked { of, sent: None },
            Some(1) => Failure::PinAtLastTry { of },
            _ if !was_accepted => Failure::PinAtLastTry { of },
            _ => Failure::Disturbed {
                card: self.name(),
                reason: "it sent a wrong PIN meanwhile; ours was right, and is not sent again"
                    .into(),
            },
        }
    }

    fn untouched(&self, after: Duration) -> Failure {
        let after = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
        Failure::NoTouch { of: self.named(), after }
    }

    pub(super) fn named(&self) -> Holder {
        Holder::Card(self.name())
    }
}

/// 32 characters of Yubico's alphabet for passwords that come out right on all keyboards, and up to 16
/// of them before that for the public identity of the key.
fn is_one_time_password(text: &str) -> bool {
    let modhex = |byte: u8| b"cbdefghijklnrtuv".contains(&byte.to_ascii_lowercase());
    (32..=48).contains(&text.len()) && text.bytes().all(modhex)
}

impl Selected {
    /// Where the card does not say it, the slot decides.
    fn wants_pin(&self) -> bool {
        match self.key.pin {
            Some(policy) => policy != PinPolicy::Never,
            None => !self.slot.is_open_by_default(),
        }
    }

    fn wants_touch(&self) -> bool {
        matches!(self.key.touch, Some(TouchPolicy::Always | TouchPolicy::Cached))
    }

    /// What the card is asked to do: slot, algorithm, and the block that goes through the key.
    fn prepared(&self, scheme: Scheme, message: &[u8]) -> Result<(Slot, u8, Vec<u8>), Failure> {
        let cannot = |reason: &str| Failure::Key { key: self.uri.clone(), reason: reason.into() };
        let Some(Ok(public)) = &self.key.public else {
            return Err(cannot("its public half is not known"));
        };
        let algorithm = algorithm(public);
        let algorithm = algorithm.ok_or_else(|| cannot("no card has keys of this kind"))?;
        let block = block(public, scheme, message);
        let block = block.ok_or_else(|| cannot("it cannot make this kind of signature"))?;
        Ok((self.slot, algorithm, block))
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
    fn a_one_time_password_is_not_a_pin() {
        let typed = "cccccccfhcjudbgudrtrrktrlurdtljjhnjfhfvtlkbr";
        assert!(is_one_time_password(typed) && is_one_time_password(&typed.to_uppercase()));
        for text in ["648219", "cccccc", &typed[..31], &typed.repeat(2), &typed.replace('c', "a")] {
            assert!(!is_one_time_password(text), "{text}");
        }
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
