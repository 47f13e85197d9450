//! A point in time until which something must have happened; what waits asks it how long is left.

use std::time::{Duration, Instant};

/// The longest time that a person may take for a PIN or a touch. (The Go SDK kills the process at
/// 60 s; this leaves room for what follows.)
pub const PERSON: Duration = Duration::from_secs(50);

/// When a run, or a step of it, must have ended.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    start: Instant,
    end: Instant,
}

impl Deadline {
    /// A deadline this long from now.
    #[must_use]
    pub fn after(time: Duration) -> Self {
        let start = Instant::now();
        Self { start, end: start + time }
    }

    /// The time left; zero once it has passed.
    #[must_use]
    pub fn left(&self) -> Duration {
        self.end.saturating_duration_since(Instant::now())
    }

    /// Whether it has passed.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.left().is_zero()
    }

    /// The whole time that was allowed, for messages.
    #[must_use]
    pub fn allowed(&self) -> Duration {
        self.end - self.start
    }

    /// A deadline for one step of it: `time` from now, but never later than this one.
    #[must_use]
    pub fn step(&self, time: Duration) -> Self {
        let start = Instant::now();
        Self { start, end: self.end.min(start + time) }
    }

    /// Puts the end off by the time that a person took: their time is not ours. In all it never
    /// moves beyond [`PERSON`] after the start, or beyond where it was if that is later.
    pub fn forgive(&mut self, taken: Duration) {
        let latest = self.end.max(self.start + PERSON);
        self.end = (self.end + taken).min(latest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_never_outlives_its_run() {
        let run = Deadline::after(Duration::from_secs(5));
        assert!(run.step(Duration::from_secs(60)).left() <= Duration::from_secs(5));
        assert!(run.step(Duration::from_secs(1)).left() <= Duration::from_secs(1));
    }

    #[test]
    fn a_persons_time_is_forgiven_but_not_for_ever() {
        let mut run = Deadline::after(Duration::from_secs(15));
        run.forgive(Duration::from_secs(20));
        assert_eq!(run.allowed(), Duration::from_secs(35));
        run.forgive(Duration::from_secs(200));
        assert_eq!(run.allowed(), PERSON);
        let mut long = Deadline::after(Duration::from_secs(90));
        long.forgive(Duration::from_secs(200));
        assert_eq!(long.allowed(), Duration::from_secs(90));
    }
}
