//! A point in time until which something must have happened; what waits asks it how long is left,
//! or waits for a moment that is not everybody's.

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// The longest time that a person may take for a PIN or a touch. (The Go SDK kills the process at
/// 60 s; this leaves room for what follows.)
pub const PERSON: Duration = Duration::from_secs(50);

/// The latest end of a run in which a person was asked: they have answered by then, and the SDK that
/// waits has not given up yet.
pub const LATEST: Duration = Duration::from_secs(57);

/// When a run must have ended. Clones share one end: what one forgives, all have.
#[derive(Clone, Debug)]
pub struct Deadline {
    start: Instant,
    end: Arc<Mutex<Instant>>,
    /// How long a person may take.
    person: Duration,
    /// Whoever else waits for this run.
    watcher: Arc<OnceLock<Watcher>>,
}

/// Told how much longer a run may take, and whether a person is awaited.
struct Watcher(Box<dyn Fn(Duration, bool) + Send + Sync>);

impl Deadline {
    /// A deadline this long from now.
    #[must_use]
    pub fn after(time: Duration) -> Self {
        let start = Instant::now();
        let (end, watcher) = (Arc::new(Mutex::new(start + time)), Arc::default());
        Self { start, end, person: PERSON, watcher }
    }

    /// The same with less time for a person.
    #[must_use]
    pub fn with_a_person(self, person: Duration) -> Self {
        Self { person: person.min(PERSON), ..self }
    }

    /// How long a person may take.
    #[must_use]
    pub fn person(&self) -> Duration {
        self.person
    }

    /// Has somebody told, whenever that changes, how much longer the run may take, and whether it
    /// waits for a person. One is told; a second is not.
    pub fn watched_by(&self, watcher: impl Fn(Duration, bool) + Send + Sync + 'static) {
        let _ = self.watcher.set(Watcher(Box::new(watcher)));
    }

    /// A person is asked for something now: the run may take until they had all their time.
    pub fn a_person_is_asked(&self) {
        let end = self.end().max(self.start + LATEST);
        self.tell(end.saturating_duration_since(Instant::now()), true);
    }

    /// The time left; zero once it has passed.
    #[must_use]
    pub fn left(&self) -> Duration {
        self.end().saturating_duration_since(Instant::now())
    }

    /// Whether it has passed.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.left().is_zero()
    }

    /// The time left for a person to answer: theirs from the start, however often they are asked, or
    /// what is left of a longer run where they have not been given less.
    #[must_use]
    pub fn left_for_a_person(&self) -> Duration {
        let theirs = self.start + self.person;
        let end = if self.person < PERSON { theirs } else { self.end().max(theirs) };
        end.saturating_duration_since(Instant::now())
    }

    /// The whole time that was allowed, for messages.
    #[must_use]
    pub fn allowed(&self) -> Duration {
        self.end() - self.start
    }

    /// Puts the end off by the time that a person took: their time is not ours. In all it never
    /// moves beyond 57 s after the start, or beyond where it was if that is later.
    pub fn forgive(&self, taken: Duration) {
        let mut end = self.end.lock().unwrap_or_else(PoisonError::into_inner);
        let latest = (*end).max(self.start + LATEST);
        *end = (*end + taken).min(latest);
        drop(end);
        self.tell(self.left(), false);
    }

    /// Puts the end off by a time that the user allowed on top, however long.
    pub fn put_off(&self, allowed: Duration) {
        let mut end = self.end.lock().unwrap_or_else(PoisonError::into_inner);
        *end += allowed;
        drop(end);
        self.tell(self.left(), false);
    }

    fn tell(&self, left: Duration, a_person: bool) {
        if let Some(Watcher(watcher)) = self.watcher.get() {
            watcher(left, a_person);
        }
    }

    fn end(&self) -> Instant {
        *self.end.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watcher")
    }
}

/// Between `least` and `most` milliseconds, so that those who wait do not knock in step.
#[must_use]
pub fn jitter(least: u64, most: u64) -> Duration {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let noise = now.unwrap_or_default().subsec_nanos() ^ std::process::id();
    Duration::from_millis(least + u64::from(noise) % (most - least + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_who_is_asked_twice_has_no_more_time_than_once() {
        let run = Deadline::after(Duration::from_secs(15));
        assert!(run.left_for_a_person() <= PERSON);
        run.forgive(Duration::from_secs(10));
        assert!(run.left_for_a_person() <= PERSON);
    }

    #[test]
    fn a_person_may_be_given_less_time() {
        let run = Deadline::after(Duration::from_secs(15)).with_a_person(Duration::from_secs(3));
        assert!(run.left_for_a_person() <= Duration::from_secs(3), "the run's time is not theirs");
        let run = run.with_a_person(Duration::from_secs(90));
        assert_eq!(run.person(), PERSON, "never more");
    }

    #[test]
    fn whoever_waits_for_a_run_is_told_how_long_it_may_take() {
        let run = Deadline::after(Duration::from_secs(15));
        let told = Arc::new(Mutex::new(Vec::new()));
        let keep = Arc::clone(&told);
        run.watched_by(move |left, person| keep.lock().expect("told").push((left, person)));
        run.clone().a_person_is_asked();
        run.forgive(Duration::from_secs(5));
        let told = told.lock().expect("told");
        let seconds: Vec<_> = told.iter().map(|(left, by)| (left.as_secs(), *by)).collect();
        assert_eq!(seconds, [(56, true), (19, false)]);
    }

    #[test]
    fn a_persons_time_is_forgiven_but_not_for_ever() {
        let run = Deadline::after(Duration::from_secs(15));
        run.clone().forgive(Duration::from_secs(20));
        assert_eq!(run.allowed(), Duration::from_secs(35));
        run.forgive(Duration::from_secs(200));
        assert_eq!(run.allowed(), LATEST);
        let long = Deadline::after(Duration::from_secs(90));
        long.forgive(Duration::from_secs(200));
        assert_eq!(long.allowed(), Duration::from_secs(90));
    }
}
