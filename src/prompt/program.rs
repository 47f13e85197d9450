//! A program that is asked for something: a pinentry, an askpass, the user's own command. It is
//! started without a shell, and sees no variable that may hold a PIN. Nothing of it outlives the
//! device host that waits for its answer, dialog and all: the process that starts it sees the end of both.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{SigSet, SigmaskHow};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::lock::Lock;
use crate::paths;
use crate::prompt::{NoPin, plain};
use crate::secret::{Secret, SecretBytes};

mod echo;
mod locate;

pub use echo::Echo;
pub use locate::locate;

/// How long a program may take to end once it is told to.
const GRACE: Duration = Duration::from_millis(500);

/// How long its end is waited for at a time.
const PAUSE: Duration = Duration::from_millis(10);

/// How often we look whether what is shown is still to be seen.
pub const GLANCE: Duration = Duration::from_millis(200);

/// A program that runs; it is ended when this is dropped.
pub struct Program {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: ChildStdout,
    /// Our stdin, which hangs up when the device host is gone: then nobody waits for an answer.
    caller: OwnedFd,
    /// For messages.
    name: String,
    /// Whether what it starts itself is ended with it.
    as_a_group: bool,
    /// Its end may come while it has the terminal's echo off. Dropped after it has ended.
    _echo: Option<Echo>,
}

/// What starts a program: its place, its words and its name, with stdin empty and stdout for us. The
/// variables that may hold a PIN are `hidden` from it.
///
/// # Errors
/// When no program is named, or it is not there, or others could have changed it: which, and why.
pub fn command(argv: &[impl AsRef<OsStr>], hidden: &[String]) -> Result<Command, String> {
    let (name, arguments) = argv.split_first().ok_or("no program is named")?;
    let mut command = Command::new(locate(name.as_ref())?);
    command.arg0(name).args(arguments).stdin(Stdio::null()).stdout(Stdio::piped());
    for variable in hidden {
        command.env_remove(variable);
    }
    Ok(command)
}

/// Starts it so that it takes every signal, whatever this thread leaves aside.
fn with_all_signals(mut command: Command) -> std::io::Result<Child> {
    let own = SigSet::empty().thread_swap_mask(SigmaskHow::SIG_SETMASK);
    let child = command.spawn();
    // It was valid before.
    let _ = own.and_then(|own| own.thread_set_mask());
    child
}

/// All that a program says, if it ends well.
///
/// # Errors
/// When it cannot be started, says more than `limit` bytes, or does not end well: which, and why.
pub fn output(
    argv: &[impl AsRef<OsStr>],
    hidden: &[String],
    limit: usize,
) -> Result<SecretBytes, String> {
    let mut program = Program::start(argv, hidden)?;
    let answer = program.read_to_end(limit).and_then(|said| match program.status()? {
        status if status.success() => Ok(said),
        status => Err(program.unusable(&format!("it ended with {status}"))),
    });
    answer.map_err(|none| match none {
        NoPin::Unusable(reason) => reason,
        NoPin::Unfit(reason) => reason,
        NoPin::Cancelled | NoPin::Nobody => "nobody waits for its answer any more".to_owned(),
    })
}

impl Program {
    /// Starts a program by its words, the first of which is its path or its name.
    ///
    /// # Errors
    /// When it cannot be found, trusted or started: which, and why.
    pub fn start(argv: &[impl AsRef<OsStr>], hidden: &[String]) -> Result<Self, String> {
        Self::launch(command(argv, hidden)?)
    }

    /// Starts what [`command`] made.
    ///
    /// # Errors
    /// When it cannot be started: which, and why.
    pub fn launch(command: Command) -> Result<Self, String> {
        let caller = std::io::stdin().as_fd().try_clone_to_owned();
        Self::launch_for(caller.map_err(|error| paths::reason(&error))?, command)
    }

    /// The same for one whose end of `caller` hangs up when they are gone.
    pub(super) fn launch_for(caller: OwnedFd, mut command: Command) -> Result<Self, String> {
        let name = plain(&command.get_program().to_string_lossy());
        let said = |error: std::io::Error| format!("{name}: {}", paths::reason(&error));
        let echo = Echo::keep();
        // What shares our terminal must stay in its foreground; all else is ended as one.
        let as_a_group = echo.is_none();
        if as_a_group {
            command.process_group(0);
        }
        let mut child = with_all_signals(command).map_err(said)?;
        let stdin = child.stdin.take();
        #[expect(clippy::expect_used, reason = "we ask for the pipe ourselves")]
        let stdout = child.stdout.take().expect("stdout was piped by `command`");
        Ok(Self { child, stdin, stdout, caller, name, as_a_group, _echo: echo })
    }

    /// Whether it can use our terminal, in whose foreground we are.
    #[must_use]
    pub fn has_the_terminal(&self) -> bool {
        !self.as_a_group
    }

    /// Whether the one who waits for its answer is still there.
    #[must_use]
    pub fn is_awaited(&self) -> bool {
        wait(&mut [PollFd::new(&self.caller, PollFlags::empty())], Some(Duration::ZERO)) == Some(0)
    }

    /// Writes a line to its stdin.
    ///
    /// # Errors
    /// When it does not read any more.
    pub fn write_line(&mut self, line: &str) -> Result<(), NoPin> {
        #[expect(clippy::expect_used, reason = "we ask for the pipe ourselves")]
        let stdin = self.stdin.as_mut().expect("stdin was piped by the one who writes");
        let written = stdin.write_all(format!("{line}\n").as_bytes());
        written.map_err(|error| self.unusable(&paths::reason(&error)))
    }

    /// The next line of its stdout, without its end; `None` after the last one.
    ///
    /// # Errors
    /// When nobody waits any more, or the line is longer than `limit` bytes.
    pub fn read_line(&mut self, limit: usize) -> Result<Option<SecretBytes>, NoPin> {
        let mut line = SecretBytes::with_capacity(limit);
        loop {
            match self.next_byte()? {
                None if line.is_empty() => return Ok(None),
                None | Some(b'\n') => return Ok(Some(line)),
                Some(byte) => self.push(&mut line, byte, limit)?,
            }
        }
    }

    /// All that is left of its stdout.
    ///
    /// # Errors
    /// When nobody waits any more, or there are more than `limit` bytes.
    pub fn read_to_end(&mut self, limit: usize) -> Result<SecretBytes, NoPin> {
        let mut bytes = SecretBytes::with_capacity(limit);
        while let Some(byte) = self.next_byte()? {
            self.push(&mut bytes, byte, limit)?;
        }
        Ok(bytes)
    }

    /// Lets a person see what it shows while there is something to wait for.
    pub fn last(self, waiting: &mut dyn FnMut(Duration) -> bool) {
        while self.is_awaited() && waiting(GLANCE) {}
    }

    /// How it ended by itself; waits for that.
    ///
    /// # Errors
    /// When nobody waits any more.
    pub fn status(&mut self) -> Result<ExitStatus, NoPin> {
        loop {
            if let Some(status) = self.ended()? {
                return Ok(status);
            }
            let mut waited = [PollFd::new(&self.caller, PollFlags::empty())];
            if wait(&mut waited, Some(PAUSE)).is_none_or(|gone| gone > 0) {
                return Err(NoPin::Cancelled);
            }
        }
    }

    /// How it ended, if it has.
    ///
    /// # Errors
    /// When that cannot be known.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>, NoPin> {
        self.child.try_wait().map_err(|error| self.unusable(&paths::reason(&error)))
    }

    /// That it is of no use, and why.
    #[must_use]
    pub fn unusable(&self, reason: &str) -> NoPin {
        NoPin::Unusable(format!("{}: {reason}", self.name))
    }

    fn push(&self, to: &mut SecretBytes, byte: u8, limit: usize) -> Result<(), NoPin> {
        if to.len() == limit {
            return Err(self.unusable(&format!("its answer is longer than {limit} bytes")));
        }
        to.push(byte);
        Ok(())
    }

    /// Waits for a byte; `None` at the end.
    fn next_byte(&mut self) -> Result<Option<u8>, NoPin> {
        if !self.says_more()? {
            return Ok(None);
        }
        let mut byte = [0];
        match self.stdout.read(&mut byte) {
            Ok(read) => Ok((read == 1).then_some(byte[0])),
            Err(error) => Err(self.unusable(&paths::reason(&error))),
        }
    }

    /// Waits until there is something to read, or its end. What it has started itself may hold its
    /// stdout for ever: once it has ended, what comes is all that there was.
    fn says_more(&mut self) -> Result<bool, NoPin> {
        let mut has_ended = false;
        loop {
            // A hang-up is always reported; what the caller may have written is not our affair.
            let caller = PollFd::new(&self.caller, PollFlags::empty());
            let mut waited = [PollFd::new(&self.stdout, PollFlags::IN), caller];
            let happened = wait(&mut waited, Some(GLANCE)).ok_or(NoPin::Cancelled)?;
            // What has been said already is taken even where nobody waits any more.
            if !waited[0].revents().is_empty() {
                return Ok(true);
            }
            match (happened, has_ended) {
                (0, false) => has_ended = self.ended()?.is_some(),
                (0, true) => return Ok(false),
                _ => return Err(NoPin::Cancelled),
            }
        }
    }

    /// Tells it that nothing more is wanted, and waits a moment for its end: whether it came.
    pub fn let_end(&mut self) -> bool {
        self.stdin = None;
        let start = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) {
            if start.elapsed() > GRACE {
                return false;
            }
            thread::sleep(PAUSE);
        }
        true
    }

    /// It has not been waited for: the number is still its own.
    fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        // Where it has ended in this moment there is nothing to do.
        let _ = if self.as_a_group {
            kill_process_group(pid, signal)
        } else {
            kill_process(pid, signal)
        };
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(None)) {
            return;
        }
        self.signal(Signal::TERM);
        if !self.let_end() {
            self.signal(Signal::KILL);
            let _ = self.child.wait();
        }
    }
}

/// What a person typed, as a program gives it out.
///
/// # Errors
/// When it is not text.
pub fn typed(bytes: SecretBytes) -> Result<Secret, NoPin> {
    Secret::from_utf8(bytes).map_err(|_| NoPin::Unfit("the PIN is not UTF-8 text".to_owned()))
}

/// One dialog at a time: two would lie on top of each other, and a person would answer the wrong one.
/// Waits as long as the caller does.
///
/// # Errors
/// When nobody waits any more.
pub fn turn() -> Result<Lock, NoPin> {
    let stdin = std::io::stdin();
    let lock = Lock::take("dialog", &mut |pause| {
        wait(&mut [PollFd::new(&stdin, PollFlags::empty())], Some(pause)) == Some(0)
    });
    lock.ok_or(NoPin::Cancelled)
}

/// How many of them something happened to; `None` where the system cannot say.
fn wait(waited: &mut [PollFd<'_>], time: Option<Duration>) -> Option<usize> {
    let time = time.map(|time| Timespec { tv_sec: 0, tv_nsec: i64::from(time.subsec_nanos()) });
    loop {
        match poll(waited, time.as_ref()) {
            Err(Errno::INTR) => {}
            answer => return answer.ok(),
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
