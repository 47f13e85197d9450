//! One lock a device across all processes of a user: SoftHSM's files and many a card break when
//! two programs use them at once. It belongs to the host, so that a killed front frees nothing
//! that its host still uses.

use std::fs::{File, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::deadline::Deadline;
use crate::paths::{self, Error};
use crate::wire::Failure;

/// Held until it is dropped.
pub struct Lock {
    /// `None` where no folder for locks can be made (a read-only home): better unlocked than not
    /// at all, since only concurrent runs need it.
    _file: Option<File>,
}

impl Lock {
    /// Takes the lock of a module, given by its canonical path, and waits for others at most until
    /// the deadline.
    ///
    /// # Errors
    /// When others held it all the time, or the folder for locks is not ours alone.
    pub fn take(module: &Path, deadline: &Deadline) -> Result<Self, Failure> {
        let folder = match paths::private_directory() {
            Ok(folder) => folder,
            Err(Error::Io { .. } | Error::TooLarge { .. }) => return Ok(Self { _file: None }),
            Err(error @ Error::Unsafe { .. }) => {
                return Err(Failure::Lock { reason: error.to_string() });
            }
        };
        let mut options = File::options();
        let Ok(file) =
            options.create(true).append(true).mode(0o600).open(folder.join(name(module)))
        else {
            return Ok(Self { _file: None });
        };
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _file: Some(file) }),
                Err(TryLockError::Error(_)) => return Ok(Self { _file: None }),
                Err(TryLockError::WouldBlock) if deadline.passed() => {
                    return Err(Failure::Busy { module: module.into() });
                }
                Err(TryLockError::WouldBlock) => std::thread::sleep(jitter().min(deadline.left())),
            }
        }
    }
}

fn name(module: &Path) -> String {
    let hash = Sha256::digest(module.as_os_str().as_encoded_bytes());
    let hash: String = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("pkcs11-{hash}.lock")
}

/// Between 5 and 50 ms, so that those who wait do not knock in step.
fn jitter() -> Duration {
    let noise =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Duration::from_millis(5 + u64::from(noise.subsec_nanos() ^ std::process::id()) % 46)
}
