//! YubiKeys and other PIV cards as a device, over PC/SC. A card is shared: each step is a transaction
//! of its own, and nothing is held while a person is asked. Nothing is asked of a person here.

use std::time::Duration;

use crate::device::{self, Found, Locking};
use crate::key::piv::{Slot, pasteable};
use crate::key::public_key::{PublicKey, Scheme};
use crate::prompt::Pin;
use crate::prompt::etiquette::PinState;
use crate::sandbox::Allowance;
use crate::wire::failure::Holder;
use crate::wire::outbox::Outbox;
use crate::wire::piv::{Cards, TouchPolicy};
use crate::wire::{self, Address, Bytes, Failure, Named, Reply, Select};

mod apdu;
mod attempt;
mod card;
mod connected;
mod find;
mod identity;
pub mod key;
mod link;
mod list;
mod sign;
mod tlv;
mod trouble;

use connected::Connected;
use key::{Key, Slotted};

/// Longest that another program is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// How soon a touch is asked for. A card that is not waiting for one has answered by then.
const TOUCH: Duration = Duration::from_millis(500);

/// The same for long RSA keys, whose signatures take longer, where it is not certain that the card
/// waits.
const TOUCH_OR_WORK: Duration = Duration::from_secs(3);

/// PC/SC, the card that is meant, and the key that was selected.
pub struct Device {
    outbox: &'static Outbox,
    patience: Duration,
    /// `None` where all cards are looked at.
    card: Option<Connected>,
    key: Option<Selected>,
    pin: Option<Pin>,
}

/// The selected key.
struct Selected {
    slot: Slot,
    /// Its reference.
    uri: String,
    key: Key,
}

impl device::Device for Device {
    /// PC/SC is a socket.
    fn reach(_: &Address) -> Allowance {
        Allowance::default()
    }

    /// What all references to a card have in common is known once it has been found: it is locked then.
    fn open(
        address: Address,
        patience: Duration,
        outbox: &'static Outbox,
        lock: &mut Locking<'_>,
    ) -> Result<Self, Failure> {
        let Address::Piv(cards) = address else { return Err(Failure::Protocol) };
        let patience = patience.min(PATIENCE);
        let card = match cards {
            Cards::All => None,
            Cards::One(wanted) => {
                let found = Connected::find(&wanted, patience, outbox)?;
                lock(found.lock())?;
                Some(found)
            }
        };
        Ok(Self { outbox, patience, card, key: None, pin: None })
    }

    fn select(&mut self, wanted: &Select) -> Result<Found<wire::Selected>, Failure> {
        let Named::Piv(slot) = wanted.key else { return Err(Failure::Protocol) };
        let expected = wanted.public_key.as_ref();
        let expected = expected.and_then(|spki| PublicKey::from_spki(&spki.0).ok());
        self.select(slot, expected).map(Found::Visible)
    }

    fn certificates(&mut self, wanted: &wire::Wanted) -> Result<Found<Vec<Vec<u8>>>, Failure> {
        // A card keeps one beside each key, and issuers nowhere that others would look for them.
        match wanted {
            wire::Wanted::Subject(_) => Ok(Found::Visible(Vec::new())),
            wire::Wanted::At(_) | wire::Wanted::BesideKey => {
                self.certificate().map(|found| Found::Visible(found.into_iter().collect()))
            }
        }
    }

    fn list(&mut self) -> Result<Reply, Failure> {
        list::all(self.patience, self.outbox).map(Reply::ListedPiv)
    }

    fn holder(&self) -> Holder {
        self.named()
    }

    fn identity(&self) -> Vec<String> {
        let distinct = self.card.as_ref().map(|card| card.identity().distinct());
        [self.name()].into_iter().chain(distinct).collect()
    }

    fn key(&self) -> String {
        self.key.as_ref().map_or_else(String::new, |key| key.uri.clone())
    }

    fn touch_after(&self) -> Option<Duration> {
        let key = &self.key.as_ref()?.key;
        let long = key.public.as_ref().and_then(|key| key.as_ref().ok()?.rsa_bits()) > Some(2048);
        match key.touch {
            Some(TouchPolicy::Never) => None,
            Some(TouchPolicy::Always) => Some(TOUCH),
            _ if !self.is_a_yubikey() => None,
            _ if long => Some(TOUCH_OR_WORK),
            _ => Some(TOUCH),
        }
    }

    fn wants_pin_to_sign(&mut self, _configured: bool) -> Result<bool, Failure> {
        Ok(self.wants_pin())
    }

    fn wants_pin_after_all(&self) -> bool {
        self.wants_pin()
    }

    fn pin_state(&mut self) -> Result<PinState, Failure> {
        let tries = self.card()?.with(false, |card| card.tries_after_logout())?;
        Ok(PinState { tries: sign::left_of(tries), initialised: true })
    }

    fn keep_pin(&mut self, pin: Pin) -> Result<(), Failure> {
        self.keep(pin)
    }

    fn sign(
        &mut self,
        scheme: Scheme,
        message: &[u8],
        last_try: bool,
        waits: &dyn Fn(),
    ) -> Result<Vec<u8>, Failure> {
        self.signed(scheme, message, last_try, waits)
    }
}

impl Device {
    fn select(
        &mut self,
        slot: Slot,
        expected: Option<PublicKey>,
    ) -> Result<wire::Selected, Failure> {
        let card = self.card()?;
        let (uri, identity) = (pasteable(slot, &card.filter()), card.identity().clone());
        let mut key = match card.with(false, |card| Key::read(card, &identity, slot))? {
            Slotted::Key(key) => key,
            Slotted::Empty => return Err(self.nothing_in(uri)),
            Slotted::Unknown => Key::unknown(),
        };
        key.public = key.public.or(expected.map(Ok));
        let public_key = match &key.public {
            Some(Ok(public)) => Some(Bytes::from(public.spki())),
            Some(Err(unsupported)) => {
                return Err(Failure::Key { key: uri, reason: unsupported.to_string() });
            }
            None => None,
        };
        self.key = Some(Selected { slot, uri: uri.clone(), key });
        self.pin = None;
        Ok(wire::Selected { uri, public_key })
    }

    /// Names the slots that do have a key.
    fn nothing_in(&mut self, wanted: String) -> Failure {
        let present = self.card().and_then(|card| {
            card.with(false, |card| {
                let has_key =
                    |slot| matches!(card.metadata(slot), Ok(Some(found)) if !found.is_empty());
                Ok(Slot::all().filter(|slot| has_key(*slot)).collect::<Vec<_>>())
            })
        });
        let named = |slot| format!("slot={slot}");
        let present = present.unwrap_or_default().into_iter().map(named).collect();
        Failure::NoObject { what: "key".to_owned(), wanted, present }
    }

    fn certificate(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        let Selected { slot, uri, .. } = self.selected()?;
        let (slot, key) = (*slot, uri.clone());
        let object = self.card()?.with(false, |card| card.object(slot.certificate_object()))?;
        let certificate = object.map(|object| key::certificate(&object)).transpose();
        let certificate = certificate.map_err(|reason| Failure::SlotCertificate { key, reason })?;
        Ok(certificate.map(|certificate| certificate.der().to_vec()))
    }

    fn card(&mut self) -> Result<&mut Connected, Failure> {
        self.card.as_mut().ok_or(Failure::Protocol)
    }

    fn selected(&self) -> Result<&Selected, Failure> {
        self.key.as_ref().ok_or(Failure::Protocol)
    }

    fn selected_mut(&mut self) -> Result<&mut Selected, Failure> {
        self.key.as_mut().ok_or(Failure::Protocol)
    }

    /// What the card is called.
    fn name(&self) -> String {
        self.card.as_ref().map_or_else(String::new, Connected::name)
    }

    fn is_a_yubikey(&self) -> bool {
        self.card.as_ref().is_some_and(|card| card.identity().is_yubikey())
    }
}
