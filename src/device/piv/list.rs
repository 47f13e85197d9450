//! All cards, and what is in their slots: keys, when they want a PIN and a touch, and certificates.

use std::time::Duration;

use crate::device::piv::card::Card;
use crate::device::piv::find::{self, Looked};
use crate::device::piv::identity::Identity;
use crate::device::piv::key::{self, Key, Slotted};
use crate::device::piv::link::Reader;
use crate::device::piv::sign::left_of;
use crate::device::piv::trouble::{Trouble, What};
use crate::key::piv::Slot;
use crate::wire::Failure;
use crate::wire::failure::Tries;
use crate::wire::list::Facts;
use crate::wire::outbox::Outbox;
use crate::wire::piv::{self, Content};

/// What one card tells.
struct Told {
    identity: Identity,
    tries: Tries,
    slots: Vec<Content>,
}

/// Looks at all of them, for so long.
pub(super) fn all(time: Duration, outbox: &'static Outbox) -> Result<piv::Listed, Failure> {
    let readers = find::every_reader()?;
    let looked = find::look(readers, time, outbox, Told::read, |_| false);
    Ok(piv::Listed { cards: looked.into_iter().filter_map(card).collect() })
}

/// `None` for a reader without a card, or with one that is of another kind.
fn card((reader, looked): (Reader, Looked<Told>)) -> Option<piv::Card> {
    let name = reader.name.to_string_lossy().into_owned();
    let failed = |failure| piv::Card {
        name: reader.title(),
        reader: name.clone(),
        serial: None,
        firmware: None,
        tries: Tries::Unknown,
        slots: Err(failure),
    };
    match looked {
        Looked::Empty => None,
        // Other cards than PIV's are no concern of ours.
        Looked::Refused(Trouble { what: What::Status(_), function: "SELECT" }) => None,
        Looked::InUse => Some(failed(find::in_use(&reader))),
        Looked::Refused(trouble) => Some(failed(trouble.failure(&reader.title()))),
        Looked::Silent => Some(failed(Failure::CardSilent { card: reader.title() })),
        Looked::Seen(told) => Some(piv::Card {
            name: told.identity.name(&reader.name),
            reader: name,
            serial: told.identity.serial,
            firmware: told
                .identity
                .firmware
                .map(|[major, minor, patch]| format!("{major}.{minor}.{patch}")),
            tries: told.tries,
            slots: Ok(told.slots),
        }),
    }
}

impl Told {
    fn read(card: &Card<'_>) -> Result<Self, Trouble> {
        let identity = Identity::read(card)?;
        // On the few cards that keep a PIN beyond a selection it is no affair of ours.
        let tries = left_of(card.tries()?);
        let mut slots = Vec::new();
        for slot in Slot::all() {
            slots.extend(content(card, &identity, slot)?);
        }
        Ok(Self { identity, tries, slots })
    }
}

/// `None` for a slot with nothing in it.
fn content(card: &Card<'_>, identity: &Identity, slot: Slot) -> Result<Option<Content>, Trouble> {
    let slotted = Key::read(card, identity, slot)?;
    let object = match &slotted {
        // Retired slots are many, and a certificate without a key is of no use.
        Slotted::Empty if slot.is_retired() => return Ok(None),
        _ => card.object(slot.certificate_object())?,
    };
    let certificate = object.map(|object| match key::certificate(&object) {
        Ok(certificate) => piv::Certificate::Facts(Facts::from(&certificate)),
        Err(reason) => piv::Certificate::Unreadable(reason),
    });
    let key = match slotted {
        Slotted::Key(key) => Some(key.told()),
        Slotted::Empty | Slotted::Unknown => None,
    };
    let something = key.is_some() || certificate.is_some();
    Ok(something.then_some(Content { slot, key, certificate }))
}

impl Key {
    fn told(&self) -> piv::Key {
        piv::Key { kind: self.kind(), pin: self.pin, touch: self.touch, generated: self.generated }
    }
}
