//! The one type that unites the edges' errors, and what a person and a program get of each: at
//! most three lines on stderr, and an exit code by class.

use std::fmt;
use std::io;

use serde::{Deserialize, Serialize};

use crate::wire::Failure;
use crate::{exchange, identity, paths, signer};

mod call;
mod cloud;
mod device;
mod pair;
mod pin;
mod piv;
mod shared;
mod tls;
mod tpm;

/// Longest text of a line, in bytes: three lines stay below 1 KiB.
const LONGEST_LINE: usize = 315;

/// Which keys there can be.
const KINDS: &str =
    "the service takes RSA keys from 2048 bits, and EC keys on P-256, P-384 and P-521";

/// The end of hints where the cause may be elsewhere.
const TRY_EACH_STEP: &str = "; keyanchor doctor with the same options tries each step";

/// Everything that can end a run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder of what was obtained before.
    #[error("the cache cannot be used")]
    Cache(paths::Error),
    /// Another process has been asking for the same credentials all the time.
    #[error("{}", crowded(*.by))]
    Crowded {
        /// Its number, if that is known.
        by: Option<u32>,
    },
    /// The cloud edge.
    #[error(transparent)]
    Exchange(exchange::Error),
    /// A step of `keyanchor doctor`.
    #[error(transparent)]
    Examined(Box<Error>),
    /// A fault of our own.
    #[error("keyanchor came upon a fault of its own")]
    Fault {
        /// The file and the line.
        place: String,
    },
    /// The pair of key and certificate.
    #[error(transparent)]
    Identity(identity::Error),
    /// stdout was closed or full when an answer for people or programs was written.
    #[error("the answer could not be written to stdout")]
    Listing(io::Error),
    /// The record of refused PINs.
    #[error("what is remembered of refused PINs cannot be forgotten")]
    Memory(paths::Error),
    /// stdout was closed or full.
    #[error("the credentials could not be written to stdout")]
    Output(io::Error),
    /// What ended the run of another process, whose outcome was waited for.
    #[error("{}", .0.error)]
    Shared(Report),
    /// The hardware edge.
    #[error(transparent)]
    Signer(signer::Error),
    /// Memory for secrets cannot be locked, and has to be.
    #[error("{}", crate::wire::failure::SWAPPABLE)]
    Swappable(io::Error),
    /// No thread or event loop could be started.
    #[error("this computer is out of resources")]
    System(io::Error),
    /// The command line.
    #[error("{}", .0.what)]
    Usage(Usage),
}

/// What is wrong with the command line or the environment.
#[derive(Debug)]
pub struct Usage {
    /// What is wrong.
    pub what: String,
    /// Why.
    pub cause: Option<String>,
    /// What to do.
    pub hint: Option<String>,
}

/// The class of an error is its exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Class {
    /// The command line.
    Usage = 2,
    /// Key, token, local files.
    Local = 3,
    /// PIN or authorisation.
    Pin = 4,
    /// The remote side.
    Remote = 5,
    /// Something did not answer in time.
    Deadline = 6,
}

/// What is told of an error.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    class: Class,
    error: String,
    cause: Option<String>,
    hint: Option<String>,
}

impl Error {
    /// What is told of it.
    #[must_use]
    pub fn report(&self) -> Report {
        match self {
            Self::Cache(error) => {
                Report::new(Class::Local, self).cause(error.to_string()).hint(pin::REMOVE)
            }
            Self::Crowded { .. } => Report::new(Class::Deadline, self)
                .cause("it still has not got them")
                .hint("end it, allow more time with --timeout or --wait, or do without it with --no-cache"),
            Self::Examined(error) => error.report().examined(),
            Self::Exchange(exchange::Error::Identity(error)) => pair::report(error),
            Self::Exchange(error) => cloud::report(error),
            Self::Fault { place } => Report::new(Class::Local, self)
                .cause(format!("at {place}"))
                .hint("run it with --debug and report it; it may be for want of threads or memory"),
            Self::Identity(error) => pair::report(error),
            Self::Shared(report) => report.clone(),
            Self::Signer(error) => device::report(error),
            Self::Listing(error) | Self::Output(error) => {
                Report::new(Class::Local, self).cause(crate::paths::reason(error))
            }
            Self::Memory(error) => {
                Report::new(Class::Local, self).cause(error.to_string()).hint(pin::REMOVE)
            }
            Self::Swappable(error) => Report::swappable(self, crate::paths::reason(error)),
            Self::System(error) => Report::out_of_resources(error),
            Self::Usage(usage) => {
                let report = Report::new(Class::Usage, &usage.what);
                Report { cause: usage.cause.clone(), hint: usage.hint.clone(), ..report }
            }
        }
    }
}

fn crowded(by: Option<u32>) -> String {
    let by = by.map_or_else(|| "another process".to_owned(), |by| format!("process {by}"));
    format!("{by} asks for the same credentials")
}

impl Report {
    fn new(class: Class, error: impl fmt::Display) -> Self {
        Self { class, error: error.to_string(), cause: None, hint: None }
    }

    fn out_of_resources(error: &io::Error) -> Self {
        Self::new(Class::Local, "this computer is out of resources")
            .cause(crate::paths::reason(error))
            .hint("end other programs, or raise the limits (ulimit)")
    }

    fn swappable(error: impl fmt::Display, reason: String) -> Self {
        Self::new(Class::Local, error)
            .cause(reason)
            .hint("raise the limit of locked memory (ulimit -l, LimitMEMLOCK=), or leave --strict-memory out")
    }

    fn cause(self, cause: impl Into<String>) -> Self {
        Self { cause: Some(cause.into()), ..self }
    }

    fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// One who has asked doctor already is not sent there.
    fn examined(self) -> Self {
        let hint = self.hint.map(|hint| hint.trim_end_matches(TRY_EACH_STEP).to_owned());
        Self { hint, ..self }
    }

    /// What is told of a device that did not end the run.
    #[must_use]
    pub fn of_device(error: &signer::Error) -> Self {
        device::report(error)
    }

    /// The same, of one thing that it could not do.
    #[must_use]
    pub fn of_failure(failure: &Failure) -> Self {
        device::of_failure(failure)
    }

    /// The one line that is told where it did not end the run.
    #[must_use]
    pub fn aside(&self, consequence: &str) -> String {
        let reason = self.why().map_or_else(String::new, |cause| format!(" ({cause})"));
        format!(
            "keyanchor: warning: {}",
            harmless(&format!("{consequence}: {}{reason}", self.error))
        )
    }

    /// What failed: the first line, without its prefix and as it came.
    #[must_use]
    pub fn what(&self) -> &str {
        &self.error
    }

    /// Why: the second line.
    #[must_use]
    pub fn why(&self) -> Option<&str> {
        self.cause.as_deref().filter(|cause| !cause.is_empty())
    }

    /// What to do: the third line.
    #[must_use]
    pub fn advice(&self) -> Option<&str> {
        self.hint.as_deref().filter(|hint| !hint.is_empty())
    }

    /// The exit code.
    #[must_use]
    pub fn code(&self) -> u8 {
        self.class as u8
    }
}

/// The three lines, without a line break at the end.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "keyanchor: error: {}", harmless(&self.error))?;
        for (name, text) in [("cause", &self.cause), ("hint", &self.hint)] {
            if let Some(text) = text.as_ref().filter(|text| !text.is_empty()) {
                write!(f, "\nkeyanchor: {name}: {}", harmless(text))?;
            }
        }
        Ok(())
    }
}

/// Labels, paths and messages are foreign text: control characters are escaped, and what is too
/// long is cut.
fn harmless(text: &str) -> String {
    let mut out = String::new();
    for character in text.chars() {
        let whole = out.len();
        match character {
            ' '..='~' => out.push(character),
            // Letters of all scripts pass; controls and marks that turn the text around do not.
            _ => out.extend(character.escape_debug()),
        }
        if out.len() > LONGEST_LINE {
            out.truncate(whole);
            out.push('…');
            break;
        }
    }
    out
}

/// `a`, `a, b`: a list for people; nothing that is in it can end the list.
fn listed(items: &[String]) -> String {
    items.join(", ")
}

impl From<exchange::Error> for Error {
    fn from(error: exchange::Error) -> Self {
        Self::Exchange(error)
    }
}

impl From<identity::Error> for Error {
    fn from(error: identity::Error) -> Self {
        Self::Identity(error)
    }
}

impl From<signer::Error> for Error {
    fn from(error: signer::Error) -> Self {
        Self::Signer(error)
    }
}

impl From<Usage> for Error {
    fn from(usage: Usage) -> Self {
        Self::Usage(usage)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn foreign_text_cannot_reach_the_terminal_or_flood_it() {
        let report = Report::new(Class::Local, "a\x1b[2J\nb").cause("x".repeat(5000)).hint("");
        let text = report.to_string();
        assert!(
            text.starts_with("keyanchor: error: a\\u{1b}[2J\\nb\nkeyanchor: cause: xxx"),
            "{text}"
        );
        assert_eq!(text.lines().count(), 2);
        assert!(text.len() < 1024);
    }

    #[test]
    fn a_line_is_cut_only_where_it_is_too_long() {
        let longest = "x".repeat(LONGEST_LINE);
        assert_eq!(harmless(&longest), longest);
        assert_eq!(harmless(&format!("{longest}x")), format!("{longest}…"));
    }

    proptest! {
        #[test]
        fn any_text_is_three_lines_below_one_kibibyte(
            error in "(?s).{0,400}",
            cause in "[\\x00-\\x1f\u{200e}-\u{206f}\u{10fff0}-\u{10ffff}]{0,400}",
            hint in "[ -~]{0,400}",
        ) {
            let text = Report::new(Class::Local, error).cause(cause).hint(hint).to_string();
            prop_assert!(text.len() < 1024, "{} bytes", text.len());
            prop_assert!(text.lines().count() <= 3);
            let turns = |c| matches!(c, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
            prop_assert!(!text.chars().any(|c| (c.is_control() && c != '\n') || turns(c)));
        }

        #[test]
        fn a_line_is_never_longer_than_it_may_be(text in "[x\u{10fff0}-\u{10ffff}\u{7f}é]{20,330}") {
            prop_assert!(harmless(&text).trim_end_matches('…').len() <= LONGEST_LINE);
        }

        #[test]
        fn plain_text_is_shown_as_it_is(text in "[ -~äßé漢]{0,70}") {
            prop_assert_eq!(harmless(&text), text);
        }
    }
}
