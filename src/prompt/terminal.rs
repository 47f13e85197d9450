//! Asks on the controlling terminal, whatever stdin and stdout are. Echo is off while the person
//! types, and what was written is erased afterwards, by a guard if we are killed. Ctrl-C gives up and
//! Ctrl-Z suspends, as bytes and not as signals: a signal would stop us with the echo still off.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::process::ExitCode;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Signal, getpgrp, kill_current_process_group};
use rustix::termios;

use crate::lock::Lock;
use crate::prompt::{NoPin, Notice, PinRequest, Prompt};
use crate::secret::Secret;

mod events;
mod guard;
mod keys;
mod modes;

use events::Events;
use guard::Guard;
use keys::{Key, Line};
use modes::Modes;

/// The argument that makes a host's program [`Terminal::guard`].
pub const GUARD: &str = guard::ARGUMENT;

/// How often it is looked whether a notice must be shown again.
const TICK: Duration = Duration::from_millis(200);

/// How long one that is not stopped in the background waits there.
const BACKGROUND: Duration = Duration::from_millis(100);

/// The terminal of this session, open for reading and writing.
pub struct Terminal {
    tty: File,
    /// Our stdin, which hangs up when the main program is gone: then nobody waits for an answer.
    caller: OwnedFd,
}

/// What came of a question that was shown.
enum Outcome {
    Answer(Secret),
    /// Others use the terminal now, or have used it: what is on it and how it is set is theirs.
    Disturbed,
    Suspend,
}

impl Terminal {
    /// The controlling terminal, if there is one and this process is in its foreground: a
    /// background process that reads from it would be stopped, and nobody would know why.
    #[must_use]
    pub fn open() -> Option<Self> {
        let tty = File::options().read(true).write(true).open("/dev/tty").ok()?;
        let caller = std::io::stdin().as_fd().try_clone_to_owned().ok()?;
        let terminal = Self { tty, caller };
        terminal.in_foreground().is_ok_and(|it| it).then_some(terminal)
    }

    /// The life of a guard, which restores the terminal of a host that was killed.
    #[must_use]
    pub fn guard() -> ExitCode {
        guard::run()
    }

    fn in_foreground(&self) -> Result<bool, NoPin> {
        let foreground = termios::tcgetpgrp(&self.tty).map_err(lost)?;
        Ok(foreground == getpgrp())
    }

    /// Passes that time; false if the main program is gone.
    fn caller_waits(&self, pause: Duration) -> bool {
        let mut waited = [PollFd::new(&self.caller, PollFlags::empty())];
        let pause = Timespec { tv_sec: 0, tv_nsec: i64::from(pause.subsec_nanos()) };
        matches!(poll(&mut waited, Some(&pause)), Ok(0) | Err(rustix::io::Errno::INTR))
    }

    /// One at a time on a terminal: two questions would share the keys that are typed, and each
    /// would take the other's silence for the terminal's own state. `wait` as for [`Lock::take`].
    fn turn(&self, wait: &mut dyn FnMut(Duration) -> bool) -> Option<Lock> {
        let session = termios::tcgetsid(&self.tty).ok()?;
        let name = format!("terminal-{}", session.as_raw_nonzero());
        Lock::take(&name, wait)
    }

    fn width(&self) -> usize {
        let width = termios::tcgetwinsize(&self.tty).map_or(0, |size| usize::from(size.ws_col));
        if width == 0 { usize::MAX } else { width }
    }

    /// How many rows the cursor is below the first of a text: long lines are folded.
    fn below(&self, text: &str) -> u8 {
        let width = self.width();
        let rows = text.split('\n').map(|line| line.chars().count().div_ceil(width).max(1));
        u8::try_from(rows.sum::<usize>() - 1).unwrap_or(u8::MAX)
    }

    /// Waits for its turn as long as the caller does, asks, and leaves the terminal as it was.
    fn ask(&self, question: &str) -> Result<Outcome, NoPin> {
        let turn = self.turn(&mut |pause| self.caller_waits(pause));
        let _turn = turn.ok_or(NoPin::Cancelled)?;
        if !self.in_foreground()? {
            return Ok(Outcome::Disturbed);
        }
        let mut guard = Guard::start(&self.caller);
        let modes = Modes::of(&self.tty).map_err(lost)?;
        modes.make_quiet(&self.tty).map_err(lost)?;
        // A notice may stand in the line.
        let shown = self.show(question, 0);
        if let Some(guard) = &mut guard {
            guard.shown(self.below(question));
        }
        let outcome = shown.and_then(|()| self.answer(question, &modes));
        let answered = matches!(outcome, Ok(Outcome::Answer(_)));
        let restored = modes.restore(&self.tty, self.below(question), answered);
        if let Some(guard) = guard {
            guard.done();
        }
        restored.map_err(lost)?;
        outcome
    }

    /// Shows it in place of what is there, with the cursor that many rows below its first.
    fn show(&self, question: &str, below: u8) -> Result<(), NoPin> {
        // A terminal in raw mode returns no carriage by itself.
        let text = modes::erasure(below) + &question.replace('\n', "\r\n");
        (&self.tty).write_all(text.as_bytes()).map_err(lost)
    }

    fn answer(&self, question: &str, modes: &Modes) -> Result<Outcome, NoPin> {
        let events = Events::of(&self.tty, &self.caller).map_err(lost)?;
        let mut line = Line::new();
        loop {
            let event = events.wait();
            if event.caller_is_gone {
                return Err(NoPin::Cancelled);
            }
            // Nothing is read, and thus nothing typed unseen, that would have been echoed.
            let quiet = modes.are_quiet(&self.tty).map_err(lost)?;
            if !quiet || !self.in_foreground()? {
                return Ok(Outcome::Disturbed);
            }
            if event.interrupted {
                self.show(question, self.below(question))?;
            }
            if !event.key {
                continue;
            }
            let mut byte = [0];
            (&self.tty).read_exact(&mut byte).map_err(lost)?;
            match line.take(byte[0]) {
                Key::Enter => return line.finish().map(Outcome::Answer),
                Key::GiveUp => return Err(NoPin::Cancelled),
                Key::Line => {}
                Key::Suspend => return Ok(Outcome::Suspend),
            }
        }
    }

    /// Stops the whole job until it is brought to the front, as the kernel does with one that reads
    /// from the background. Where there is no shell to do that, it does not stop.
    fn come_to_the_front(&self) -> Result<(), NoPin> {
        let mut pause = Duration::ZERO;
        while self.caller_waits(pause) {
            if self.in_foreground()? {
                return Ok(());
            }
            let _ = kill_current_process_group(Signal::TTIN);
            pause = BACKGROUND;
        }
        Err(NoPin::Cancelled)
    }

    /// Writes into the line of the cursor, unless a question has the terminal, or another job, or
    /// the person holds all output (Ctrl-S): nothing waits for that.
    fn put(&self, text: &str) -> bool {
        let put = format!("\r{text}\x1b[K");
        let mut output = [PollFd::new(&self.tty, PollFlags::OUT)];
        let flows = poll(&mut output, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }));
        flows.is_ok_and(|events| events > 0)
            && self.in_foreground().is_ok_and(|it| it)
            && self
                .turn(&mut |_| false)
                .is_some_and(|_turn| (&self.tty).write_all(put.as_bytes()).is_ok())
    }
}

impl Prompt for Terminal {
    fn pin(&self, request: &PinRequest<'_>) -> Result<Secret, NoPin> {
        let question = request.text();
        loop {
            self.come_to_the_front()?;
            match self.ask(&question)? {
                Outcome::Answer(pin) => return Ok(pin),
                Outcome::Disturbed => {}
                Outcome::Suspend => {
                    let _ = kill_current_process_group(Signal::TSTP);
                }
            }
        }
    }

    /// Has the terminal's turn only while it writes, so that no question waits for it; one that
    /// comes begins by clearing the line, and the notice is back when it is over.
    fn notify(&self, notice: &Notice<'_>, waiting: &mut dyn FnMut(Duration) -> bool) {
        let text = format!("keyanchor: {}", notice.text());
        loop {
            // One row, whatever the width: more could not be cleared by who comes next.
            let row: String = text.chars().take(self.width() - 1).collect();
            let shown = self.put(&row);
            if waiting(TICK) {
                continue;
            }
            if shown {
                self.put("");
            }
            return;
        }
    }

    fn interactive(&self) -> bool {
        true
    }
}

/// The terminal hung up: there is nobody at it any more.
fn lost<E>(_: E) -> NoPin {
    NoPin::Cancelled
}
