//! The card that was found, and the way to it for each step: it may have been pulled out and put in
//! again between two of them, and it must be the same one then.

use std::thread;
use std::time::Duration;

use rustix::process::{Signal, getpid, kill_process};

use crate::deadline::{Deadline, jitter};
use crate::device::piv::card::Card;
use crate::device::piv::find::{self, Found};
use crate::device::piv::identity::Identity;
use crate::device::piv::link::{Fate, Link, Patience};
use crate::device::piv::trouble::{self, Trouble, What};
use crate::key::piv::CardFilter;
use crate::lock;
use crate::wire::failure::NoCard;
use crate::wire::outbox::Outbox;
use crate::wire::{Failure, Reply};

/// A card that is in use.
pub(super) struct Connected {
    link: Link,
    found: Found,
    /// How long other programs are waited for.
    patience: Duration,
    outbox: &'static Outbox,
}

impl Connected {
    pub(super) fn find(
        wanted: &CardFilter,
        patience: Duration,
        outbox: &'static Outbox,
    ) -> Result<Self, Failure> {
        let found = find::one(wanted, patience, outbox)?;
        let link = Link::open().map_err(|trouble| trouble.failure(&wanted.to_string()))?;
        Ok(Self { link, found, patience, outbox })
    }

    pub(super) fn identity(&self) -> &Identity {
        &self.found.identity
    }

    /// The name of the lock that all who use this card share, wherever it is put in.
    pub(super) fn lock(&self) -> String {
        match self.found.identity.serial {
            Some(serial) => lock::name("piv", &serial.to_be_bytes()),
            None => lock::name("piv", self.found.reader.as_bytes()),
        }
    }

    /// What it is called.
    pub(super) fn name(&self) -> String {
        self.found.identity.name(&self.found.reader)
    }

    /// What a reference must have to mean this card.
    pub(super) fn filter(&self) -> CardFilter {
        self.found.identity.filter(&self.found.reader)
    }

    /// Uses the card in one transaction. Whether it is still the same is looked at where it has been moved
    /// since, and always where it is to be `sure`: a YubiKey is a reader itself, and another one that is
    /// put in may look as if nothing had happened.
    pub(super) fn with<T>(
        &mut self,
        sure: bool,
        run: impl FnOnce(&Card<'_>) -> Result<T, Trouble>,
    ) -> Result<T, Failure> {
        let now = self.find_again()?;
        let (name, outbox) = (self.name(), self.outbox);
        let late = || give_up(&name, outbox);
        let patience = Patience { time: self.patience, late: &late, begun: &|| {} };
        let moved = now != self.found.events;
        let answer = self.link.with(&self.found.reader, patience, outbox, |card| {
            if (sure || moved) && !self.found.identity.is_that_of(card, moved)? {
                return Err(Trouble { function: "GET SERIAL", what: What::Exchanged });
            }
            run(card)
        });
        self.found.events = now;
        answer.map_err(|trouble| {
            if !trouble.may_be_absence() {
                return trouble.failure(&name);
            }
            match self.link.fate(&self.found.reader, now) {
                Fate::In => trouble.failure(&name),
                Fate::Out => trouble.removal(&name),
                Fate::Unknown => trouble::service(),
            }
        })
    }

    /// The reader's count of events. A card that is not where it was, or whose daemon has been started
    /// anew, is looked for again for a moment: it may be on its way.
    fn find_again(&mut self) -> Result<u32, Failure> {
        match self.link.reader(&self.found.reader) {
            Ok(Some(reader)) if reader.holds_a_card => return Ok(reader.events),
            Err(trouble) if !trouble.is_of_the_service() => {
                return Err(trouble.failure(&self.name()));
            }
            _ => {}
        }
        let until = Deadline::after(self.patience);
        loop {
            match Self::find(&self.filter(), self.patience, self.outbox) {
                Err(Failure::NoCard { .. }) if !until.passed() => thread::sleep(jitter(50, 100)),
                Err(Failure::NoCard { trouble: NoCard::Absent | NoCard::NoReader, .. }) => {
                    return Err(self.gone("it was not put in again"));
                }
                Ok(again) if again.found.identity != self.found.identity => {
                    return Err(self.gone("another card is in its place"));
                }
                Ok(again) => {
                    *self = again;
                    return Ok(self.found.events);
                }
                Err(failure) => return Err(failure),
            }
        }
    }

    fn gone(&self, cause: &str) -> Failure {
        Failure::Removed { subject: self.name(), cause: cause.to_owned() }
    }
}

/// Another program does not end its transaction, and PC/SC has no way to give up waiting for it: this
/// is the answer, and the end of the process.
fn give_up(card: &str, outbox: &Outbox) {
    outbox.send(&Reply::Failed(Failure::CardInUse { card: card.to_owned(), by: Vec::new() }));
    let _ = kill_process(getpid(), Signal::KILL);
}
