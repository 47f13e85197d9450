//! The guard of a terminal: our own program once more, which knows what the terminal was set to,
//! and puts it in order when we die with a question on it, whatever it was that killed us. It is in a
//! process group of its own, takes no signal, holds no PIN, and ends with the pipe that we hold.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio};

use nix::sys::signal::SigSet;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;

use crate::prompt::terminal::modes::Modes;

/// The argument that makes our program a guard.
pub(super) const ARGUMENT: &str = "restore-terminal";

/// How long it may take to start; without it the question is asked all the same.
const START: Timespec = Timespec { tv_sec: 2, tv_nsec: 0 };

/// What it says when it has read the settings of before.
const READY: u8 = 1;
/// What it is told when the terminal is in order. Any other byte is how many rows below the first of
/// the question the cursor is.
const DONE: u8 = u8::MAX;

/// The guard as the host sees it.
pub(super) struct Guard {
    child: Child,
    told: Option<ChildStdin>,
}

impl Guard {
    /// Starts one, before the settings are changed. `None` where that cannot be: a person wants
    /// credentials, and a terminal without echo after a kill, which is unlikely and cured by a blind
    /// `reset`, is no reason to refuse them.
    pub(super) fn start(caller: &OwnedFd) -> Option<Self> {
        // It keeps the end of the main program's pipe open until it is done: so the main program,
        // when we are dead, knows when it may give the terminal back to the shell.
        let caller = caller.try_clone().ok()?;
        // By this name it is our own build, even if another one was installed meanwhile. A variable
        // may hold a PIN.
        let mut command = Command::new("/proc/self/exe");
        command.arg0("keyanchor-pkcs11").arg(ARGUMENT).env_clear().process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(caller);
        let mut child = command.spawn().ok()?;
        let (told, says) = (child.stdin.take(), child.stdout.take());
        let mut guard = Self { child, told };
        if !says.is_some_and(is_ready) {
            let _ = guard.child.kill();
            return None;
        }
        Some(guard)
    }

    /// The question is shown, and the cursor is that many rows below its first.
    pub(super) fn shown(&mut self, below: u8) {
        self.tell(below.min(DONE - 1));
    }

    /// The terminal is in order.
    pub(super) fn done(mut self) {
        self.tell(DONE);
    }

    fn tell(&mut self, word: u8) {
        // A guard that somebody killed is none, and that is all.
        let _ = self.told.as_mut().map(|told| told.write_all(&[word]));
    }
}

/// It ends by itself with the end of its pipe, and is waited for.
impl Drop for Guard {
    fn drop(&mut self) {
        self.told = None;
        let _ = self.child.wait();
    }
}

fn is_ready(mut says: ChildStdout) -> bool {
    let mut waited = [PollFd::new(&says, PollFlags::IN)];
    let mut byte = [0];
    poll(&mut waited, Some(&START)).is_ok_and(|events| events > 0)
        && says.read_exact(&mut byte).is_ok()
        && byte == [READY]
}

/// The guard's own life.
pub(super) fn run() -> ExitCode {
    watch().map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS)
}

fn watch() -> io::Result<()> {
    SigSet::all().thread_block()?;
    // Output that a person has held with Ctrl-S must not hold us.
    let held = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
    let tty = File::options().read(true).write(true).custom_flags(held).open("/dev/tty")?;
    let modes = Modes::of(&tty)?;
    io::stdout().write_all(&[READY])?;
    io::stdout().flush()?;
    let mut told = Vec::new();
    io::stdin().read_to_end(&mut told)?;
    match told.last() {
        Some(&DONE) => Ok(()),
        below => modes.restore(&tty, below.copied().unwrap_or(0), false),
    }
}
