//! Now, by two clocks: the wall's, which somebody may set, and the one that runs since this computer
//! started, which nobody can.

use std::fs;
use std::sync::OnceLock;

use jiff::Timestamp;
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// A point in time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// By the wall clock, in seconds since 1970.
    pub wall: i64,
    /// Since which start of this computer; empty where the system does not say.
    boot: String,
    /// How long that was ago, in seconds.
    since_boot: i64,
}

impl Moment {
    /// This one.
    #[must_use]
    pub fn now() -> Self {
        let boot = boot().to_owned();
        let since_boot = clock_gettime(ClockId::Boottime).tv_sec;
        Self { wall: Timestamp::now().as_second(), boot, since_boot }
    }

    /// How many seconds have passed since `earlier`, by whichever clock says more: a wall clock that
    /// is set back makes nothing last longer. For ever, where the computer was started in between: its
    /// wall clock may not be right yet.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> i64 {
        if self.boot != earlier.boot {
            return i64::MAX;
        }
        let running = self.since_boot.saturating_sub(earlier.since_boot);
        self.wall.saturating_sub(earlier.wall).max(running)
    }

    #[cfg(test)]
    pub(super) fn at(wall: i64, boot: &str, since_boot: i64) -> Self {
        Self { wall, boot: boot.to_owned(), since_boot }
    }
}

/// Which start of this computer this is; empty where the system does not say.
pub(super) fn boot() -> &'static str {
    static BOOT: OnceLock<String> = OnceLock::new();
    BOOT.get_or_init(|| {
        let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        id.trim().to_owned()
    })
}
