//! One lock a device: SoftHSM's files, many a card and a TPM without a resource manager break when two
//! programs use them at once. It is the host's, so that a killed front frees nothing that its host
//! still uses.

use std::thread;
use std::time::Duration;

use crate::deadline::Deadline;
use crate::lock::Lock;
use crate::wire::Failure;

/// The lock of a device, held but for the times that somebody else is waited for.
pub(super) struct TokenLock {
    name: String,
    /// The device, for messages.
    device: String,
    patience: Duration,
    held: Option<Lock>,
}

impl TokenLock {
    /// Waits so long for the others.
    pub(super) fn take(name: String, device: String, patience: Duration) -> Result<Self, Failure> {
        let mut lock = Self { name, device, patience, held: None };
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
        let deadline = Deadline::after(self.patience);
        let lock = Lock::take(&self.name, &mut |pause| {
            thread::sleep(pause.min(deadline.left()));
            !deadline.passed()
        });
        self.held = lock.map_err(|error| Failure::Lock { reason: error.to_string() })?;
        let busy = || Failure::Busy { device: self.device.clone() };
        self.held.as_ref().map(drop).ok_or_else(busy)
    }
}
