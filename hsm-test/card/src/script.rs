//! The fault script: one line a fault, `INSTRUCTION-NAME WHICH ACTION`, and `#` before a comment.
//!
//! Which call: `3`, `2+`, or `*`, counted since the line was added. The first line that fits a call counts. The names
//! are those of the log (see `apdu`).

use std::str::FromStr;
use std::time::Duration;

use crate::apdu;
use crate::status::Status;

/// The lines of a script, and how often each has met its instruction.
#[derive(Default)]
pub struct Script(Vec<Line>);

/// One fault.
#[derive(Debug)]
struct Line {
    instruction: String,
    first: usize,
    last: usize,
    action: Action,
    met: usize,
}

/// What happens instead of the command, before or after it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Action {
    /// `data HEX SW`: exactly that is answered; `-` stands for no data.
    Data(Vec<u8>, Status),
    /// `deselect`: before, as if another client had selected another application.
    Deselect,
    /// `garble`: success is answered, with the data cut in half.
    Garble,
    /// `large`: 60,000 bytes are answered.
    Large,
    /// `pull`, `pull MS`: instead, the card is pulled, and comes back after that time.
    Pull(Option<Duration>),
    /// `silent`: nothing is ever answered, and the card is as after a reset.
    Silent,
    /// `sleep MS`: before.
    Sleep(Duration),
    /// `sw 6F00`: that is answered, nothing is done.
    Status(Status),
    /// `unverify`: before, the card forgets that the PIN was verified.
    Unverify,
    /// `wrong`: a signature of the right shape is answered that does not verify.
    Wrong,
}

impl Script {
    /// Reads a script's text; what is not understood comes back as a sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        let bare = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
        bare.filter(|line| !line.is_empty()).map(str::parse).collect::<Result<_, _>>().map(Self)
    }

    /// Adds the lines of another script.
    pub fn append(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }

    /// Counts a call, and says what happens to it.
    pub fn next(&mut self, instruction: &str) -> Option<Action> {
        let mut action = None;
        for line in self.0.iter_mut().filter(|line| line.instruction == instruction) {
            line.met += 1;
            if action.is_none() && (line.first..=line.last).contains(&line.met) {
                action = Some(line.action.clone());
            }
        }
        action
    }
}

impl FromStr for Line {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let words: Vec<_> = line.split_whitespace().collect();
        let [instruction, which, action @ ..] = words.as_slice() else {
            return Err(format!("too few words in the script's line: {line}"));
        };
        if !apdu::is_name(instruction) {
            return Err(format!("no instruction {instruction}"));
        }
        let (first, last) = calls(which).ok_or_else(|| format!("no call {which}"))?;
        let action = self::action(action).ok_or_else(|| format!("no action in: {line}"))?;
        Ok(Self { instruction: (*instruction).to_owned(), first, last, action, met: 0 })
    }
}

fn calls(which: &str) -> Option<(usize, usize)> {
    match (which, which.strip_suffix('+')) {
        ("*", _) => Some((1, usize::MAX)),
        (_, Some(first)) => Some((first.parse().ok()?, usize::MAX)),
        _ => which.parse().ok().map(|number| (number, number)),
    }
}

fn action(words: &[&str]) -> Option<Action> {
    Some(match *words {
        ["data", data, status] => Action::Data(hex(data)?, self::status(status)?),
        ["deselect"] => Action::Deselect,
        ["garble"] => Action::Garble,
        ["large"] => Action::Large,
        ["pull"] => Action::Pull(None),
        ["pull", time] => Action::Pull(Some(milliseconds(time)?)),
        ["silent"] => Action::Silent,
        ["sleep", time] => Action::Sleep(milliseconds(time)?),
        ["sw", status] => Action::Status(self::status(status)?),
        ["unverify"] => Action::Unverify,
        ["wrong"] => Action::Wrong,
        _ => return None,
    })
}

fn hex(digits: &str) -> Option<Vec<u8>> {
    let pairs = if digits == "-" { &[] } else { digits.as_bytes() };
    let byte = |pair: &[u8]| match pair {
        [_, _] => u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok(),
        _ => None,
    };
    pairs.chunks(2).map(byte).collect()
}

fn status(digits: &str) -> Option<Status> {
    (digits.len() == 4).then(|| u16::from_str_radix(digits, 16).ok().map(Status)).flatten()
}

fn milliseconds(text: &str) -> Option<Duration> {
    text.parse().ok().map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(line: &str) -> Result<Action, String> {
        Script::parse(line).map(|mut script| script.next("VERIFY").expect("the line fits"))
    }

    #[test]
    fn each_action_is_understood() {
        let of = |words: &str| only(&format!("VERIFY * {words}"));
        assert_eq!(of("sw 6F00"), Ok(Action::Status(Status::ABORTED)));
        assert_eq!(of("sleep 20"), Ok(Action::Sleep(Duration::from_millis(20))));
        assert_eq!(of("silent"), Ok(Action::Silent));
        assert_eq!(of("pull"), Ok(Action::Pull(None)));
        assert_eq!(of("pull 500"), Ok(Action::Pull(Some(Duration::from_millis(500)))));
        assert_eq!(of("deselect"), Ok(Action::Deselect));
        assert_eq!(of("unverify"), Ok(Action::Unverify));
        assert_eq!(of("garble"), Ok(Action::Garble));
        assert_eq!(of("wrong"), Ok(Action::Wrong));
        assert_eq!(of("large"), Ok(Action::Large));
        assert_eq!(of("data 7C00 9000"), Ok(Action::Data(vec![0x7C, 0], Status::OK)));
        assert_eq!(of("data - 6300"), Ok(Action::Data(vec![], Status(0x6300))));
    }

    #[test]
    fn what_is_not_understood_is_said() {
        for line in [
            "VERIFY",
            "SIGN * silent",
            "VERIFY x silent",
            "VERIFY * fly",
            "VERIFY * sw 90",
            "VERIFY * data 7 9000",
            "VERIFY * sleep long",
        ] {
            assert!(Script::parse(line).is_err(), "{line}");
        }
    }

    #[test]
    fn calls_are_counted_for_each_line_since_it_was_added() {
        let mut script =
            Script::parse("VERIFY 2 silent # the second\nGENERATE 1 large").expect("a script");
        assert_eq!(script.next("VERIFY"), None);
        script.append(Script::parse("VERIFY 2+ garble").expect("a script"));
        assert_eq!(script.next("VERIFY"), Some(Action::Silent));
        assert_eq!(script.next("VERIFY"), Some(Action::Garble));
        assert_eq!(script.next("VERIFY"), Some(Action::Garble));
        assert_eq!(script.next("GENERATE"), Some(Action::Large));
        assert_eq!(script.next("GENERATE"), None);
    }
}
