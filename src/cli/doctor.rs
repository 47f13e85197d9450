//! `keyanchor doctor`: each thing that a run with the same options needs, tried alone.

use std::time::Duration;

use clap::Args;

use crate::cli::plan::Parts;
use crate::cli::{colour, plan, print};
use crate::doctor::{Case, Service, examine};
use crate::error::Error;
use crate::identity::named::Named;
use crate::output;
use crate::signer::Settings;

const EXAMPLE: &str = "\
Example: the options of credential-process, as they are in ~/.aws/config:
  keyanchor doctor --key \"pkcs11:token=lab;object=laptop\" --certificate laptop.pem …
  …
  token              ok        lab, SoftHSM v2, serial 52bd1d5b4ae2aeb2
  PIN                FAILED    the PIN of token 'lab' is locked
                               no PIN opens it any more
                               unblock it with the PUK or the security officer's PIN, in the
                               token's own tool
  …

Each step is tried even where another one failed, as far as it can be, and device and network side
by side. No PIN is read or sent and nobody is asked, unless --login is given; nothing is signed for
the service, and no session is asked for. Any option may be left out: what needs it is not tried.
The region is --region, that of the trust anchor, AWS_REGION or AWS_DEFAULT_REGION, in this order.

The exit code is 0 if nothing failed, else that of the first failure, which stands on stderr too.
The report holds no secret; paths, labels, serial numbers and names are in it (docs/doctor.md).";

/// Try each step of a run, and say which one is broken
#[derive(Args)]
#[command(after_help = EXAMPLE)]
pub struct Options {
    #[command(flatten)]
    plan: plan::Options,
    /// Log in as a run would, and make a signature that is not sent
    #[arg(long)]
    login: bool,
    /// Print JSON for programs
    #[arg(long)]
    json: bool,
}

/// Tries all steps, and prints what became of them.
///
/// # Errors
/// That of the first step that failed; all of them have been printed then.
pub fn run(options: Options) -> Result<(), Error> {
    options.plan.start_log();
    let caches = options.plan.caches()?;
    let case = case(Parts::of(&options.plan)?, options.login, caches);
    output::check().map_err(Error::Listing)?;
    let (steps, failed) = examine(&case);
    print(if options.json {
        output::doctor::json(&steps)
    } else {
        output::doctor::table(&steps, colour())
    })?;
    failed.map_or(Ok(()), Err)
}

/// Nobody is waited for who would put a token in: what is not there is told.
fn case(parts: Parts, login: bool, caches: bool) -> Case {
    let Parts { named, endpoint, roots, trusted, settings } = parts;
    let now = |settings| Settings { login, wait: Duration::ZERO, ..settings };
    let named = named.map(|named| Named { settings: now(named.settings), ..named });
    let service = endpoint.map(|(endpoint, from)| Service { endpoint, from, roots, trusted });
    Case { named, service, caches, settings: now(settings) }
}
