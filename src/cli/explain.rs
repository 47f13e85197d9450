//! `keyanchor explain`: what `credential-process` with the same options would ask for, and what AWS
//! would make of it. Nothing is signed, and nothing is sent.

use std::time::SystemTime;

use clap::Args;
use jiff::Timestamp;

use crate::cli::plan::Plan;
use crate::cli::{colour, plan, print};
use crate::error::Error;
use crate::explain::Explanation;
use crate::{identity, output};

const EXAMPLE: &str = "\
Example: the options of credential-process, as they are or will be in ~/.aws/config:
  keyanchor explain --key \"pkcs11:token=lab;object=laptop\" --certificate laptop.pem \
--trust-anchor-arn … --profile-arn … --role-arn …

It shows the certificates that would be sent and the rules that the leaf breaks, the canonical
request and the string to sign, the role session name, source identity and session tags that AWS
derives from the leaf, and a trust policy for the role that lets this certificate in and no other.
A PIN is asked for only where the token shows nothing without one.";

/// Show what would be asked for, and what AWS makes of it
#[derive(Args)]
#[command(after_help = EXAMPLE, mut_args(plan::demanded))]
pub struct Options {
    #[command(flatten)]
    plan: plan::Options,
    /// Print JSON for programs
    #[arg(long)]
    json: bool,
}

/// Explains.
///
/// # Errors
/// When the key or its certificate cannot be found. A certificate that breaks the rules is no error
/// here.
pub fn run(options: Options) -> Result<(), Error> {
    options.plan.start_log();
    let plan = Plan::of(&options.plan)?;
    output::check().map_err(Error::Listing)?;
    let now = SystemTime::now();
    let chain = plan.named.chain(plan.named.files()?, now)?;
    let subject = format!("'{}'", chain.leaf.subject());
    let time = Timestamp::try_from(now).unwrap_or(Timestamp::UNIX_EPOCH);
    let explanation = Explanation::of(&plan.session, &plan.endpoint, chain, time);
    let explanation =
        explanation.map_err(|source| identity::Error::UnsupportedKey { subject, source })?;
    print(if options.json {
        output::explain::json(&explanation)
    } else {
        output::explain::page(&explanation, colour())
    })
}
