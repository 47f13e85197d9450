//! The same credentials once more: from the cache while they are fresh, from whoever is asking for
//! them just now, and, where no new ones are to be had, those of before while they still count.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tracing::debug;

use crate::cache::{Cache, Flight, Hash, Label, Moment, State, Told, Turn, shift};
use crate::cli::credential_process::{Asked, Refused, ask, leaf};
use crate::cli::plan::Plan;
use crate::cli::warn;
use crate::credentials::Credentials;
use crate::error::{Error, Report};
use crate::key::PublicKey;

/// How long after a failure nobody tries again who has credentials that still count.
const RESPITE: Duration = Duration::from_secs(30);

/// Credentials, and the exchange where there was one.
pub(super) enum Answer {
    Asked(Asked),
    Cached(Credentials),
}

impl Answer {
    pub(super) fn credentials(&self) -> &Credentials {
        match self {
            Self::Asked(asked) => &asked.credentials,
            Self::Cached(credentials) => credentials,
        }
    }
}

/// A place in the cache.
pub(super) struct Place {
    cache: Cache,
    key: Hash,
    role: String,
    reference: String,
    /// How long the session was asked for, in seconds.
    duration: i64,
}

impl Place {
    /// That of a plan; `None`, and the reason for people, where it cannot be used.
    pub(super) fn of(plan: &Plan) -> Option<Self> {
        let cache = match Cache::open() {
            Ok(cache) => cache?,
            Err(error) => {
                warn(&format!("the cache is not used: {error}"));
                debug!("the cache is not used: {error}");
                return None;
            }
        };
        // A file that cannot be read ends the run, and that is told where it is used.
        let key = plan.cache_key().ok()?;
        let role = plan.session.role.as_str().to_owned();
        let duration = i64::from(plan.session.duration);
        Some(Self { cache, key, role, reference: plan.key_name(), duration })
    }

    /// Credentials that are fresh, or new ones, which the others get as well.
    pub(super) fn credentials(&self, plan: Plan) -> Result<Answer, Error> {
        if let Some(credentials) = self.fresh() {
            return Ok(Answer::Cached(credentials));
        }
        let (deadline, extra) = (plan.named.settings.deadline.clone(), plan.named.settings.wait);
        let mut said = |process| {
            warn(&format!("waiting for process {process}, which asks for the same credentials"));
        };
        let start = Instant::now();
        let flight = loop {
            let extra = extra.saturating_sub(start.elapsed());
            match self.cache.turn(&self.key, &deadline, extra, &mut said) {
                Ok(Turn::Failed(told)) => match Report::of_another(&told.report) {
                    // Whoever would rather wait than fail takes their own turn, but asks nobody again.
                    Some(report) if extra.is_zero() || report.is_a_persons() => {
                        return self.shared(report, told.leaf);
                    }
                    _ => {}
                },
                Ok(Turn::Late(by)) => return self.fallback(Error::Crowded { by }, None),
                Ok(Turn::Ours(flight)) => break Some(flight),
                Ok(Turn::Unkept) => break None,
                Err(error) => {
                    debug!("without a lock: {error}");
                    break None;
                }
            }
        };
        // The one before may have got them.
        if let Some(credentials) = self.fresh() {
            return Ok(Answer::Cached(credentials));
        }
        match flight {
            Some(flight) => self.in_turn(plan, flight),
            None => self.renewed(plan, None),
        }
    }

    /// One who has credentials that still count need not bother what has just failed.
    fn in_turn(&self, plan: Plan, flight: Flight) -> Result<Answer, Error> {
        let failed = flight.failed_within(RESPITE);
        let failed = failed.and_then(|told| Some((Report::of_another(&told.report)?, told.leaf)));
        match failed.and_then(|(failed, leaf)| Some((self.usable(leaf)?, failed))) {
            Some((credentials, failed)) => {
                flight.pass();
                Ok(excused(credentials, &failed))
            }
            None => self.renewed(plan, Some(flight)),
        }
    }

    fn renewed(&self, plan: Plan, flight: Option<Flight>) -> Result<Answer, Error> {
        match ask(plan) {
            Ok(asked) => {
                let kept = self.store(&asked);
                if let (Some(flight), false) = (flight, kept) {
                    flight.keep_nothing();
                }
                Ok(Answer::Asked(asked))
            }
            Err(Refused { error, leaf }) => {
                if let (Some(flight), true) = (flight, error.is_shared()) {
                    flight.fail(Told { report: error.told(), leaf });
                }
                self.fallback(*error, leaf)
            }
        }
    }

    /// Whether the next run will find them.
    fn store(&self, asked: &Asked) -> bool {
        let identity = asked.exchange.identity();
        let public_key = identity.chain().leaf.public_key();
        let obtained = Moment::now();
        let left = asked.credentials.expiration.as_second().saturating_sub(obtained.wall);
        let label = Label {
            key: self.key,
            role: self.role.clone(),
            reference: self.reference.clone(),
            leaf: leaf(&asked.exchange),
            public_key: Hash::of(public_key.as_ref().map_or(&[], PublicKey::spki)),
            obtained,
            clock_ahead: shift(asked.exchange.clock_ahead(), left, self.duration),
        };
        let Err(error) = self.cache.store(&label, &asked.credentials) else { return true };
        warn(&format!("the credentials are not kept for the next run: {error}"));
        debug!("not cached: {error}");
        false
    }

    fn fresh(&self) -> Option<Credentials> {
        let now = Moment::now();
        let entry = self.cache.read(&self.key, &now)?;
        let state = entry.state(&now);
        debug!("cache: {state:?}, {} s left", entry.left(&now));
        (state == State::Fresh).then_some(entry.credentials)
    }

    /// Those that still count; not those of another certificate than the one that was found now.
    fn usable(&self, leaf: Option<Hash>) -> Option<Credentials> {
        let now = Moment::now();
        let entry = self.cache.read(&self.key, &now)?;
        let same = leaf.is_none_or(|leaf| leaf == entry.label.leaf);
        (same && entry.state(&now) != State::Ended).then_some(entry.credentials)
    }

    /// Another may have had its turn in between, and got them.
    fn shared(&self, report: Report, leaf: Option<Hash>) -> Result<Answer, Error> {
        match self.fresh() {
            Some(credentials) => Ok(Answer::Cached(credentials)),
            None => self.fallback(Error::Shared(report), leaf),
        }
    }

    fn fallback(&self, error: Error, leaf: Option<Hash>) -> Result<Answer, Error> {
        match self.usable(leaf) {
            Some(credentials) if error.is_outside() => Ok(excused(credentials, &error.report())),
            _ => Err(error),
        }
    }
}

/// The one line that an SDK's log may need to have: what it gets will soon end.
fn excused(credentials: Credentials, report: &Report) -> Answer {
    let end = Timestamp::from_second(credentials.expiration.as_second());
    let end = end.unwrap_or(credentials.expiration);
    let line = report.aside(&format!("no new credentials, those at hand end at {end}"));
    // Where stderr is closed the credentials are still good.
    let _ = writeln!(io::stderr(), "{line}");
    Answer::Cached(credentials)
}
