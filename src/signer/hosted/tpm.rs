//! A key in a TPM, or in a file that only one TPM can load: there is one device to ask, and nothing is
//! hidden.

use std::time::{Duration, Instant};

use crate::deadline::Deadline;
use crate::key::tpm::{TpmKey, TpmRef};
use crate::signer::hosted::process::{self, Host, Standby};
use crate::signer::hosted::program::Program;
use crate::signer::hosted::{Error, Settings, pin_rules};
use crate::signer::tcti::NoTpm;
use crate::signer::tpm::{self, Located};
use crate::wire::tpm::{File, Listed, Place, Wanted};
use crate::wire::{Address, Bytes, FilePath, Named, PinRules, Reply, Request, Select, Selected};

/// The key, found and looked at; its password is not asked for.
pub(super) fn select(reference: &TpmRef, settings: &Settings) -> Result<(Host, Selected), Error> {
    let located = tpm::locate(reference)?;
    let standby = Standby::start(Program::Tpm, settings)?;
    let device = Address::Tpm { tcti: located.tcti.to_string() };
    let (pin, value) = pin_rules(reference.pin.as_ref(), settings);
    let parent = reference.parent_pin.clone().map(FilePath);
    let mut host = Host::open(standby, device, settings, process::CALL, pin, value, parent)?;
    let key = Named::Tpm(Box::new(wanted(reference, located, settings.pin.no_password)?));
    match host.ask(&Request::Select(Box::new(Select { key, public_key: None })))? {
        Reply::Selected(selected) => Ok((host, selected)),
        _ => Err(process::out_of_order()),
    }
}

fn wanted(reference: &TpmRef, located: Located, open: bool) -> Result<Wanted, Error> {
    let place = match (located.file, &reference.key) {
        (None, TpmKey::Handle(handle)) => Place::Handle(*handle),
        (None, TpmKey::File(_)) => return Err(process::out_of_order()),
        (Some(key), _) => Place::File(File {
            name: reference.to_string(),
            parent: key.parent.handle(),
            rsa_parent: key.rsa_parent,
            public: sized(&key.public),
            private: sized(&key.private),
            empty_auth: key.empty_auth.unwrap_or(false),
        }),
    };
    Ok(Wanted { place, certificate: reference.certificate, open })
}

/// A TPM2B: its size in two bytes, then its content, which was read with such a size.
fn sized(content: &[u8]) -> Bytes {
    let size = u16::try_from(content.len()).unwrap_or(u16::MAX).to_be_bytes();
    Bytes([&size, content].concat())
}

/// The TPM that is here, and what it answered.
pub struct Asked {
    /// Where it is, as a TCTI string; empty where that cannot be known.
    pub tcti: String,
    /// Its persistent keys.
    pub keys: Result<Listed, Error>,
    /// How long it took.
    pub took: Duration,
}

/// Asks the TPM for its keys, where there is one or one is named. No password is asked for.
#[must_use]
pub fn list(time: Duration, settings: &Settings) -> Option<Asked> {
    let start = Instant::now();
    let found = tpm::here();
    if let Err(Error::NoTpm(NoTpm::None { .. })) = found {
        return None;
    }
    let tcti = found.as_ref().map(ToString::to_string).unwrap_or_default();
    let keys = found.and_then(|_| ask(&tcti, time, settings));
    Some(Asked { tcti, keys, took: start.elapsed() })
}

fn ask(tcti: &str, time: Duration, settings: &Settings) -> Result<Listed, Error> {
    let settings = Settings { deadline: Deadline::after(time), ..settings.clone() };
    let standby = Standby::start(Program::Tpm, &settings)?;
    let device = Address::Tpm { tcti: tcti.to_owned() };
    let mut host = Host::open(standby, device, &settings, time, PinRules::default(), None, None)?;
    match host.ask(&Request::List(None))? {
        Reply::ListedTpm(listed) => Ok(listed),
        _ => Err(process::out_of_order()),
    }
}
