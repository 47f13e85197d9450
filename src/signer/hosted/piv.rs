//! A key in a YubiKey or another PIV card: there is one daemon to ask, and nothing is hidden.

use std::env;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::deadline::Deadline;
use crate::key::PublicKey;
use crate::key::piv::PivRef;
use crate::signer::hosted::process::{self, Host, Standby};
use crate::signer::hosted::program::Program;
use crate::signer::hosted::{Error, Settings, holder, patiently, pin_rules, until_inserted};
use crate::wire::failure::NoCard;
use crate::wire::piv::{Cards, Listed};
use crate::wire::{Address, Bytes, Failure, Named, PinRules, Reply, Request, Select, Selected};

/// Where the daemon listens, and the variable that says so to its library as well.
const SOCKET: &str = "/run/pcscd/pcscd.comm";
const SOCKET_VARIABLE: &str = "PCSCLITE_CSOCK_NAME";

/// The key, found and looked at; its PIN is not asked for. A card that is not there is looked for
/// again, as a token is.
pub(super) fn select(
    reference: &PivRef,
    expected: Option<&PublicKey>,
    settings: &Settings,
) -> Result<(Host, Selected), Error> {
    let card = || format!("the {}", reference.card);
    until_inserted(Program::Piv, &card, settings, || {
        patiently(settings, || try_to_select(reference, expected, settings))
    })
}

fn try_to_select(
    reference: &PivRef,
    expected: Option<&PublicKey>,
    settings: &Settings,
) -> Result<(Host, Selected), Error> {
    let standby = Standby::start(Program::Piv, settings)?;
    let device = Address::Piv(Cards::One(reference.card.clone()));
    let (pin, value) = pin_rules(reference.pin.as_ref(), settings);
    let mut host = Host::open(standby, device, settings, process::CALL, pin, value, None)?;
    let public_key = expected.map(|key| Bytes::from(key.spki()));
    let select = Select { key: Named::Piv(reference.slot), public_key };
    match host.ask(&Request::Select(Box::new(select)))? {
        Reply::Selected(selected) => Ok((host, selected)),
        _ => Err(process::out_of_order()),
    }
}

/// The cards that are here, and what they answered.
pub struct Asked {
    /// Those with the PIV application.
    pub cards: Result<Listed, Error>,
    /// How long it took.
    pub took: Duration,
}

/// Asks for all cards, where there is a daemon for them and it has any. No PIN is sent.
#[must_use]
pub fn list(time: Duration, settings: &Settings) -> Option<Asked> {
    let start = Instant::now();
    let socket = env::var_os(SOCKET_VARIABLE).unwrap_or_else(|| SOCKET.into());
    if !Path::new(&socket).exists() {
        return None;
    }
    let cards = match ask(time, settings) {
        Err(Error::Device(Failure::NoCard { trouble: NoCard::NoService, .. })) => return None,
        Ok(Listed { cards }) if cards.is_empty() => return None,
        answer => answer,
    };
    Some(Asked { cards, took: start.elapsed() })
}

fn ask(time: Duration, settings: &Settings) -> Result<Listed, Error> {
    let settings = Settings { deadline: Deadline::after(time), ..settings.clone() };
    let standby = Standby::start(Program::Piv, &settings)?;
    let device = Address::Piv(Cards::All);
    let mut host = Host::open(standby, device, &settings, time, PinRules::default(), None, None)?;
    match host.ask(&Request::List(None))? {
        Reply::ListedPiv(mut listed) => {
            let failures = listed.cards.iter_mut().filter_map(|card| card.slots.as_mut().err());
            failures.for_each(holder::find);
            Ok(listed)
        }
        _ => Err(process::out_of_order()),
    }
}
