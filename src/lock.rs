//! Locks across all processes of a user: files in the private directory, held until they are
//! dropped or their process ends.

use std::fs::{File, TryLockError};
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::deadline::jitter;
use crate::paths;

/// A lock that is held. It is given back when this is dropped, also where a process that a module has
/// forked still has a copy of the file.
pub struct Lock {
    /// `None` where there is no folder for locks, or none that is safe (a read-only home, a link):
    /// better unlocked than not at all, since only concurrent runs need it.
    file: Option<File>,
}

/// The name of the lock of a device: its kind, and whatever tells it from others of that kind.
#[must_use]
pub fn name(kind: &str, device: &[u8]) -> String {
    let hash = Sha256::digest(device);
    let hash: String = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("{kind}-{hash}")
}

impl Lock {
    /// Takes the lock of that name. While others hold it, `wait` is called with the time until the
    /// next attempt; it passes that time, and says whether there is to be one. `None` if not.
    #[must_use]
    pub fn take(name: &str, wait: &mut dyn FnMut(Duration) -> bool) -> Option<Self> {
        let unlocked = Some(Self { file: None });
        let Ok(Some(folder)) = paths::shelter() else { return unlocked };
        let Ok(file) = paths::open_lock(&folder.join(format!("{name}.lock"))) else {
            return unlocked;
        };
        loop {
            match file.try_lock() {
                Ok(()) => return Some(Self { file: Some(file) }),
                Err(TryLockError::Error(_)) => return unlocked,
                Err(TryLockError::WouldBlock) if wait(jitter(5, 50)) => {}
                Err(TryLockError::WouldBlock) => return None,
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // A file that cannot be unlocked is when its last copy is closed.
        let _ = self.file.as_ref().map(File::unlock);
    }
}
