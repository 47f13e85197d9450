//! The settings of a terminal: those for a question, and those of before, which it gets back from us
//! or, when we are dead, from the guard. Both may be in the background by then.

use std::fs::File;
use std::io::{self, Write};

use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use rustix::termios::{
    self, LocalModes, OptionalActions, QueueSelector, SpecialCodeIndex, Termios,
};

/// What a terminal was set to, and what it is set to while a PIN is typed.
pub(super) struct Modes {
    before: Termios,
    quiet: Termios,
}

impl Modes {
    /// Those of before are what the terminal is set to now.
    pub(super) fn of(tty: &File) -> io::Result<Self> {
        let before = termios::tcgetattr(tty)?;
        let mut quiet = before.clone();
        quiet.local_modes &=
            !(LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ICANON | LocalModes::ISIG);
        quiet.special_codes[SpecialCodeIndex::VMIN] = 1;
        quiet.special_codes[SpecialCodeIndex::VTIME] = 0;
        Ok(Self { before, quiet })
    }

    /// Switches echo, line editing and signals off. What was typed ahead was not meant for us.
    pub(super) fn make_quiet(&self, tty: &File) -> io::Result<()> {
        Ok(termios::tcsetattr(tty, OptionalActions::Flush, &self.quiet)?)
    }

    /// Whether it is still set as we left it: a shell that stopped us has set it up for itself.
    pub(super) fn are_quiet(&self, tty: &File) -> io::Result<bool> {
        let (now, quiet) = (termios::tcgetattr(tty)?, &self.quiet);
        Ok((now.local_modes, now.input_modes, now.output_modes)
            == (quiet.local_modes, quiet.input_modes, quiet.output_modes))
    }

    /// Erases a question, with the cursor that many rows below its first, and restores the settings
    /// of before; nothing of either where others have set the terminal up since: it is theirs. What
    /// was typed and not read may be a part of a PIN: it is thrown away unless there was an `answer`.
    pub(super) fn restore(&self, tty: &File, below: u8, answer: bool) -> io::Result<()> {
        // From the background too, where this signal would stop us before anything is done.
        let allowed = SigSet::from(Signal::SIGTTOU).thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
        let restored = self.restore_now(tty, below, answer);
        allowed.thread_set_mask()?;
        restored
    }

    fn restore_now(&self, mut tty: &File, below: u8, answer: bool) -> io::Result<()> {
        if !self.are_quiet(tty)? {
            return Ok(());
        }
        let erased = tty.write_all(erasure(below).as_bytes());
        if !answer {
            termios::tcflush(tty, QueueSelector::IFlush)?;
        }
        termios::tcsetattr(tty, OptionalActions::Now, &self.before)?;
        erased
    }
}

/// Back to the start of the row that is that many above, and everything below erased.
pub(super) fn erasure(below: u8) -> String {
    let up = if below == 0 { String::new() } else { format!("\x1b[{below}A") };
    format!("\r{up}\x1b[J")
}
