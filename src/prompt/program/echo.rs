//! The terminal as it was before a program used it. One that is ended while it asks may leave it
//! without echo, and the person would not see what they type from then on.

use std::fs::File;
use std::os::fd::AsFd;

use rustix::termios::{self, LocalModes, OptionalActions, Termios};

/// The state of the controlling terminal, which is restored when this is dropped.
pub struct Echo {
    tty: File,
    before: Termios,
}

impl Echo {
    /// Remembers it, if there is a controlling terminal and this process is in its foreground.
    #[must_use]
    pub fn keep() -> Option<Self> {
        let tty = File::options().read(true).write(true).open("/dev/tty").ok()?;
        let before = termios::tcgetattr(tty.as_fd()).ok()?;
        Some(Self { tty, before }).filter(Self::is_ours)
    }

    /// In the background its state is another's, and whoever changes it is stopped.
    fn is_ours(&self) -> bool {
        termios::tcgetpgrp(&self.tty).is_ok_and(|group| group == rustix::process::getpgrp())
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        let Ok(now) = termios::tcgetattr(self.tty.as_fd()) else { return };
        let typed = LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG;
        let changed = (now.local_modes ^ self.before.local_modes).intersects(typed);
        if changed && self.is_ours() {
            // Nothing can be done where the terminal is gone.
            let _ = termios::tcsetattr(&self.tty, OptionalActions::Now, &self.before);
        }
    }
}
