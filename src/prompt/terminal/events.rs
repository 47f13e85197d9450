//! What a question waits for: a key, the end of the caller, and that the process goes on after it was
//! stopped, since the shell may have switched the echo on meanwhile.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;

use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};

/// Backs up the interruption, which is not seen where we were stopped between two waits.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 200_000_000 };

const TTY: u64 = 0;
const CALLER: u64 = 1;

/// The terminal and the caller, watched.
pub(super) struct Events(OwnedFd);

/// What happened; perhaps only that it is time to look at the terminal.
#[derive(Default)]
pub(super) struct Event {
    /// Nobody waits for the answer any more.
    pub(super) caller_is_gone: bool,
    /// The process was stopped and goes on, or a signal came that is not for us.
    pub(super) interrupted: bool,
    /// There is something to read, or the terminal hung up.
    pub(super) key: bool,
}

impl Events {
    pub(super) fn of(tty: &File, caller: &OwnedFd) -> io::Result<Self> {
        // Not poll: this wait alone is interrupted when the process was stopped and goes on, without
        // a handler for a signal (signal(7), "Interruption of system calls ... by stop signals").
        let watched = epoll::create(CreateFlags::CLOEXEC)?;
        epoll::add(&watched, tty, EventData::new_u64(TTY), EventFlags::IN)?;
        // A hang-up is always reported; what the caller may have written is not our affair.
        match epoll::add(&watched, caller, EventData::new_u64(CALLER), EventFlags::empty()) {
            // A file, which does not hang up.
            Ok(()) | Err(rustix::io::Errno::PERM) => Ok(Self(watched)),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn wait(&self) -> Event {
        let mut happened =
            [epoll::Event { flags: EventFlags::empty(), data: EventData::new_u64(TTY) }; 2];
        let count = epoll::wait(&self.0, &mut happened[..], Some(&LOOK));
        let interrupted = count == Err(rustix::io::Errno::INTR);
        let count = count.unwrap_or(0);
        let of = |which| happened.iter().take(count).any(|event| event.data.u64() == which);
        Event { caller_is_gone: of(CALLER), interrupted, key: of(TTY) }
    }
}
