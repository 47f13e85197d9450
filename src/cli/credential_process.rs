//! `keyanchor credential-process`: what an SDK runs, the reason why we exist.

use std::path::PathBuf;
use std::thread;
use std::time::SystemTime;

use clap::Args;

use crate::cli::credential_process::plan::Plan;
use crate::cli::log;
use crate::error::Error;
use crate::exchange::http::Client;
use crate::exchange::{Exchange, RolesAnywhere};
use crate::output;
use crate::timing::Phase;

mod plan;

const KEY_HELP: &str = "The private key: a pkcs11: URI or a PEM file
(--pkcs11-uri and --private-key are other names of this option)";

const EXAMPLE: &str = "\
Example, one line of ~/.aws/config:
  credential_process = /usr/local/bin/keyanchor credential-process \
--key \"pkcs11:token=lab;object=laptop\" --certificate /etc/keyanchor/laptop.pem \
--trust-anchor-arn arn:aws:rolesanywhere:us-east-1:111122223333:trust-anchor/ID \
--profile-arn arn:aws:rolesanywhere:us-east-1:111122223333:profile/ID \
--role-arn arn:aws:iam::111122223333:role/NAME

Absolute paths, and the URI in double quotes: anything else breaks some SDK. A certificate file may
hold the whole chain; without --key, --certificate says where the key is too.

The module of Firefox and NSS reads where its database is from C_Initialize:
  --pkcs11-lib libsoftokn3.so --pkcs11-init-args \"configdir='sql:/home/me/nssdb' flags=readOnly\"

Environment: KEYANCHOR_PKCS11_LIB (module), KEYANCHOR_PIN_FILE (PIN), KEYANCHOR_RUNTIME_DIR (locks),
AWS_CA_BUNDLE, AWS_USE_FIPS_ENDPOINT, AWS_USE_DUALSTACK_ENDPOINT, AWS_ENDPOINT_URL_ROLESANYWHERE,
AWS_ENDPOINT_URL, AWS_IGNORE_CONFIGURED_ENDPOINT_URLS, HTTPS_PROXY, NO_PROXY.";

/// Print credentials for an SDK's `credential_process`
#[derive(Args)]
#[command(after_help = EXAMPLE)]
pub struct Options {
    /// The private key
    #[arg(long, value_name = "REF", aliases = ["pkcs11-uri", "private-key"], help = KEY_HELP)]
    #[arg(required_unless_present = "certificate")]
    key: Vec<String>,
    /// Its certificate, a file or pkcs11: URI, if not beside the key
    #[arg(long, value_name = "FILE|URI")]
    certificate: Option<String>,
    /// Certificates between it and the trust anchor, PEM
    #[arg(long, value_name = "FILE")]
    intermediates: Option<PathBuf>,
    /// The trust anchor (or its alias ARN)
    #[arg(long, value_name = "ARN")]
    trust_anchor_arn: String,
    /// The profile (or its alias ARN)
    #[arg(long, value_name = "ARN")]
    profile_arn: String,
    /// The role to take on
    #[arg(long, value_name = "ARN")]
    role_arn: String,
    /// How long the credentials last, 900 to 43200
    #[arg(long, value_name = "SECONDS", default_value = "3600")]
    session_duration: String,
    /// The session's name, where the profile accepts one
    #[arg(long, value_name = "NAME")]
    role_session_name: Option<String>,
    /// The region, if not the trust anchor's
    #[arg(long)]
    region: Option<String>,
    /// Another endpoint, such as a VPC endpoint's URL
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// Use the FIPS endpoint
    #[arg(long)]
    fips: bool,
    /// Use the endpoint for IPv4 and IPv6
    #[arg(long)]
    dual_stack: bool,
    /// Trust these CA certificates and no others, PEM
    #[arg(long, value_name = "FILE")]
    ca_bundle: Option<PathBuf>,
    /// Trust these CA certificates as well, PEM
    #[arg(long, value_name = "FILE", conflicts_with = "ca_bundle")]
    ca_file: Option<PathBuf>,
    /// The PKCS#11 module, if not one that is registered
    #[arg(long, value_name = "FILE")]
    pkcs11_lib: Option<PathBuf>,
    /// A text that this module wants in C_Initialize, as NSS does
    #[arg(long, value_name = "TEXT")]
    pkcs11_init_args: Option<String>,
    /// Send the PIN even if a wrong one would lock the token
    #[arg(long)]
    use_last_try: bool,
    /// How long a run may take, a person's time apart
    #[arg(long, value_name = "TIME", default_value = "15s")]
    timeout: String,
    /// Say on stderr what is done; never a secret
    #[arg(long)]
    debug: bool,
    /// Say on stderr how long each phase takes
    #[arg(long)]
    trace_timing: bool,
}

/// Gets credentials and prints them.
///
/// # Errors
/// Whatever ends the run; then nothing has been printed.
pub fn run(options: Options) -> Result<(), Error> {
    log::start(options.debug, options.trace_timing);
    let _phase = Phase::start("whole run");
    let plan = Plan::of(options)?;
    output::check().map_err(Error::Output)?;
    let (endpoint, roots) = (plan.endpoint.clone(), plan.roots.clone());
    let client = thread::Builder::new().spawn(move || {
        let _phase = Phase::start("(CA roots)");
        Client::new(endpoint, &roots)
    });
    let client = client.map_err(Error::System)?;
    let deadline = plan.settings.deadline.clone();
    let identity = plan.identity(SystemTime::now())?;
    {
        let _phase = Phase::start("unlock");
        identity.unlock()?;
    }
    let exchange = RolesAnywhere::new(identity, plan.session, plan.endpoint, client);
    let exchange = Exchange::RolesAnywhere(Box::new(exchange));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(Error::System)?;
    let credentials = runtime.block_on(exchange.credentials(SystemTime::now(), &deadline));
    // A name server that does not answer must not hold up the end of the run.
    runtime.shutdown_background();
    output::credentials(&credentials?).map_err(Error::Output)
}
