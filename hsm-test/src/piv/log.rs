//! What a card has written down: each command that it got, and what else happened to it, in the words of
//! `hsm-test/card`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// All that a card has written down, or what it has since a mark, in its order.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Log(pub Vec<Entry>);

/// A place in the log of a card.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Mark(pub(super) usize);

/// One thing that happened.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry {
    /// When, to the millisecond.
    pub at: SystemTime,
    /// The name of an instruction, such as `VERIFY`; or what it was, such as `POWER reset` or `TOUCH awaited`.
    pub name: String,
    /// If it was a command.
    pub command: Option<Command>,
}

/// A command; parts of a chain are one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Command {
    /// The parameters P1 and P2.
    pub parameters: [u8; 2],
    /// How many octets of data came with it.
    pub length: usize,
    /// The status word of the answer, unless there was none.
    pub status: Option<u16>,
    /// In how many parts it came.
    pub chunks: usize,
}

impl Log {
    /// The complete lines of a log after the mark.
    pub(super) fn parse(text: &str, since: Mark) -> Self {
        let lines = text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
        Self(lines.skip(since.0).map(Entry::parse).collect())
    }

    /// How often something of that name happened.
    pub fn count(&self, name: &str) -> usize {
        self.of(name).count()
    }

    /// All that happened under that name.
    pub fn of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Entry> {
        self.0.iter().filter(move |entry| entry.name == name)
    }

    /// How many APDUs the card has got: each part of a chain is one, and each GET RESPONSE.
    pub fn apdus(&self) -> usize {
        self.0.iter().filter_map(|entry| entry.command).map(|command| command.chunks).sum()
    }

    /// The names of the commands.
    pub fn commands(&self) -> Vec<&str> {
        let commands = self.0.iter().filter(|entry| entry.command.is_some());
        commands.map(|entry| entry.name.as_str()).collect()
    }
}

impl Entry {
    /// `MILLISECONDS NAME P1 P2 LENGTH STATUS [chunks=N]`, or `MILLISECONDS WORDS`.
    fn parse(line: &str) -> Self {
        let (time, rest) =
            line.split_once(' ').unwrap_or_else(|| panic!("in a card's log: {line}"));
        let since_1970 = Duration::from_millis(time.parse().expect("a line begins with its time"));
        let words: Vec<&str> = rest.split(' ').collect();
        let (name, command) = match words[..] {
            [name, p1, p2, length, status, ref chunks @ ..] => {
                (name, Some(Command::parse([p1, p2], length, status, chunks)))
            }
            _ => (rest, None),
        };
        Self { at: UNIX_EPOCH + since_1970, name: name.into(), command }
    }
}

impl Command {
    fn parse(parameters: [&str; 2], length: &str, status: &str, chunks: &[&str]) -> Self {
        let octet = |digits| u8::from_str_radix(digits, 16).expect("a parameter is hexadecimal");
        let chunks = chunks.first().and_then(|word| word.strip_prefix("chunks="));
        Self {
            parameters: parameters.map(octet),
            length: length.parse().expect("a length is decimal"),
            status: u16::from_str_radix(status, 16).ok(),
            chunks: chunks.map_or(1, |number| number.parse().expect("a number of chunks")),
        }
    }
}
