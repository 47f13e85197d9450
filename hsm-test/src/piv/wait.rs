//! Waits for a condition, never for a time.

use std::thread;
use std::time::{Duration, Instant};

/// What has not happened by then does not happen.
const PATIENCE: Duration = Duration::from_secs(20);
const BETWEEN: Duration = Duration::from_millis(2);

/// Returns as soon as the condition holds.
///
/// # Panics
/// When it never does.
pub(super) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        thread::sleep(BETWEEN);
    }
}
