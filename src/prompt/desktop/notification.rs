//! One notification of the desktop, by notify-send: shown until what it tells of is over, and then
//! replaced by one that is gone at once.

use std::time::Duration;

use crate::deadline::PERSON;
use crate::prompt::Notice;
use crate::prompt::program::{GLANCE, Program};

/// A notification that was sent.
pub(super) struct Notification<'a> {
    sent: Program,
    hidden: &'a [String],
}

impl<'a> Notification<'a> {
    /// Sends one; `None` where there is no notify-send.
    pub(super) fn show(notice: &Notice<'_>, hidden: &'a [String]) -> Option<Self> {
        let text = format!("keyanchor: {}", notice.text());
        let time = format!("--expire-time={}", PERSON.as_millis());
        let sent = send(&["--print-id", &time, &text], hidden)?;
        Some(Self { sent, hidden })
    }

    /// Keeps it while there is something to wait for; whether it could be seen.
    pub(super) fn last(mut self, waiting: &mut dyn FnMut(Duration) -> bool) -> bool {
        let mut number = None;
        while self.sent.is_awaited() && waiting(GLANCE) {
            match self.sent.ended() {
                Ok(Some(status)) if status.success() => number = number.or_else(|| self.number()),
                Ok(None) => {}
                _ => return false,
            }
        }
        if let Some(number) = number.or_else(|| self.number()) {
            let number = format!("--replace-id={number}");
            let replaced = send(&[&number, "--expire-time=1", "keyanchor: done"], self.hidden);
            replaced.map(|mut replaced| replaced.let_end());
        }
        true
    }

    /// The number by which it is known, once it has been sent.
    fn number(&mut self) -> Option<u32> {
        self.sent.ended().ok()??;
        let line = self.sent.read_line(20).ok()??;
        str::from_utf8(&line).ok()?.trim().parse().ok()
    }
}

/// The text is the title and not the body, which some desktops take for markup.
fn send(words: &[&str], hidden: &[String]) -> Option<Program> {
    let argv = [&["notify-send", "--app-name=keyanchor", "--transient"], words].concat();
    Program::start(&argv, hidden).ok()
}
