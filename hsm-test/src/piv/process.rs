//! A program that obeys: it says that it is ready, then answers each line of its standard input with one of its
//! standard output, `ok …` or `error …`, and ends when there are no more.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::wait;

/// How long it may think about an order.
const PATIENCE: Timespec = Timespec { tv_sec: 30, tv_nsec: 0 };

/// Such a program, ended when dropped, and killed where it does not hear.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    line: Mutex<Line>,
}

#[derive(Debug)]
struct Line {
    /// `None` once it shall end.
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Process {
    /// Starts it, and waits until it is ready.
    pub(super) fn start(command: &mut Command) -> Self {
        let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = spawned.unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let orders = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().expect("it is a pipe"));
        let mut line = Line { orders, answers };
        let first = line.answer();
        assert_eq!(first.as_deref(), Some("ready"), "{command:?}");
        Self { child, line: Mutex::new(line) }
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it answers to an order; an error is its sentence.
    pub(super) fn try_order(&self, order: &str) -> Result<String, String> {
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = line.orders.as_mut().is_some_and(|orders| writeln!(orders, "{order}").is_ok());
        let answer = line.answer().filter(|_| sent);
        let answer = answer.unwrap_or_else(|| panic!("no answer to the order {order}"));
        let (word, rest) = answer.split_once(' ').unwrap_or((&answer, ""));
        if word == "ok" { Ok(rest.into()) } else { Err(rest.into()) }
    }

    /// The same.
    ///
    /// # Panics
    /// When it answers with an error.
    pub(super) fn order(&self, order: &str) -> String {
        self.try_order(order).unwrap_or_else(|error| panic!("{order}: {error}"))
    }
}

impl Line {
    /// The next line, unless there is none in time.
    fn answer(&mut self) -> Option<String> {
        if self.answers.buffer().is_empty() {
            let mut waiting = [PollFd::new(self.answers.get_ref(), PollFlags::IN)];
            poll(&mut waiting, Some(&PATIENCE)).ok().filter(|ready| *ready > 0)?;
        }
        let mut answer = String::new();
        self.answers.read_line(&mut answer).ok()?;
        answer.strip_suffix('\n').map(str::to_owned)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let line = self.line.get_mut().unwrap_or_else(PoisonError::into_inner);
        drop(line.orders.take());
        wait::until_ended(&mut self.child);
    }
}
