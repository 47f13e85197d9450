//! `keyanchor list`: what is plugged in, and the URI of each key to paste.

use std::ffi::OsString;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, SystemTime};

use clap::Args;

use crate::cli::hosts::HostOptions;
use crate::cli::pin::PinOptions;
use crate::cli::{colour, log, print, value};
use crate::deadline::Deadline;
use crate::error::{Error, Usage};
use crate::key::KeyRef;
use crate::output::{self, list::Listing};
use crate::signer::hosted::list::{self, Module};
use crate::signer::{self, Settings, hosted, modules};
use crate::wire::PinRules;

mod files;
mod piv;
mod tokens;
mod tpm;

const EXAMPLE: &str = "\
Example:
  $ keyanchor list
  /usr/lib/softhsm/libsofthsm2.so
    token lab, SoftHSM v2, serial 52bd1d5b4ae2aeb2
      laptop  P-256  certificate: valid until 2027-11-25
        pkcs11:token=lab;object=laptop;id=%01
        CN=laptop,O=Example

  $ keyanchor credential-process --key \"pkcs11:token=lab;object=laptop;id=%01\" …

Paste a URI in double quotes: a shell would cut it at its first ';'.

Without --pkcs11-lib the module in KEYANCHOR_PKCS11_LIB is asked; without that all that are
registered with p11-kit, and those in the usual places. Each has a process of its own, and a
module that hangs, crashes or cannot be loaded is named beside the others. The exit code is 0
where at least one module or file could be read.

Environment: KEYANCHOR_PKCS11_LIB (module), KEYANCHOR_PIN_FILE (PIN, for --login),
KEYANCHOR_PINENTRY, SSH_ASKPASS, KEYANCHOR_RUNTIME_DIR (locks, refused PINs),
KEYANCHOR_SANDBOX, P11_KIT_NO_USER_CONFIG, XDG_CONFIG_HOME, KEYANCHOR_TCTI, TPM_DEVICE,
PCSCLITE_CSOCK_NAME, NO_COLOR.";

/// Show tokens, cards, a TPM, keys and certificates, and the URI of each key
#[derive(Args)]
#[command(after_help = EXAMPLE)]
pub struct Options {
    /// A PKCS#11 module to ask, and no other
    #[arg(long, value_name = "FILE")]
    pkcs11_lib: Vec<PathBuf>,
    /// A text that it wants in C_Initialize, as NSS does
    #[arg(long, value_name = "TEXT", requires = "pkcs11_lib")]
    pkcs11_init_args: Option<String>,
    /// A key file to show as well, PEM
    #[arg(long, value_name = "FILE")]
    key: Vec<OsString>,
    /// A certificate file to hold against all keys, PEM or DER
    #[arg(long, value_name = "FILE")]
    certificate: Vec<OsString>,
    /// Log in to tokens that hide their objects, and ask for the PIN
    #[arg(long)]
    login: bool,
    #[command(flatten)]
    pin: PinOptions,
    #[command(flatten)]
    hosts: HostOptions,
    /// Print JSON for programs
    #[arg(long)]
    json: bool,
    /// How long a module may take in all
    #[arg(long, value_name = "TIME", default_value = "3s")]
    timeout: String,
    /// Say on stderr what is done; never a secret
    #[arg(long)]
    debug: bool,
}

/// Shows what is there.
///
/// # Errors
/// When nothing answered: then what each module said has been printed all the same.
pub fn run(options: Options) -> Result<(), Error> {
    log::start(options.debug, false);
    let time = value::duration("--timeout", &options.timeout)?;
    let keys = files_of("--key", &options.key)?;
    let certificates = files_of("--certificate", &options.certificate)?;
    options.hosts.check_memory()?;
    let settings = settings(&options, time)?;
    let candidates = modules::to_list(&settings, &options.pkcs11_lib);
    // A module that is named is asked alone.
    let all = options.pkcs11_lib.is_empty();
    output::check().map_err(Error::Listing)?;
    let (mut modules, tpm, cards) = thread::scope(|scope| {
        let tpm = scope.spawn(|| all.then(|| hosted::tpm::list(time, &settings)).flatten());
        let cards = scope.spawn(|| all.then(|| hosted::piv::list(time, &settings)).flatten());
        let modules = list::ask_all(candidates, time, &settings);
        (modules, tpm.join().ok().flatten(), cards.join().ok().flatten())
    });
    if modules.is_empty() && tpm.is_none() && cards.is_none() && keys.is_empty() {
        return Err(signer::Error::NoModule.into());
    }
    if options.login {
        list::unlock(&mut modules, time, &settings);
    }
    let files = files::read(&keys, &certificates, SystemTime::now());
    let shown = tokens::shown(&modules, &files, &settings);
    let tpms = tpm.iter().map(|tpm| tpm::shown(tpm, &files)).collect();
    let shown_cards = cards.iter().flat_map(|cards| piv::shown(cards, &files)).collect();
    let listing = Listing::new(shown, tpms, shown_cards, files.keys, files.certificates);
    print(if options.json {
        output::list::json(&listing)
    } else {
        output::list::table(&listing, colour())
    })?;
    let some = listing.key_files.iter().any(|file| file.problem.is_none())
        || listing.tpms.iter().any(|tpm| tpm.problem.is_none())
        || listing.cards.iter().any(|card| card.problem.is_none());
    let failed = tpm.and_then(|tpm| tpm.keys.err()).or(cards.and_then(|asked| asked.cards.err()));
    if some { Ok(()) } else { answered(modules, failed, files.error) }
}

fn settings(options: &Options, time: Duration) -> Result<Settings, Usage> {
    let environment =
        |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    Ok(Settings {
        module: None,
        init_args: init_args(options)?,
        default_module: environment("KEYANCHOR_PKCS11_LIB"),
        pin_file: environment("KEYANCHOR_PIN_FILE"),
        pin: rules(options)?,
        login: options.login,
        wait: Duration::ZERO,
        debug: options.debug,
        sandbox: options.hosts.sandbox()?,
        strict_memory: options.hosts.strict_memory,
        deadline: Deadline::after(time),
    })
}

/// Where no login is asked for, an option about PINs is a mistake.
fn rules(options: &Options) -> Result<PinRules, Usage> {
    let rules = options.pin.rules()?;
    if !options.login && (rules.source.is_some() || rules.last_try) {
        return Err(value::wrong(
            "an option about the PIN is given, and --login is not".to_owned(),
            "without a login no PIN is sent".to_owned(),
            "add --login, or leave the option out",
        ));
    }
    Ok(rules)
}

/// What one module wants makes another fail.
fn init_args(options: &Options) -> Result<Option<String>, Usage> {
    let text = options.pkcs11_init_args.as_deref();
    let text = text.map(|text| value::init_args("--pkcs11-init-args", text)).transpose()?;
    if text.is_some() && options.pkcs11_lib.len() > 1 {
        return Err(value::wrong(
            "--pkcs11-init-args is for one module, and several are named".to_owned(),
            "what one module wants makes another fail".to_owned(),
            "run list once for each module",
        ));
    }
    Ok(text)
}

/// Files only: what is on tokens is shown anyway. The text of a URI may hold a PIN, and is not.
fn files_of(option: &str, texts: &[OsString]) -> Result<Vec<PathBuf>, Usage> {
    let file = |text: &OsString| match value::reference(option, text)? {
        KeyRef::File(path) => Ok(path),
        KeyRef::Piv(_) => Err(value::wrong(
            format!("{option} of list takes a file"),
            "it is a piv: URI".to_owned(),
            "leave it out: what is on cards is shown anyway",
        )),
        KeyRef::Tpm(_) => Err(value::wrong(
            format!("{option} of list takes a file"),
            "it is a reference to a TPM's key".to_owned(),
            "give the path of the key's file alone",
        )),
        KeyRef::Pkcs11(_) => Err(value::wrong(
            format!("{option} of list takes a file"),
            "it is a pkcs11: URI".to_owned(),
            "leave it out: what is on tokens is shown anyway",
        )),
    };
    texts.iter().map(file).collect()
}

/// Whether any module did; else the error of the first, or of a file.
fn answered(
    modules: Vec<Module>,
    device: Option<signer::Error>,
    file: Option<Error>,
) -> Result<(), Error> {
    let mut errors = modules.into_iter().map(|module| module.tokens.err());
    let mut first = None;
    if errors.any(|error| match error {
        None => true,
        Some(error) => {
            first = first.take().or(Some(error));
            false
        }
    }) {
        return Ok(());
    }
    first.or(device).map(Error::from).or(file).map_or(Ok(()), Err)
}
