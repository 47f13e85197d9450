//! The spawner's own side: one order after the other, until its host closes the line.

use std::io::{self, ErrorKind};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use nix::sys::signal::SigSet;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::prompt::program::output;
use crate::prompt::source::{MOST, named_by_user, pin_in};
use crate::prompt::spawner::{Answer, Order, Question, Settings, Shown};
use crate::prompt::{NoPin, Notice, PinRequest, Prompt, person};
use crate::secret::Secret;
use crate::wire::frame::{self, Frame};

/// Serves a host. Signals are left to the programs: this process ends when its host does, whatever ended
/// that, and ends them first.
pub(super) fn until_the_end(mut line: UnixStream) -> io::Result<()> {
    SigSet::all().thread_block()?;
    let Some(Order::Begin(settings)) = next(&mut line)? else {
        return Err(ErrorKind::InvalidData.into());
    };
    let user = person::by_programs(settings.no_prompt, &settings.hidden);
    frame::write(&mut line, &Answer::Ready { asks: user.interactive() })?;
    while let Some(order) = next(&mut line)? {
        match order {
            Order::Ask(question) => match question.answer(user.as_ref()) {
                Ok(pin) => frame::write_secret(&mut line, &pin),
                Err(none) => frame::write(&mut line, &Answer::None(none)),
            },
            Order::RunPinCommand => match pin_from_command(&settings) {
                Ok(pin) => frame::write_secret(&mut line, &pin),
                Err(reason) => frame::write(&mut line, &Answer::Failed(reason)),
            },
            Order::Show(shown) => {
                user.notify(&shown.notice(), &mut nothing_is_heard);
                Ok(())
            }
            Order::Over => frame::write(&mut line, &Answer::Done),
            Order::Begin(_) => Err(ErrorKind::InvalidData.into()),
        }?;
    }
    Ok(())
}

fn next(line: &mut UnixStream) -> io::Result<Option<Order>> {
    match frame::read(line)? {
        None => Ok(None),
        Some(Frame::Message(json)) => Ok(serde_json::from_slice(&json).map(Some)?),
        Some(Frame::Secret(_)) => Err(ErrorKind::InvalidData.into()),
    }
}

/// Passes that time; false as soon as the host says something, or is gone.
fn nothing_is_heard(time: Duration) -> bool {
    let stdin = io::stdin();
    let time = Timespec { tv_sec: 0, tv_nsec: i64::from(time.subsec_nanos()) };
    matches!(poll(&mut [PollFd::new(&stdin, PollFlags::IN)], Some(&time)), Ok(0))
}

fn pin_from_command(settings: &Settings) -> Result<Secret, String> {
    let words = settings.pin_command.as_deref().ok_or("no program is named")?;
    // The user knows the program by the path in the option: where it really is need not be said too.
    let said = output(words, &settings.hidden, MOST).map_err(|why| named_by_user(words, why))?;
    pin_in(said)
}

impl Question {
    fn answer(&self, user: &dyn Prompt) -> Result<Secret, NoPin> {
        user.pin(&PinRequest {
            word: &self.word,
            of: &self.of,
            key: &self.key,
            caller: self.caller.as_deref(),
            tries: self.tries,
            why: self.why.as_deref(),
        })
    }
}

impl Shown {
    fn notice(&self) -> Notice<'_> {
        match self {
            Self::Insert(token) => Notice::Insert(token),
            Self::Touch(token) => Notice::Touch(token),
            Self::Type(token) => Notice::Type(token),
        }
    }
}
