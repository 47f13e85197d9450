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
        // Once more: to write may have taken a while.
        if !self.are_quiet(tty)? {
            return erased;
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

#[cfg(test)]
mod tests {
    use hsm_test::terminal::Terminal;
    use rustix::event::{PollFd, PollFlags, poll};
    use std::io::Read;
    use std::os::unix::fs::OpenOptionsExt;

    use super::*;

    fn quiet() -> (Terminal, File, Modes) {
        let terminal = Terminal::open();
        let flags = (rustix::fs::OFlags::NOCTTY | rustix::fs::OFlags::NONBLOCK).bits();
        let mut options = File::options();
        options.read(true).write(true).custom_flags(flags.try_into().expect("small"));
        let tty = options.open(terminal.path()).expect("a terminal");
        let modes = Modes::of(&tty).expect("settings");
        modes.make_quiet(&tty).expect("a terminal of ours");
        (terminal, tty, modes)
    }

    #[test]
    fn what_was_typed_of_an_answer_is_gone_and_what_follows_one_is_not() {
        for answer in [false, true] {
            let (mut terminal, mut tty, modes) = quiet();
            assert!(modes.are_quiet(&tty).expect("settings") && !terminal.state().echoes());
            terminal.type_in("12\n");
            // Keys take a moment to arrive.
            poll(&mut [PollFd::new(&tty, PollFlags::IN)], None).expect("keys");
            modes.restore(&tty, 2, answer).expect("restored");
            assert!(terminal.state().echoes() && terminal.state().has_signals());
            assert_eq!(terminal.shown(), "\r\x1b[2A\x1b[J");
            let mut rest = [0; 8];
            assert_eq!(tty.read(&mut rest).ok(), answer.then_some(3));
        }
    }

    #[test]
    fn what_others_have_set_up_since_is_theirs() {
        let (mut terminal, tty, modes) = quiet();
        let mut theirs = modes.before.clone();
        theirs.local_modes -= LocalModes::ICANON | LocalModes::ECHO;
        termios::tcsetattr(&tty, OptionalActions::Now, &theirs).expect("set");
        let before = terminal.state();
        modes.restore(&tty, 2, false).expect("left alone");
        assert_eq!((terminal.state(), terminal.shown().as_str()), (before, ""));
    }
}
