//! Waits for a condition, never for a time alone.

use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

/// What has not happened by then does not happen.
const PATIENCE: Duration = Duration::from_secs(20);
const BETWEEN: Duration = Duration::from_millis(5);
/// What happens by itself has happened by then: that a process ends, that pcscd notices.
const GRACE: Duration = Duration::from_secs(1);

/// Returns as soon as the condition holds.
///
/// # Panics
/// When it never does.
pub fn until(what: &str, holds: impl FnMut() -> bool) {
    assert!(holds_within(PATIENCE, holds), "waited in vain: {what}");
}

/// Returns when a child has ended that should; it is killed where it does not hear.
pub(super) fn until_ended(child: &mut Child) {
    if !holds_soon(|| !matches!(child.try_wait(), Ok(None))) {
        // both only fail where it has ended meanwhile
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// Whether the condition holds by itself; it returns as soon as it does.
pub(super) fn holds_soon(holds: impl FnMut() -> bool) -> bool {
    holds_within(GRACE, holds)
}

fn holds_within(time: Duration, mut holds: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + time;
    loop {
        if holds() {
            return true;
        }
        if Instant::now() > deadline {
            return false;
        }
        thread::sleep(BETWEEN);
    }
}
