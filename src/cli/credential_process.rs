//! `keyanchor credential-process`: what an SDK runs, the reason why we exist.

use std::time::SystemTime;

use clap::Args;

use crate::aside::aside;
use crate::cache::Hash;
use crate::cli::plan::Plan;
use crate::cli::{plan, warn};
use crate::credentials::Credentials;
use crate::error::Error;
use crate::exchange::http::Opening;
use crate::exchange::{Exchange, RolesAnywhere};
use crate::key::KeyRef;
use crate::output;
use crate::timing::Phase;

mod cached;

use cached::{Answer, Place};

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

A key in a TPM is --key tpm:handle=0x81000101, or a file with a TSS2 PRIVATE KEY (docs/tpm.md). One
in a YubiKey is --key \"piv:slot=9a;serial=12345678\", and needs no PKCS#11 module (docs/piv.md).

A PIN comes from one of the --pin options, else from the URI, else from KEYANCHOR_PIN_FILE, else
from you: on the terminal, or without one in a pinentry or an askpass program. docs/pins.md has the
details.

Credentials are kept for the next run, in a file that only you can read, and given out again until
16 minutes before they end: then neither PIN nor touch is needed, not even where the key wants a
touch for each signature. --no-cache asks for new ones and keeps none; docs/cache.md says more.

Environment: KEYANCHOR_PKCS11_LIB (module), KEYANCHOR_PIN_FILE (PIN), KEYANCHOR_PINENTRY (a dialog
to use always), SSH_ASKPASS, SSH_ASKPASS_REQUIRE, KEYANCHOR_CACHE (off: as --no-cache),
KEYANCHOR_RUNTIME_DIR (cache, locks, refused PINs), KEYANCHOR_SANDBOX (off, or folders that modules
may use as well), KEYANCHOR_TCTI, TPM_DEVICE (which TPM), PCSCLITE_CSOCK_NAME (where pcscd is),
AWS_CA_BUNDLE, AWS_USE_FIPS_ENDPOINT, AWS_USE_DUALSTACK_ENDPOINT, AWS_ENDPOINT_URL_ROLESANYWHERE,
AWS_ENDPOINT_URL, AWS_IGNORE_CONFIGURED_ENDPOINT_URLS, HTTPS_PROXY, NO_PROXY.";

/// Print credentials for an SDK's `credential_process`
#[derive(Args)]
#[command(after_help = EXAMPLE, mut_args(plan::demanded))]
pub struct Options {
    #[command(flatten)]
    plan: plan::Options,
}

/// What came of asking.
struct Asked {
    /// Kept until all is printed: its device host needs a moment to end.
    exchange: Exchange,
    credentials: Credentials,
}

/// Why nothing came of it, and whose certificate it was where that is known.
struct Refused {
    error: Box<Error>,
    leaf: Option<Hash>,
}

/// Gets credentials and prints them.
///
/// # Errors
/// Whatever ends the run; then nothing has been printed.
pub fn run(options: Options) -> Result<(), Error> {
    options.plan.start_log();
    let _phase = Phase::start("whole run");
    let caches = options.plan.caches()?;
    let plan = Plan::of(&options.plan)?;
    output::check().map_err(Error::Output)?;
    let answer = match caches.then(|| Place::of(&plan)).flatten() {
        Some(place) => place.credentials(plan)?,
        None => Answer::Asked(ask(plan).map_err(|refused| *refused.error)?),
    };
    output::credentials(answer.credentials()).map_err(Error::Output)?;
    if let Answer::Asked(asked) = &answer {
        warn_of_clock(asked.exchange.clock_ahead());
    }
    Ok(())
}

fn ask(plan: Plan) -> Result<Asked, Refused> {
    let early = |error| Refused { error: Box::new(error), leaf: None };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| early(Error::System(error)))?;
    let deadline = plan.named.settings.deadline.clone();
    let outcome = runtime.block_on(async {
        let exchange = exchange(plan).await.map_err(early)?;
        match exchange.credentials(SystemTime::now(), &deadline).await {
            Ok(credentials) => Ok(Asked { exchange, credentials }),
            Err(error) => {
                Err(Refused { error: Box::new(error.into()), leaf: Some(leaf(&exchange)) })
            }
        }
    });
    // A name server that does not answer must not hold up the end of the run.
    runtime.shutdown_background();
    outcome
}

fn leaf(exchange: &Exchange) -> Hash {
    Hash::of(exchange.identity().chain().leaf.der())
}

/// Everything but the signature. What is wrong with files is known before anything else is touched;
/// then the connection is made while the device works. A key in a file is proved first: that takes
/// no time which a connection could use.
async fn exchange(plan: Plan) -> Result<Exchange, Error> {
    let now = SystemTime::now();
    let files = plan.named.files()?;
    files.check(now)?;
    let (session, endpoint) = (plan.session.clone(), plan.endpoint.clone());
    let opening = Opening::start(
        endpoint.clone(),
        plan.roots.clone(),
        !matches!(plan.named.key, KeyRef::File(_)),
    );
    let identity = aside(move || {
        let identity = plan.identity(files, now)?;
        let _phase = Phase::start("unlock");
        identity.unlock()?;
        Ok::<_, Error>(identity)
    });
    let identity = identity.await.map_err(Error::System)??;
    Ok(Exchange::RolesAnywhere(Box::new(RolesAnywhere::new(identity, session, endpoint, opening))))
}

/// Signatures are good for five minutes: a clock that is off by one will soon be a nuisance.
fn warn_of_clock(ahead: i64) {
    if ahead.abs() > 60 {
        let how = if ahead > 0 { "slow" } else { "fast" };
        warn(&format!("this computer's clock is {} seconds {how}; set it right", ahead.abs()));
    }
}
