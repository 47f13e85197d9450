//! What a run would meet, asked of device hosts that get no further: whether they start, and what
//! would become of a login. No PIN is read or sent, and nobody is asked.

use std::path::Path;

use crate::key::piv::PivRef;
use crate::key::tpm::TpmRef;
use crate::key::uri::Pkcs11Uri;
use crate::signer::hosted::process::{self, Host, Standby};
use crate::signer::hosted::program::Program;
use crate::signer::hosted::{Error, Settings, list, pin_rules, tpm};
use crate::wire::list::Token;
use crate::wire::piv::Cards;
use crate::wire::{Address, FilePath, Foreseen, Reply, Request};

/// A device host that a release has, and whether it starts.
pub struct Installed {
    /// The scheme of the keys that it is for: `pkcs11`, `tpm`, `piv`.
    pub scheme: &'static str,
    /// Its program's name.
    pub program: &'static str,
    /// Why it does not start.
    pub outcome: Result<(), Error>,
}

/// Starts each device host, and ends it as soon as it has said its version.
#[must_use]
pub fn installed(settings: &Settings) -> Vec<Installed> {
    let programs = [("pkcs11", Program::Pkcs11), ("tpm", Program::Tpm), ("piv", Program::Piv)];
    let start = |(scheme, program): (&'static str, Program)| {
        let outcome = Standby::start(program, settings).and_then(|host| host.greets(program));
        Installed { scheme, program: program.name(), outcome }
    };
    programs.into_iter().map(start).collect()
}

/// What a login to a token of that module would meet.
///
/// # Errors
/// Why none would be tried, or what is wrong with the device.
pub fn of_token(
    uri: &Pkcs11Uri,
    module: &Path,
    token: &Token,
    settings: &Settings,
) -> Result<Foreseen, Error> {
    let standby = Standby::start(Program::Pkcs11, settings)?;
    let (module, init_args) = (FilePath(module.into()), settings.init_args.clone());
    let device = Address::Pkcs11 { module, init_args };
    let (pin, value) = pin_rules(uri.pin.as_ref(), settings);
    let mut host = Host::open(standby, device, settings, process::CALL, pin, value, None)?;
    ask(&mut host, Request::Foresee(Some(Box::new(list::whole(token)))))
}

/// The same for a card.
///
/// # Errors
/// As above.
pub fn of_card(reference: &PivRef, settings: &Settings) -> Result<Foreseen, Error> {
    let standby = Standby::start(Program::Piv, settings)?;
    let device = Address::Piv(Cards::One(reference.card.clone()));
    let (pin, value) = pin_rules(reference.pin.as_ref(), settings);
    let mut host = Host::open(standby, device, settings, process::CALL, pin, value, None)?;
    ask(&mut host, Request::Foresee(None))
}

/// The same for a key of a TPM, which counts wrong passwords for some keys only.
///
/// # Errors
/// As above, and where there is no such key.
pub fn of_tpm_key(reference: &TpmRef, settings: &Settings) -> Result<Foreseen, Error> {
    let (mut host, _) = tpm::select(reference, settings)?;
    ask(&mut host, Request::Foresee(None))
}

fn ask(host: &mut Host, request: Request) -> Result<Foreseen, Error> {
    match host.ask(&request)? {
        Reply::Foreseen(foreseen) => Ok(foreseen),
        _ => Err(process::out_of_order()),
    }
}
