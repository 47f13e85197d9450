//! The human edge of a device host: where a PIN comes from, who is asked for it, what they are told,
//! and when nothing may be tried. People are reached through the controlling terminal, a pinentry
//! or an askpass program: stdin, stdout and stderr belong to the SDK that started us.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::secret::Secret;
use crate::wire::Awaited;
use crate::wire::failure::Tries;

mod askpass;
pub mod bell;
pub mod caller;
mod desktop;
pub mod etiquette;
pub mod person;
pub mod pinentry;
pub mod program;
mod source;
pub mod spawner;
mod terminal;

pub use askpass::Askpass;
pub use desktop::Desktop;
pub use pinentry::Pinentry;
pub use source::{Pin, Source, pin_file, pin_in};
pub use terminal::{GUARD, Terminal};

/// Who can be asked for a PIN, and told what is waited for.
pub trait Prompt {
    /// Asks for the PIN of a token.
    ///
    /// # Errors
    /// When the person gives up, when there is nobody, at once, or when the way to them is broken.
    fn pin(&self, request: &PinRequest<'_>) -> Result<Secret, NoPin>;

    /// Shows what is waited for, and takes it away again once that is over: `waiting` is asked
    /// again and again, passes at most the time that it is given, and says whether to go on.
    fn notify(&self, notice: &Notice<'_>, waiting: &mut dyn FnMut(Duration) -> bool);

    /// Whether there is a person.
    fn interactive(&self) -> bool;
}

/// What a person must know to answer.
pub struct PinRequest<'a> {
    /// `PIN` or `password`
    pub word: &'a str,
    /// What it is for, such as `token 'lab'`.
    pub of: &'a str,
    /// The key that is to sign, as a URI; empty where only the token is looked at.
    pub key: &'a str,
    /// The program that wants it, such as `aws (process 4242)`.
    pub caller: Option<&'a str>,
    /// What the token says about the tries that are left.
    pub tries: Tries,
    /// Why it is asked although it was answered before, or although a PIN is configured.
    pub why: Option<&'a str>,
}

impl PinRequest<'_> {
    /// What stands before the question, a line each.
    #[must_use]
    pub fn told(&self) -> Vec<String> {
        let caller = self.caller.map_or_else(|| "keyanchor".to_owned(), plain);
        let wish = match self.key {
            "" => format!("{caller} wants to see what is on {}", plain(self.of)),
            key => format!("{caller} wants to sign with {}", plain(key)),
        };
        let tries = etiquette::tries_left(self.tries, self.word, self.why.is_some());
        let state: Vec<_> = self.why.map(plain).into_iter().chain(tries).collect();
        let state = Some(state.join("; ")).filter(|state| !state.is_empty());
        [wish].into_iter().chain(state).collect()
    }

    /// All of it, for who shows it as one text; what is typed stands right after it.
    #[must_use]
    pub fn text(&self) -> String {
        let told: String = self.told().iter().map(|line| format!("keyanchor: {line}\n")).collect();
        format!("{told}{} ", self.question())
    }

    /// The question itself, without a blank at its end.
    #[must_use]
    pub fn question(&self) -> String {
        format!("{} for {}:", self.word, plain(self.of))
    }
}

/// What a person is waited for, other than a PIN that is typed here.
pub enum Notice<'a> {
    /// Put in the token of that name.
    Insert(&'a str),
    /// Touch it.
    Touch(&'a str),
    /// Type the PIN on its own keys.
    Type(&'a str),
}

impl Notice<'_> {
    /// For the main program, whose time it is.
    #[must_use]
    pub fn awaited(&self) -> Awaited {
        match self {
            Self::Insert(_) => Awaited::Token,
            Self::Touch(_) => Awaited::Touch,
            Self::Type(_) => Awaited::Pad,
        }
    }

    /// What they are told, on one line.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Insert(token) => format!("insert {}", plain(token)),
            Self::Touch(token) => format!("touch {}", plain(token)),
            Self::Type(token) => format!("type the PIN on the reader of {}", plain(token)),
        }
    }
}

/// Why there is no PIN.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NoPin {
    /// The person gave up, or nobody waits for the answer any more.
    Cancelled,
    /// There is nobody to ask.
    Nobody,
    /// What was typed can be no PIN: why.
    Unfit(String),
    /// A program that was to ask cannot: which, and why.
    Unusable(String),
}

/// Nobody to ask: what runs without a terminal.
pub struct Nobody;

impl Prompt for Nobody {
    fn pin(&self, _: &PinRequest<'_>) -> Result<Secret, NoPin> {
        Err(NoPin::Nobody)
    }

    fn notify(&self, _: &Notice<'_>, _: &mut dyn FnMut(Duration) -> bool) {}

    fn interactive(&self) -> bool {
        false
    }
}

/// Labels come from a token, names from a process: no control byte of theirs reaches a person, and
/// nothing that cannot be seen or turns the text around.
fn plain(text: &str) -> String {
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
    };
    text.chars().take(200).map(|c| if hidden(c) { '?' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_can_neither_write_to_a_terminal_nor_turn_it_around() {
        assert_eq!(plain("a\x1b[2J\u{9b}b\n\u{202e}nip\u{200b}"), "a?[2J?b??nip?");
        assert_eq!(plain("Schlüssel 漢字"), "Schlüssel 漢字");
        assert_eq!(plain(&"x".repeat(300)).len(), 200);
    }
}
