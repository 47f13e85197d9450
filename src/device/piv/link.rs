//! The way to a card: PC/SC. Cards are shared with whoever else uses them, so that one is connected
//! only for as long as something is done with it, and each time in one transaction that begins with
//! the selection of the PIV application.

use std::ffi::{CStr, CString};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use pcsc::{
    Context, Disposition, Error as Pcsc, Protocols, ReaderState, Scope, ShareMode, State,
    Transaction,
};

use crate::deadline::{Deadline, jitter};
use crate::device::piv::card::Card;
use crate::device::piv::trouble::{Trouble, What};
use crate::wire::outbox::Outbox;

/// The daemon polls its readers; what was pulled out is noticed within this time.
const POLLED: Duration = Duration::from_millis(900);

/// A connection to the daemon.
pub(super) struct Link(Context);

/// A reader.
pub(super) struct Reader {
    pub(super) name: CString,
    /// Whether there is a card in it.
    pub(super) holds_a_card: bool,
    /// Goes up with each insertion and removal while the reader itself is there.
    pub(super) events: u32,
}

/// What has become of a card.
#[derive(PartialEq, Eq)]
pub(super) enum Fate {
    In,
    Out,
    /// The daemon is not there any more.
    Unknown,
}

/// What happens while a card is waited for, and for how long it is.
#[derive(Clone, Copy)]
pub(super) struct Patience<'p> {
    pub(super) time: Duration,
    /// Called where another program's transaction does not end in time, on a thread of its own:
    /// PC/SC has no call that would give up.
    pub(super) late: &'p (dyn Fn() + Sync),
    /// Called when no other program is in the way.
    pub(super) begun: &'p dyn Fn(),
}

impl Link {
    pub(super) fn open() -> Result<Self, Trouble> {
        let context = Context::establish(Scope::System);
        context.map(Self).map_err(Trouble::pcsc("SCardEstablishContext"))
    }

    /// All readers.
    pub(super) fn readers(&self) -> Result<Vec<Reader>, Trouble> {
        let names = match self.0.list_readers_owned() {
            Err(Pcsc::NoReadersAvailable) => Vec::new(),
            names => names.map_err(Trouble::pcsc("SCardListReaders"))?,
        };
        let mut states: Vec<_> =
            names.iter().map(|name| ReaderState::new(name.clone(), State::UNAWARE)).collect();
        if !states.is_empty() {
            let now = self.0.get_status_change(Duration::ZERO, &mut states);
            now.map_err(Trouble::pcsc("SCardGetStatusChange"))?;
        }
        Ok(names.into_iter().zip(&states).map(|(name, state)| reader(name, state)).collect())
    }

    /// One of them; `None` where it has gone.
    pub(super) fn reader(&self, name: &CStr) -> Result<Option<Reader>, Trouble> {
        let mut state = [ReaderState::new(name, State::UNAWARE)];
        match self.0.get_status_change(Duration::ZERO, &mut state) {
            Err(Pcsc::UnknownReader) => Ok(None),
            Err(error) => Err(Trouble::pcsc("SCardGetStatusChange")(error)),
            Ok(()) if state[0].event_state().contains(State::UNKNOWN) => Ok(None),
            Ok(()) => Ok(Some(reader(name.to_owned(), &state[0]))),
        }
    }

    /// What has become of a card with which something went wrong, which may turn out a moment later.
    pub(super) fn fate(&self, name: &CStr, events: u32) -> Fate {
        let until = Deadline::after(POLLED);
        loop {
            match self.reader(name) {
                Err(_) => return Fate::Unknown,
                Ok(Some(reader)) if reader.holds_a_card && reader.events == events => {}
                Ok(_) => return Fate::Out,
            }
            if until.passed() {
                return Fate::In;
            }
            thread::sleep(jitter(20, 40));
        }
    }

    /// Uses a card in one transaction, in which the PIV application has just been selected. The card
    /// is left as it is then. That another program has reset it before is no matter.
    pub(super) fn with<T>(
        &self,
        reader: &CStr,
        patience: Patience<'_>,
        outbox: &Outbox,
        run: impl FnOnce(&Card<'_>) -> Result<T, Trouble>,
    ) -> Result<T, Trouble> {
        let deadline = Deadline::after(patience.time);
        outbox.calling("SCardConnect");
        let mut connection = Connection::open(&self.0, reader, &deadline)?;
        outbox.calling("SCardBeginTransaction");
        let begun = connection.begin(deadline.left(), patience.late);
        let selected = begun.and_then(|transaction| {
            (patience.begun)();
            Card::new(&transaction, outbox).select().map(|()| transaction)
        });
        match selected {
            Ok(transaction) => {
                let card = Card::new(&transaction, outbox);
                let answer = run(&card);
                if card.wants_reset() {
                    // Whatever is wrong with it now, the answer is there.
                    let _ = transaction.end(Disposition::ResetCard);
                }
                answer
            }
            Err(trouble) if trouble.is_reset() && !deadline.passed() => {
                let patience = Patience { time: deadline.left(), ..patience };
                self.with(reader, patience, outbox, run)
            }
            Err(trouble) => Err(trouble),
        }
    }
}

fn reader(name: CString, state: &ReaderState) -> Reader {
    let holds_a_card = state.event_state().contains(State::PRESENT);
    Reader { name, holds_a_card, events: state.event_count() }
}

/// A shared connection. It leaves the card as it is: others use it too.
struct Connection(Option<pcsc::Card>);

impl Connection {
    /// Waits for whoever has it for itself.
    fn open(context: &Context, reader: &CStr, deadline: &Deadline) -> Result<Self, Trouble> {
        let function = "SCardConnect";
        loop {
            match context.connect(reader, ShareMode::Shared, Protocols::ANY) {
                Ok(card) => return Ok(Self(Some(card))),
                Err(Pcsc::SharingViolation) if deadline.passed() => {
                    return Err(Trouble { function, what: What::Blocked });
                }
                Err(Pcsc::SharingViolation) => {
                    thread::sleep(jitter(20, 100).min(deadline.left()));
                }
                Err(error) => return Err(Trouble::pcsc(function)(error)),
            }
        }
    }

    /// Waits for the end of another program's transaction.
    fn begin(
        &mut self,
        time: Duration,
        late: &(dyn Fn() + Sync),
    ) -> Result<Transaction<'_>, Trouble> {
        let function = "SCardBeginTransaction";
        let card = self.0.as_mut().ok_or_else(|| Trouble::answer(function))?;
        thread::scope(|scope| {
            let (granted, waits) = mpsc::channel::<()>();
            let watch = move || {
                if waits.recv_timeout(time) == Err(RecvTimeoutError::Timeout) {
                    late();
                }
            };
            // Without a thread it is the main program that gives up.
            let _ = thread::Builder::new().spawn_scoped(scope, watch);
            let transaction = card.transaction();
            drop(granted);
            transaction.map_err(Trouble::pcsc(function))
        })
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(card) = self.0.take()
            && let Err((card, _)) = card.disconnect(Disposition::LeaveCard)
        {
            // Its own end would reset a card that somebody else may use; that it is not there any
            // more is the usual reason.
            std::mem::forget(card);
        }
    }
}
