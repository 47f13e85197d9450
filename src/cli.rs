//! The command line: one verb a file. What was typed becomes values once, here, and errors about
//! it name the option.

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use clap::{Parser, Subcommand};

use crate::aside;
use crate::error::Error;

pub mod cache;
pub mod credential_process;
pub mod doctor;
pub mod explain;
mod fault;
mod hosts;
pub mod list;
mod log;
pub mod pin;
pub mod plan;
mod usage;
mod value;
mod words;

pub use fault::contained;
pub use usage::Parsed;

/// How long the end of a run waits for threads whose work nobody needs any more.
const LAST_THREADS: Duration = Duration::from_secs(1);

/// AWS credentials from a private key that cannot leave its device.
#[derive(Parser)]
#[command(name = "keyanchor", version, term_width = 0, disable_help_subcommand = true)]
pub struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    Cache(cache::Options),
    CredentialProcess(Box<credential_process::Options>),
    Doctor(Box<doctor::Options>),
    Explain(Box<explain::Options>),
    List(Box<list::Options>),
    Pin(pin::Options),
}

/// The verb of SDKs alone: to lay out the options of all others takes as long as all else that a hit
/// needs.
#[derive(Parser)]
#[command(name = "keyanchor", version, term_width = 0, disable_help_subcommand = true)]
enum Often {
    CredentialProcess(Box<credential_process::Options>),
}

impl Cli {
    /// Reads the arguments, the program's name first.
    #[must_use]
    pub fn read(arguments: impl Iterator<Item = OsString>) -> Parsed<Self> {
        let words: Vec<_> = arguments.collect();
        if words.get(1).is_none_or(|word| word != "credential-process") {
            return usage::parsed(words);
        }
        match usage::parsed(words) {
            Parsed::Arguments(Often::CredentialProcess(options)) => {
                Parsed::Arguments(Self { verb: Verb::CredentialProcess(options) })
            }
            Parsed::Text(text) => Parsed::Text(text),
            Parsed::Wrong(error) => Parsed::Wrong(error),
        }
    }

    /// Does what was asked for.
    ///
    /// # Errors
    /// Whatever ends the run.
    pub fn run(self) -> Result<(), Error> {
        let outcome = match self.verb {
            Verb::Cache(options) => cache::run(options),
            Verb::CredentialProcess(options) => credential_process::run(*options),
            Verb::Doctor(options) => doctor::run(*options),
            Verb::Explain(options) => explain::run(*options),
            Verb::List(options) => list::run(*options),
            Verb::Pin(options) => pin::run(options),
        };
        aside::finish(LAST_THREADS);
        outcome
    }
}

/// A warning, which only a person can use: an SDK would show it with each call.
fn warn(text: &str) {
    if io::stderr().is_terminal() {
        // Nobody can be told where stderr is closed.
        let _ = writeln!(io::stderr(), "keyanchor: warning: {text}");
    }
}

/// What became of an answer for people or programs. A reader that has seen enough, such as `head`,
/// is no error.
fn print(printed: io::Result<()>) -> Result<(), Error> {
    match printed {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Error::Listing(error)),
        _ => Ok(()),
    }
}

/// For a terminal that can show it, and a person who has not said no (no-color.org).
fn colour() -> bool {
    let no = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let able = std::env::var_os("TERM").is_some_and(|term| !term.is_empty() && term != "dumb");
    io::stdout().is_terminal() && able && !no
}
