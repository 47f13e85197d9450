//! `keyanchor pin`: what keyanchor remembers about PINs, which is only that they were refused.

use clap::{Args, Subcommand};

use crate::cli::print;
use crate::error::Error;
use crate::{output, refusals};

mod options;

pub use options::PinOptions;

const EXAMPLE: &str = "\
Example:
  $ keyanchor pin forget
  token lab: the PIN in /etc/keyanchor/pin, refused 2026-11-25T14:03:00Z

A PIN that was configured and that its token has refused is not sent again: not while its file is
the same, and if it was not in a file, not until you have typed the right one or said this. Forget a
refusal when you have put the PIN right.";

/// Forget which PINs were refused
#[derive(Args)]
#[command(after_help = EXAMPLE)]
pub struct Options {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    Forget(Forget),
}

/// Forget which PINs were refused, so that they may be sent again
#[derive(Args)]
#[command(after_help = EXAMPLE)]
struct Forget {
    /// Only those of tokens with this label
    #[arg(long, value_name = "LABEL")]
    token: Option<String>,
    /// Print JSON for programs
    #[arg(long)]
    json: bool,
}

/// Does it.
///
/// # Errors
/// When what is remembered cannot be forgotten.
pub fn run(options: Options) -> Result<(), Error> {
    let Verb::Forget(Forget { token, json }) = options.verb;
    output::check().map_err(Error::Listing)?;
    let forgotten = refusals::forget(token.as_deref()).map_err(Error::Memory)?;
    print(if json { output::pin::json(&forgotten) } else { output::pin::lines(&forgotten) })
}
