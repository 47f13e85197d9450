//! Asks on the controlling terminal, whatever stdin and stdout are. Echo is off while the person
//! types, and what was written is erased afterwards. Ctrl-C gives up, as a byte and not as a
//! signal: a signal would end us with the echo still off.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{self, LocalModes, OptionalActions, Termios};
use zeroize::Zeroizing;

use crate::lock::Lock;
use crate::prompt::{NoPin, Notice, PinRequest, Prompt};
use crate::secret::Secret;

/// Longest line that is taken, in bytes.
const LONGEST: usize = 256;

const END_OF_TEXT: u8 = 0x03; // Ctrl-C
const END_OF_TRANSMISSION: u8 = 0x04; // Ctrl-D
const BACKSPACE: u8 = 0x08;
const LINE_KILL: u8 = 0x15; // Ctrl-U
const DELETE: u8 = 0x7f;

/// The terminal of this session, open for reading and writing.
pub struct Terminal {
    tty: File,
    /// Our stdin, which hangs up when the main program is gone: then nobody waits for an answer.
    caller: OwnedFd,
}

impl Terminal {
    /// The controlling terminal, if there is one and this process is in its foreground: a
    /// background process that reads from it would be stopped, and nobody would know why.
    #[must_use]
    pub fn open() -> Option<Self> {
        let tty = File::options().read(true).write(true).open("/dev/tty").ok()?;
        let foreground = termios::tcgetpgrp(&tty).ok()?;
        let caller = std::io::stdin().as_fd().try_clone_to_owned().ok()?;
        (foreground == rustix::process::getpgrp()).then_some(Self { tty, caller })
    }

    /// One question at a time on a terminal: two would share the keys that are typed, and each
    /// would take the other's silence for the terminal's own state. Waits as long as the caller does.
    fn turn(&self) -> Result<Lock, NoPin> {
        let session = termios::tcgetsid(&self.tty).map_err(|_| NoPin::Cancelled)?;
        let name = format!("terminal-{}", session.as_raw_nonzero());
        let lock = Lock::take(&name, &mut |pause| {
            let mut waited = [PollFd::new(&self.caller, PollFlags::empty())];
            let pause = Timespec { tv_sec: 0, tv_nsec: i64::from(pause.subsec_nanos()) };
            poll(&mut waited, Some(&pause)).is_ok_and(|gone| gone == 0)
        });
        // Without a safe folder the token's lock has failed already.
        lock.map_err(|_| NoPin::Cancelled)?.ok_or(NoPin::Cancelled)
    }

    /// How many rows a text takes: a long line is folded at the terminal's width.
    fn rows(&self, text: &str) -> usize {
        let width = termios::tcgetwinsize(&self.tty).map_or(0, |size| usize::from(size.ws_col));
        let width = if width == 0 { usize::MAX } else { width };
        text.split('\n').map(|line| line.chars().count().div_ceil(width).max(1)).sum()
    }

    /// Waits for a byte; `None` when the terminal hung up or the main program is gone.
    fn next_byte(&self) -> Option<u8> {
        // A hang-up is always reported; what the caller may have written is not our affair.
        let caller = PollFd::new(&self.caller, PollFlags::empty());
        let mut waited = [PollFd::new(&self.tty, PollFlags::IN), caller];
        loop {
            match poll(&mut waited, None) {
                Ok(_) => break,
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => return None,
            }
        }
        if !waited[1].revents().is_empty() {
            return None;
        }
        let mut byte = [0];
        (&self.tty).read_exact(&mut byte).ok()?;
        Some(byte[0])
    }

    fn line(&self) -> Result<Secret, NoPin> {
        // Reserved in one piece: a buffer that grows would leave copies behind.
        let mut line = Zeroizing::new(Vec::with_capacity(LONGEST));
        loop {
            match self.next_byte().ok_or(NoPin::Cancelled)? {
                b'\r' | b'\n' => break,
                END_OF_TEXT | END_OF_TRANSMISSION => return Err(NoPin::Cancelled),
                BACKSPACE | DELETE => drop_character(&mut line),
                LINE_KILL => line.clear(),
                byte if line.len() < LONGEST => line.push(byte),
                _ => {}
            }
        }
        let text = str::from_utf8(&line).map_err(|_| NoPin::Cancelled)?;
        Ok(Secret::new(text.to_owned()))
    }
}

/// The last character, which may be more than one byte of UTF-8.
fn drop_character(line: &mut Vec<u8>) {
    while line.pop().is_some_and(|byte| byte & 0b1100_0000 == 0b1000_0000) {}
}

impl Prompt for Terminal {
    fn pin(&self, request: &PinRequest<'_>) -> Result<Secret, NoPin> {
        let _turn = self.turn()?;
        let quiet = Quiet::on(&self.tty).ok_or(NoPin::Cancelled)?;
        let question = question(request);
        (&self.tty).write_all(question.as_bytes()).map_err(|_| NoPin::Cancelled)?;
        let answer = self.line();
        // Back to the start of the first row, and everything below it erased.
        let up = self.rows(&question) - 1;
        let up = if up == 0 { String::new() } else { format!("\x1b[{up}A") };
        let erased = (&self.tty).write_all(format!("\r{up}\x1b[J").as_bytes());
        drop(quiet);
        erased.map_err(|_| NoPin::Cancelled)?;
        answer
    }

    fn notify(&self, _: &Notice<'_>, _: &mut dyn FnMut(Duration) -> bool) {}

    fn interactive(&self) -> bool {
        true
    }
}

fn question(request: &PinRequest<'_>) -> String {
    let told: String = request.told().iter().map(|line| format!("keyanchor: {line}\n")).collect();
    format!("{told}{} ", request.question())
}

/// The terminal without echo, line editing and signals, until it is dropped.
struct Quiet<'a> {
    tty: &'a File,
    before: Termios,
}

impl<'a> Quiet<'a> {
    fn on(tty: &'a File) -> Option<Self> {
        let before = termios::tcgetattr(tty.as_fd()).ok()?;
        let mut quiet = before.clone();
        quiet.local_modes &=
            !(LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ICANON | LocalModes::ISIG);
        termios::tcsetattr(tty, OptionalActions::Flush, &quiet).ok()?;
        Some(Self { tty, before })
    }
}

impl Drop for Quiet<'_> {
    fn drop(&mut self) {
        // Nothing can be done where the terminal is gone.
        let _ = termios::tcsetattr(self.tty, OptionalActions::Now, &self.before);
    }
}
