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
    /// `None` where nothing is used that others would notice.
    name: Option<String>,
    /// The device, for messages.
    device: String,
    patience: Duration,
    held: Option<Lock>,
}

impl TokenLock {
    /// That of a device, not taken yet; the others will be waited for so long.
    pub(super) fn of(device: String, patience: Duration) -> Self {
        Self { name: None, device, patience, held: None }
    }

    /// Takes it.
    pub(super) fn take(&mut self, name: String) -> Result<(), Failure> {
        self.name = Some(name);
        self.take_again()
    }

    /// Lets others use the token.
    pub(super) fn give_up(&mut self) {
        self.held = None;
    }

    /// Takes it once more where it was given up.
    pub(super) fn take_again(&mut self) -> Result<(), Failure> {
        let (Some(name), None) = (&self.name, &self.held) else { return Ok(()) };
        let deadline = Deadline::after(self.patience);
        self.held = Lock::take(name, &mut |pause| {
            thread::sleep(pause.min(deadline.left()));
            !deadline.passed()
        });
        let busy = || Failure::Busy { device: self.device.clone() };
        self.held.as_ref().map(drop).ok_or_else(busy)
    }
}
