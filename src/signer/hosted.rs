//! A key in a device host: which module holds it, and how it signs through frames.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::certificate::Certificate;
use crate::deadline::jitter;
use crate::key::piv::PivRef;
use crate::key::public_key::{PublicKey, Scheme};
use crate::key::tpm::TpmRef;
use crate::key::uri::{PinAttribute, Pkcs11Uri, pasteable};
use crate::secret::Secret;
use crate::signer::{Error, Settings, Signer, modules};
use crate::wire::failure::NoCard;
use crate::wire::{
    Address, Bytes, Failure, FilePath, Named, PinRules, PinSource, Reply, Request, Select,
    Selected, Wanted,
};

pub mod foresight;
mod holder;
pub mod list;
pub mod piv;
mod process;
mod program;
mod several;
pub mod tpm;

use process::{Host, Messenger, Standby};
use program::Program;

/// How long one function may take where several modules are asked: one that hangs must not cost
/// those who do not even use it the whole time.
const ONE_OF_SEVERAL: Duration = Duration::from_secs(3);

/// How far issuers are followed: those that the service takes, above the leaf.
const LONGEST_CHAIN: usize = 5;

/// A private key on a token, and the host that holds it.
pub struct HostedKey {
    host: Mutex<Host>,
    public_key: PublicKey,
    /// For the case that the key is wanted again after its host was let go.
    place: Place,
    settings: Settings,
}

/// What named a key.
enum Place {
    Piv(Arc<PivRef>),
    Pkcs11(Arc<Pkcs11Uri>),
    Tpm(Arc<TpmRef>),
}

/// A host whose module is open, and what it answered to the first question.
struct Asked<T> {
    host: Host,
    answer: Answer<T>,
}

enum Answer<T> {
    Hidden,
    Visible(T),
}

impl HostedKey {
    /// Finds the private key that a URI names. A login happens only where nothing can be seen
    /// without one; `expected` decides among several keys, and stands in for a public half that
    /// the token does not show.
    ///
    /// # Errors
    /// When there is no such key, or more than one, or its module fails.
    pub fn open(
        uri: &Arc<Pkcs11Uri>,
        expected: Option<&PublicKey>,
        settings: &Settings,
    ) -> Result<Self, Error> {
        Self::at(Place::Pkcs11(Arc::clone(uri)), expected, settings)
    }

    /// Finds the key in a slot of a card; `expected` stands in for a public half that the card does
    /// not show.
    ///
    /// # Errors
    /// When there is no such card or key, or it cannot be used.
    pub fn open_piv(
        key: &Arc<PivRef>,
        expected: Option<&PublicKey>,
        settings: &Settings,
    ) -> Result<Self, Error> {
        Self::at(Place::Piv(Arc::clone(key)), expected, settings)
    }

    /// Finds the key of a TPM.
    ///
    /// # Errors
    /// When there is no such key or no TPM, or it cannot be used.
    pub fn open_tpm(key: &Arc<TpmRef>, settings: &Settings) -> Result<Self, Error> {
        Self::at(Place::Tpm(Arc::clone(key)), None, settings)
    }

    fn at(place: Place, expected: Option<&PublicKey>, settings: &Settings) -> Result<Self, Error> {
        let (host, selected) = place.select(expected, settings)?;
        let public_key = public_key(&selected, expected)?;
        Ok(Self { host: Mutex::new(host), public_key, place, settings: settings.clone() })
    }

    fn host(&self) -> MutexGuard<'_, Host> {
        self.host.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    fn select(
        &self,
        expected: Option<&PublicKey>,
        settings: &Settings,
    ) -> Result<(Host, Selected), Error> {
        match self {
            Self::Piv(key) => piv::select(key, expected, settings),
            Self::Pkcs11(uri) => select(uri, expected, settings),
            Self::Tpm(key) => tpm::select(key, settings),
        }
    }

    fn pin(&self) -> Option<&PinAttribute> {
        match self {
            Self::Piv(key) => key.pin.as_ref(),
            Self::Pkcs11(uri) => uri.pin.as_ref(),
            Self::Tpm(key) => key.pin.as_ref(),
        }
    }
}

fn select(
    uri: &Pkcs11Uri,
    expected: Option<&PublicKey>,
    settings: &Settings,
) -> Result<(Host, Selected), Error> {
    let select = || {
        Request::Select(Box::new(Select {
            key: Named::Pkcs11(Box::new((uri.token.clone(), uri.object.clone()))),
            public_key: expected.map(|key| Bytes::from(key.spki())),
        }))
    };
    ask(uri, settings, expected.is_some(), &select, |reply| match reply {
        Reply::Selected(selected) => Some(selected),
        _ => None,
    })
}

/// The certificates that a URI names, and those on the same token that could have issued them, for
/// a key that is somewhere else.
///
/// # Errors
/// As for a key.
pub fn certificates(uri: &Pkcs11Uri, settings: &Settings) -> Result<Vec<Certificate>, Error> {
    let wanted = || Request::Certificates(at(uri));
    let (mut host, ders) = ask(uri, settings, false, &wanted, certificates_in)?;
    let mut found = parsed(&ders);
    let mut place = 0;
    while let Some(subject) = found.get(place).filter(|_| place <= LONGEST_CHAIN) {
        let issuer = Wanted::Subject(Bytes(subject.issuer_der()));
        let ders = certificates_in(host.ask(&Request::Certificates(issuer))?).unwrap_or_default();
        let new = parsed(&ders).into_iter().filter(|issuer| !found.contains(issuer));
        found.extend(new.collect::<Vec<_>>());
        place += 1;
    }
    Ok(found)
}

/// Whether both URIs are answered by the same modules.
///
/// # Errors
/// When either names a module that is not there.
pub fn same_modules(
    one: &Pkcs11Uri,
    other: &Pkcs11Uri,
    settings: &Settings,
) -> Result<bool, Error> {
    Ok(!other.names_a_module()
        || modules::to_ask(settings, one)? == modules::to_ask(settings, other)?)
}

/// Where a URI says.
#[must_use]
pub fn at(uri: &Pkcs11Uri) -> Wanted {
    Wanted::At(Box::new((uri.token.clone(), uri.object.clone())))
}

fn certificates_in(reply: Reply) -> Option<Vec<Bytes>> {
    match reply {
        Reply::Certificates(ders) => Some(ders),
        _ => None,
    }
}

/// What does not parse is not a certificate for us: tokens hold all kinds of things.
fn parsed(ders: &[Bytes]) -> Vec<Certificate> {
    ders.iter().filter_map(|der| Certificate::from_der(&der.0).ok()).collect()
}

fn public_key(selected: &Selected, expected: Option<&PublicKey>) -> Result<PublicKey, Error> {
    let key = || selected.uri.clone();
    match (&selected.public_key, expected) {
        (Some(spki), _) => PublicKey::from_spki(&spki.0)
            .map_err(|source| Error::Unsupported { key: key(), source }),
        (None, Some(expected)) => Ok(expected.clone()),
        (None, None) => Err(Error::NoPublicKey { key: key() }),
    }
}

/// Asks the modules that may know, and logs in to see more where that is the only way. `certain`
/// says that an answer can only be the right one, because the public key is known.
fn ask<T: Send>(
    uri: &Pkcs11Uri,
    settings: &Settings,
    certain: bool,
    request: &(dyn Fn() -> Request + Sync),
    take: impl Fn(Reply) -> Option<T> + Sync,
) -> Result<(Host, T), Error> {
    let standby = Mutex::new(Some(Standby::start(Program::Pkcs11, settings)));
    let modules = modules::to_ask(settings, uri)?;
    let put = |host: &mut Host| match host.ask(&request())? {
        Reply::Hidden => Ok(Answer::Hidden),
        reply => take(reply).map(Answer::Visible).ok_or_else(process::out_of_order),
    };
    let call = if modules.len() == 1 { process::CALL } else { ONE_OF_SEVERAL };
    let first = |module: &PathBuf| -> Result<Asked<T>, Error> {
        let (pin, value) = pin_rules(uri.pin.as_ref(), settings);
        let started = standby.lock().unwrap_or_else(PoisonError::into_inner).take();
        let started = started.unwrap_or_else(|| Standby::start(Program::Pkcs11, settings))?;
        let (module, init_args) = (FilePath(module.clone()), settings.init_args.clone());
        let device = Address::Pkcs11 { module, init_args };
        let mut host = Host::open(started, device, settings, call, pin, value, None)?;
        let answer = put(&mut host)?;
        Ok(Asked { host, answer })
    };
    let token = || wanted(uri);
    let asked = until_inserted(Program::Pkcs11, &token, settings, || match modules.as_slice() {
        [module] => patiently(settings, || first(module)),
        modules => several::choose(modules, several::ask_all(modules, &first), certain),
    })?;
    let mut host = asked.host;
    host.call = process::CALL;
    match asked.answer {
        Answer::Visible(answer) => Ok((host, answer)),
        Answer::Hidden => {
            host.ask(&Request::Unlock)?;
            match put(&mut host)? {
                Answer::Visible(answer) => Ok((host, answer)),
                Answer::Hidden => Err(process::out_of_order()),
            }
        }
    }
}

/// A token that is not there may be one that another program writes at this moment, or one in a
/// reader that still wakes up: it is looked for again, by a host of its own, since some modules look
/// only when they are initialised. Nothing was logged in to by then. Where several modules are
/// asked it is no sign of anything: all but one have no such token.
fn patiently<T>(settings: &Settings, look: impl Fn() -> Result<T, Error>) -> Result<T, Error> {
    for _ in 0..3 {
        match look() {
            Err(error)
                if is_absence(&error) && settings.deadline.left() > Duration::from_secs(1) =>
            {
                thread::sleep(jitter(50, 150));
            }
            answer => return answer,
        }
    }
    look()
}

/// Waits for a token that somebody will put in, or that others use, as long as `--wait` says. That time
/// does not count.
fn until_inserted<T>(
    program: Program,
    token: &dyn Fn() -> String,
    settings: &Settings,
    look: impl Fn() -> Result<T, Error>,
) -> Result<T, Error> {
    let start = Instant::now();
    let mut messenger = None;
    loop {
        let asked = Instant::now();
        match look() {
            Err(error)
                if (is_absence(&error) || is_in_use(&error)) && start.elapsed() < settings.wait =>
            {
                if messenger.is_none() && is_absence(&error) {
                    messenger = Some(Messenger::ask_for(token(), program, settings)?);
                }
                thread::sleep(jitter(200, 300));
                settings.deadline.put_off(asked.elapsed());
            }
            answer => return answer,
        }
    }
}

fn is_in_use(error: &Error) -> bool {
    matches!(error, Error::Device(Failure::Busy { .. } | Failure::CardInUse { .. }))
}

fn is_absence(error: &Error) -> bool {
    let (Error::Device(failure) | Error::Sandboxed(failure)) = error else { return false };
    match failure {
        Failure::NoToken { .. } | Failure::Removed { .. } => true,
        Failure::NoCard { trouble, .. } => matches!(trouble, NoCard::Absent | NoCard::NoReader),
        _ => false,
    }
}

/// How the token that is wanted is called.
fn wanted(uri: &Pkcs11Uri) -> String {
    match &uri.token.token {
        Some(label) => format!("token '{label}'"),
        None => format!("the token of {}", pasteable(&uri.token, &uri.object)),
    }
}

/// Where the PIN is: what an option says, else the URI, else `KEYANCHOR_PIN_FILE`; a person knows it
/// where none of them does.
fn pin_rules<'a>(
    named: Option<&'a PinAttribute>,
    settings: &Settings,
) -> (PinRules, Option<&'a Secret>) {
    let mut rules = settings.pin.clone();
    if rules.source.is_some() {
        return (rules, None);
    }
    let file = |path: &PathBuf| PinSource::File(FilePath(path.clone()));
    let (source, value) = match named {
        Some(PinAttribute::Value(value)) => (Some(PinSource::Value), Some(value)),
        Some(PinAttribute::Source(path)) => (Some(file(path)), None),
        None => (settings.pin_file.as_ref().map(file), None),
    };
    rules.source = source;
    (rules, value)
}

impl Signer for HostedKey {
    fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// Where a source of the PIN is configured nobody need be waited for: the signature unlocks.
    fn unlock(&self) -> Result<(), Error> {
        let (rules, _) = pin_rules(self.place.pin(), &self.settings);
        if rules.source.is_some_and(|source| !source.may_take_long()) {
            return Ok(());
        }
        self.host().ask(&Request::Unlock).map(drop)
    }

    fn sign(&self, scheme: Scheme, message: &[u8]) -> Result<Vec<u8>, Error> {
        let mut host = self.host();
        if host.is_released() {
            (*host, _) = self.place.select(Some(&self.public_key), &self.settings)?;
        }
        match host.ask(&Request::Sign { scheme, message: message.into() })? {
            Reply::Signature(signature) => Ok(signature.0),
            _ => Err(process::out_of_order()),
        }
    }

    fn certificates(&self, wanted: &Wanted) -> Result<Vec<Certificate>, Error> {
        let request = || Request::Certificates(wanted.clone());
        let mut host = self.host();
        let mut reply = host.ask(&request())?;
        if matches!(reply, Reply::Hidden) {
            host.ask(&Request::Unlock)?;
            reply = host.ask(&request())?;
        }
        certificates_in(reply).map(|ders| parsed(&ders)).ok_or_else(process::out_of_order)
    }

    fn release(&self) {
        let mut host = self.host();
        if !host.asked_a_person {
            host.release();
        }
    }
}
