//! The host's side of the pipe to the main program: answers and notices, one at a time.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::sync::{Mutex, PoisonError};

use crate::wire::{Failure, Notice, Reply, frame};

/// Where a host writes. When the main program is gone nothing can be written, and nothing need be:
/// the end of stdin ends the host.
pub struct Outbox(Mutex<File>);

impl Outbox {
    /// Writes the frames into a file of its own.
    #[must_use]
    pub fn into_file(frames: File) -> Self {
        Self(Mutex::new(frames))
    }

    /// Takes stdout over. What a module prints by itself goes to stderr from then on: it must not
    /// end up among the frames.
    ///
    /// # Errors
    /// When there is no stdout or no stderr.
    pub fn on_stdout() -> io::Result<Self> {
        let frames = io::stdout().as_fd().try_clone_to_owned()?;
        rustix::stdio::dup2_stdout(io::stderr())?;
        Ok(Self::into_file(frames.into()))
    }

    /// Sends one answer.
    pub fn send(&self, reply: &Reply) {
        let mut out = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if frame::write(&mut *out, reply)
            .is_err_and(|error| error.kind() == io::ErrorKind::InvalidInput)
        {
            // Too long for a frame, and nothing of it was written.
            let _ = frame::write(&mut *out, &Reply::Failed(Failure::TooMuch));
        }
    }

    /// Says which function of the device runs next.
    pub fn calling(&self, function: &str) {
        self.send(&Reply::Notice(Notice::Calling(function.to_owned())));
    }
}
