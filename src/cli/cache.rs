//! `keyanchor cache`: the credentials that are kept for the next run.

use clap::{Args, Subcommand};

use crate::cache::{Cache, Moment};
use crate::cli::print;
use crate::error::Error;
use crate::output;

const EXAMPLE: &str = "\
Example:
  $ keyanchor cache list
  arn:aws:iam::111122223333:role/Example
    pkcs11:token=lab;object=laptop
    fresh until 2026-11-29T14:44:00Z, ends 2026-11-29T15:00:00Z
  $ keyanchor cache clear
  1 set of credentials was removed

What is removed here is still good until it ends, wherever else it is known.";

/// List or remove the credentials that are kept for the next run
#[derive(Args)]
#[command(after_help = EXAMPLE)]
pub struct Options {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    Clear(Clear),
    List(List),
}

/// Show for which roles and keys there are credentials, and until when; no secret
#[derive(Args)]
#[command(after_help = EXAMPLE)]
struct List {
    /// Print JSON for programs
    #[arg(long)]
    json: bool,
}

/// Remove all of them, so that the next run asks for new ones
#[derive(Args)]
#[command(after_help = EXAMPLE)]
struct Clear {
    /// Print JSON for programs
    #[arg(long)]
    json: bool,
}

/// Does it.
///
/// # Errors
/// When the cache cannot be used, or something in it not be removed.
pub fn run(options: Options) -> Result<(), Error> {
    output::check().map_err(Error::Listing)?;
    let cache = Cache::open().map_err(Error::Cache)?;
    match options.verb {
        Verb::Clear(Clear { json }) => {
            let removed = cache.map_or(Ok(0), |cache| cache.clear()).map_err(Error::Cache)?;
            print(output::cache::cleared(removed, json))
        }
        Verb::List(List { json }) => {
            let (entries, now) =
                (cache.as_ref().map_or_else(Vec::new, Cache::entries), Moment::now());
            let folder = cache.as_ref().map(Cache::folder);
            print(if json {
                output::cache::json(folder, &entries, &now)
            } else {
                output::cache::lines(&entries, &now)
            })
        }
    }
}
