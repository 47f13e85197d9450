//! Finding a card: all readers that have one are looked at, at once, because one that another program
//! keeps for itself must not hold up the others.

use std::ffi::CString;
use std::fmt;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::deadline::Deadline;
use crate::device::piv::card::Card;
use crate::device::piv::identity::Identity;
use crate::device::piv::link::{Link, Patience, Reader};
use crate::device::piv::trouble;
use crate::device::piv::trouble::{Trouble, What};
use crate::key::piv::CardFilter;
use crate::wire::Failure;
use crate::wire::failure::NoCard;
use crate::wire::outbox::Outbox;

/// A card, and where it is.
pub(super) struct Found {
    pub(super) reader: CString,
    /// The reader's count of events when the card was looked at.
    pub(super) events: u32,
    pub(super) identity: Identity,
}

/// What a look into one reader came to.
pub(super) enum Looked<T> {
    /// There is no card in it.
    Empty,
    /// Another program has the card for itself.
    InUse,
    /// It, or the way to it, is out of order, or it is of another kind.
    Refused(Trouble),
    Seen(T),
    /// It does not answer.
    Silent,
}

/// What is wanted of each card.
pub(super) type Look<T> = fn(&Card<'_>) -> Result<T, Trouble>;

/// News of a look: nobody is in the way, or what came of it.
enum News<T> {
    Begun,
    Done(Result<T, Trouble>),
}

/// Looks at the cards in these readers, each on a thread of its own. One that hangs is left alone
/// when the time is over. `enough` ends it before.
pub(super) fn look<T: Send + 'static>(
    readers: Vec<Reader>,
    time: Duration,
    outbox: &'static Outbox,
    look: Look<T>,
    enough: impl Fn(&T) -> bool,
) -> Vec<(Reader, Looked<T>)> {
    let (tell, news) = mpsc::channel();
    let mut looked: Vec<_> = readers.into_iter().map(|reader| (reader, Looked::Empty)).collect();
    for (place, (reader, state)) in looked.iter_mut().enumerate() {
        if reader.holds_a_card {
            *state = Looked::InUse;
            let tell = tell.clone();
            // Nobody may want to know any more.
            let tell = move |news| drop(tell.send((place, news)));
            look_at(reader.name.clone(), time, outbox, look, tell);
        }
    }
    drop(tell);
    let deadline = Deadline::after(time);
    while let Ok((place, news)) = news.recv_timeout(deadline.left()) {
        let over = matches!(&news, News::Done(Ok(seen)) if enough(seen));
        if let Some((_, state)) = looked.get_mut(place) {
            *state = Looked::after(news);
        }
        if over {
            break;
        }
    }
    looked
}

fn look_at<T: Send + 'static>(
    reader: CString,
    time: Duration,
    outbox: &'static Outbox,
    look: Look<T>,
    tell: impl Fn(News<T>) + Send + 'static,
) {
    let work = move || {
        let begun = || tell(News::Begun);
        let patience = Patience { time, late: &|| {}, begun: &begun };
        // A connection of its own: the daemon answers one call of a connection after the other.
        tell(News::Done(Link::open().and_then(|link| link.with(&reader, patience, outbox, look))));
    };
    // Without a thread there is no answer.
    let _ = thread::Builder::new().spawn(work);
}

impl<T> Looked<T> {
    fn after(news: News<T>) -> Self {
        match news {
            News::Begun => Self::Silent,
            News::Done(Err(trouble)) if matches!(trouble.what, What::Blocked) => Self::InUse,
            News::Done(Err(trouble)) => Self::Refused(trouble),
            News::Done(Ok(seen)) => Self::Seen(seen),
        }
    }
}

/// Finds the one card that is meant.
pub(super) fn one(
    wanted: &CardFilter,
    time: Duration,
    outbox: &'static Outbox,
) -> Result<Found, Failure> {
    outbox.calling("SCardEstablishContext");
    let readers = Link::open().and_then(|link| link.readers());
    let all = readers.map_err(|trouble| trouble.failure(&wanted.to_string()))?;
    if all.is_empty() {
        return Err(absent(wanted, NoCard::NoReader, Vec::new()));
    }
    let readers = all.into_iter().filter(|reader| wanted.allows(reader)).collect();
    let enough = |identity: &Identity| wanted.serial.is_some() && identity.serial == wanted.serial;
    let looked = look(readers, time, outbox, Identity::read, enough);
    let (mut fitting, mut others, mut in_the_way, mut without) =
        (Vec::new(), Vec::new(), None, Vec::new());
    for (reader, looked) in looked {
        match looked {
            Looked::Seen(identity) if wanted.serial.is_none_or(|s| identity.serial == Some(s)) => {
                let (reader, events) = (reader.name, reader.events);
                fitting.push(Found { reader, events, identity });
            }
            Looked::Seen(identity) => {
                others.push(format!("{} is there", identity.name(&reader.name)))
            }
            Looked::InUse => in_the_way = Some(in_use(&reader)),
            Looked::Silent => in_the_way = Some(Failure::CardSilent { card: reader.title() }),
            Looked::Refused(trouble) if trouble.is_not_permitted() => {
                in_the_way = Some(trouble.failure(&reader.title()));
            }
            Looked::Refused(trouble) => without.push(reader.refused(&trouble)),
            Looked::Empty => without.push(reader.empty()),
        }
    }
    match (fitting.len(), in_the_way) {
        (1, None) => fitting.pop().ok_or(Failure::Protocol),
        (1, Some(_)) if wanted.serial.is_some() => fitting.pop().ok_or(Failure::Protocol),
        // It may be the one that is meant.
        (0 | 1, Some(failure)) => Err(failure),
        (0, None) if others.is_empty() => Err(absent(wanted, NoCard::Absent, without)),
        (0, None) => Err(absent(wanted, NoCard::Absent, others)),
        _ => Err(several(&fitting)),
    }
}

fn absent(wanted: &CardFilter, trouble: NoCard, present: Vec<String>) -> Failure {
    Failure::NoCard { wanted: wanted.to_string(), trouble, present }
}

pub(super) fn in_use(reader: &Reader) -> Failure {
    Failure::CardInUse { card: reader.title(), by: Vec::new() }
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

impl Reader {
    /// As a subject of messages.
    pub(super) fn title(&self) -> String {
        format!("the card in {self}")
    }

    fn empty(&self) -> String {
        format!("{self} is empty")
    }

    /// Why what is in it is no card of ours.
    fn refused(&self, trouble: &Trouble) -> String {
        match trouble.status() {
            Some(_) => format!("the card in {self} has no PIV application"),
            None => format!("the card in {self} does not answer"),
        }
    }
}

impl fmt::Display for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the reader '{}'", self.name.to_string_lossy())
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
