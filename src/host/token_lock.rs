//! One lock a module: SoftHSM's files and many a card break when two programs use them at once. It is
//! the host's, so that a killed front frees nothing that its host still uses.

use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::deadline::Deadline;
use crate::lock::Lock;
use crate::wire::Failure;

/// The lock of a module, held but for the times that somebody else is waited for.
pub(super) struct TokenLock {
    module: PathBuf,
    patience: Duration,
    held: Option<Lock>,
}

impl TokenLock {
    /// Waits so long for the others.
    pub(super) fn take(module: PathBuf, patience: Duration) -> Result<Self, Failure> {
        let mut lock = Self { module, patience, held: None };
        lock.take_again().map(|()| lock)
    }

    /// Lets others use the token.
    pub(super) fn give_up(&mut self) {
        self.held = None;
    }

    /// Takes it once more where it was given up.
    pub(super) fn take_again(&mut self) -> Result<(), Failure> {
        if self.held.is_some() {
            return Ok(());
        }
        let hash = Sha256::digest(self.module.as_os_str().as_encoded_bytes());
        let hash: String = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let deadline = Deadline::after(self.patience);
        let lock = Lock::take(&format!("pkcs11-{hash}"), &mut |pause| {
            thread::sleep(pause.min(deadline.left()));
            !deadline.passed()
        });
        self.held = lock.map_err(|error| Failure::Lock { reason: error.to_string() })?;
        let busy = || Failure::Busy { module: self.module.display().to_string() };
        self.held.as_ref().map(drop).ok_or_else(busy)
    }
}
