//! The server's clock, which tests can set, and the forms of time on the wire.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

const COMPACT: &str = "%Y%m%dT%H%M%SZ";

/// The machine's clock and an offset.
#[derive(Debug, Default)]
pub(super) struct Clock {
    offset: AtomicI64,
}

impl Clock {
    pub(super) fn now(&self) -> SystemTime {
        let seconds = self.offset.load(Ordering::Relaxed);
        let offset = Duration::from_secs(seconds.unsigned_abs());
        if seconds < 0 { SystemTime::now() - offset } else { SystemTime::now() + offset }
    }

    pub(super) fn offset(&self, seconds: i64) {
        self.offset.store(seconds, Ordering::Relaxed);
    }
}

/// The form of `X-Amz-Date`, `20261122T120000Z`; `None` for anything else.
pub fn from_compact(text: &str) -> Option<SystemTime> {
    let time = DateTime::strptime(COMPACT, text).ok()?.to_zoned(TimeZone::UTC).ok()?;
    // jiff also reads numbers without their leading zeros
    (time.strftime(COMPACT).to_string() == text).then(|| time.timestamp().into())
}

/// A moment as in `X-Amz-Date`.
pub fn compact(at: SystemTime) -> String {
    timestamp(at).strftime(COMPACT).to_string()
}

/// A moment as in `2026-11-22T13:00:00Z`.
pub fn rfc3339(at: SystemTime) -> String {
    timestamp(at).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A moment as in HTTP's `Date`, `Sun, 22 Nov 2026 12:00:00 GMT`.
pub fn http_date(at: SystemTime) -> String {
    timestamp(at).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// How far two moments are apart.
pub fn distance(a: SystemTime, b: SystemTime) -> Duration {
    a.duration_since(b).unwrap_or_else(|error| error.duration())
}

fn timestamp(at: SystemTime) -> Timestamp {
    Timestamp::try_from(at).expect("the lab's clock is within the years that jiff knows")
}
