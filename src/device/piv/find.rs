//! Finding a card: all readers that have one are looked at, at once, because one that another program
//! keeps for itself must not hold up the others.

use std::ffi::CString;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use crate::deadline::Deadline;
use crate::device::piv::card::Card;
use crate::device::piv::identity::Identity;
use crate::device::piv::link::{Link, Patience, Reader};
use crate::device::piv::trouble::{Trouble, What};
use crate::device::piv::{holder, trouble};
use crate::key::piv::CardFilter;
use crate::wire::Failure;
use crate::wire::outbox::Outbox;
use crate::wire::piv::NoCard;

/// A card, and where it is.
pub(super) struct Found {
    pub(super) reader: CString,
    /// The reader's count of events when the card was looked at.
    pub(super) events: u32,
    pub(super) identity: Identity,
}

/// What a look at one card came to; `None` where it did not come to an end in time.
pub(super) type Looked<T> = (Reader, Option<Result<T, Trouble>>);

/// What is wanted of each card.
pub(super) type Look<T> = fn(&Card<'_>) -> Result<T, Trouble>;

/// Looks at the cards in these readers, each on a thread of its own. One that hangs is left alone
/// when the time is over. `enough` ends it before.
pub(super) fn look<T: Send + 'static>(
    readers: Vec<Reader>,
    time: Duration,
    outbox: &'static Outbox,
    look: Look<T>,
    enough: impl Fn(&T) -> bool,
) -> Vec<Looked<T>> {
    let deadline = Deadline::after(time);
    let waited: Vec<_> = readers
        .into_iter()
        .map(|reader| {
            let answer =
                reader.holds_a_card.then(|| look_at(reader.name.clone(), time, outbox, look));
            (reader, answer)
        })
        .collect();
    let mut over = false;
    let receive = |(reader, answer): (Reader, Option<Receiver<_>>)| {
        let time = if over { Duration::ZERO } else { deadline.left() };
        let looked: Option<Result<T, Trouble>> =
            answer.and_then(|answer| answer.recv_timeout(time).ok());
        over |= looked.as_ref().is_some_and(|looked| looked.as_ref().is_ok_and(&enough));
        (reader, looked)
    };
    waited.into_iter().map(receive).collect()
}

fn look_at<T: Send + 'static>(
    reader: CString,
    time: Duration,
    outbox: &'static Outbox,
    look: Look<T>,
) -> Receiver<Result<T, Trouble>> {
    let (tell, answer) = mpsc::channel();
    let work = move || {
        // A connection of its own: the daemon answers one call of a connection after the other.
        let patience = Patience { time, late: &|| {} };
        let looked = Link::open().and_then(|link| link.with(&reader, patience, outbox, look));
        // Nobody may want to know any more.
        let _ = tell.send(looked);
    };
    // Without a thread there is no answer.
    let _ = thread::Builder::new().spawn(work);
    answer
}

/// Finds the one card that is meant.
pub(super) fn one(
    wanted: &CardFilter,
    time: Duration,
    outbox: &'static Outbox,
) -> Result<Found, Failure> {
    let link = Link::open().map_err(|trouble| trouble.failure(&wanted.to_string()))?;
    let all = link.readers().map_err(|trouble| trouble.failure(&wanted.to_string()))?;
    let no_card =
        |trouble, present| Failure::NoCard { wanted: wanted.to_string(), trouble, present };
    if all.is_empty() {
        return Err(no_card(NoCard::NoReader, Vec::new()));
    }
    let readers = all.into_iter().filter(|reader| wanted.allows(reader)).collect();
    let enough = |identity: &Identity| wanted.serial.is_some() && identity.serial == wanted.serial;
    let looked = look(readers, time, outbox, Identity::read, enough);
    let (mut fitting, mut present, mut blocked) = (Vec::new(), Vec::new(), None);
    for (reader, looked) in looked {
        match looked {
            Some(Ok(identity)) if wanted.serial.is_none() || identity.serial == wanted.serial => {
                let (reader, events) = (reader.name, reader.events);
                fitting.push(Found { reader, events, identity });
            }
            Some(Ok(identity)) => present.push(identity.name(&reader.name)),
            other => {
                if in_the_way(&reader, &other) {
                    blocked = Some(reader.title());
                }
                present.push(reader.without(&other));
            }
        }
    }
    match (fitting.len(), blocked) {
        (1, _) => fitting.pop().ok_or(Failure::Protocol),
        (0, Some(card)) => Err(Failure::CardInUse { card, by: holder::likely() }),
        (0, None) => Err(no_card(NoCard::Absent, present)),
        _ => Err(several(&fitting)),
    }
}

/// None may be picked silently.
fn several(fitting: &[Found]) -> Failure {
    let named = |found: &Found| {
        let filter = found.identity.filter(&found.reader);
        format!("{} ({})", found.identity.name(&found.reader), filter.attributes())
    };
    Failure::Ambiguous {
        what: "cards".to_owned(),
        wanted: "the reference".to_owned(),
        candidates: fitting.iter().map(named).collect(),
    }
}

/// Whether somebody else keeps us from knowing what is in there.
fn in_the_way<T>(reader: &Reader, looked: &Option<Result<T, Trouble>>) -> bool {
    match looked {
        None => reader.holds_a_card,
        Some(Err(trouble)) => matches!(trouble.what, What::Blocked),
        Some(Ok(_)) => false,
    }
}

impl Reader {
    /// As a subject of messages.
    pub(super) fn title(&self) -> String {
        format!("the card in the reader '{}'", self.name.to_string_lossy())
    }

    /// What there is instead of a PIV card.
    fn without<T>(&self, looked: &Option<Result<T, Trouble>>) -> String {
        let what = match looked {
            None if !self.holds_a_card => "without a card",
            None => "with a card that is in use",
            Some(Err(trouble)) if matches!(trouble.what, What::Blocked) => {
                "with a card that is in use"
            }
            Some(Err(trouble)) if trouble.status().is_some() => "with a card without PIV",
            _ => "with a card that does not answer",
        };
        format!("the reader '{}' {what}", self.name.to_string_lossy())
    }
}

impl CardFilter {
    /// Whether a card in this reader may be meant.
    fn allows(&self, reader: &Reader) -> bool {
        let name = reader.name.to_string_lossy().to_ascii_lowercase();
        self.reader.as_ref().is_none_or(|part| name.contains(&part.to_ascii_lowercase()))
    }
}

/// Nobody knows which cards there are.
pub(super) fn every_reader() -> Result<Vec<Reader>, Failure> {
    let readers = Link::open().and_then(|link| link.readers());
    readers.map_err(|trouble| match trouble.is_of_the_service() {
        true => trouble::service(),
        false => trouble.failure("the smart card service"),
    })
}
