//! A TPM 2.0 as a device: a key is chosen by handle or comes from a file, its public area is looked
//! at first, and one signature is made with as little as can be loaded. Nothing is asked of a person
//! here, and nothing of ours stays in the TPM when a function returns: others may use it then.

use std::time::Duration;

use tss_esapi::handles::ObjectHandle;
use tss_esapi::structures::{Private, Public};

use crate::device::held::Held;
use crate::device::{self, Found, Locking};
use crate::key::public_key::Scheme;
use crate::key::tpm::Tcti;
use crate::lock;
use crate::prompt::Pin;
use crate::prompt::etiquette::PinState;
use crate::sandbox::Allowance;
use crate::wire::failure::{Holder, Tries};
use crate::wire::outbox::Outbox;
use crate::wire::tpm::{Lockout, Wanted};
use crate::wire::{self, Address, Bytes, Failure, Named, Reply, Select, Selected};

mod certificates;
mod link;
mod list;
mod lockout;
mod parent;
mod public;
mod salt;
mod select;
mod sign;
mod tcti;

use link::Link;
use parent::Parent;
use public::Facts;

/// A TPM, and the key that was selected.
pub struct Device<'a> {
    link: Link<'a>,
    key: Option<Key>,
    /// The NV index with its certificate.
    certificate: Option<u32>,
    password: Option<Pin>,
    parent_password: Option<Pin>,
    last_try: bool,
    /// As it was read last.
    lockout: Option<Lockout>,
}

/// The selected key.
struct Key {
    /// Its URI or path.
    uri: String,
    place: Place,
    facts: Facts,
    /// It may have no password: trying costs nothing, or it says so itself.
    may_be_open: bool,
}

/// Where the key is. A persistent one is known to libtss2, and takes no place in the TPM.
enum Place {
    File(Box<(Parent, Private, Public)>),
    Handle(ObjectHandle),
}

impl device::Device for Device<'static> {
    /// The device, or a server. What is neither is refused when it is opened.
    fn reach(address: &Address) -> Allowance {
        let mut reach = Allowance::default();
        let Address::Tpm { tcti } = address else { return reach };
        match tcti.parse() {
            Ok(Tcti::Device(path)) => reach.write.push(path),
            Ok(Tcti::Mssim(_) | Tcti::Swtpm(_)) => reach.internet = true,
            Ok(Tcti::Tabrmd { .. }) | Err(_) => {}
        }
        reach
    }

    /// One TPM, one lock: what uses it without a resource manager must not meet.
    fn open(
        address: Address,
        _: Duration,
        outbox: &'static Outbox,
        lock: &mut Locking<'_>,
    ) -> Result<Self, Failure> {
        let Address::Tpm { tcti } = address else { return Err(Failure::Protocol) };
        lock(lock::name("tpm", tcti.as_bytes()))?;
        Self::open(&tcti, outbox)
    }

    fn select(&mut self, wanted: &Select) -> Result<Found<Selected>, Failure> {
        let Named::Tpm(wanted) = &wanted.key else { return Err(Failure::Protocol) };
        self.select(wanted).map(Found::Visible)
    }

    fn certificates(&mut self, wanted: &wire::Wanted) -> Result<Found<Vec<Vec<u8>>>, Failure> {
        // A TPM keeps one beside a key at most, and no issuers.
        match wanted {
            wire::Wanted::Subject(_) => Ok(Found::Visible(Vec::new())),
            wire::Wanted::At(_) | wire::Wanted::BesideKey => {
                self.certificates().map(Found::Visible)
            }
        }
    }

    fn list(&mut self) -> Result<Reply, Failure> {
        self.list().map(Reply::ListedTpm)
    }

    fn holder(&self) -> Holder {
        self.holder()
    }

    fn identity(&self) -> Vec<String> {
        self.token_name()
    }

    fn key(&self) -> String {
        self.key()
    }

    /// One that is configured is always used; where none is, it is tried without one unless that
    /// could cost a try.
    fn wants_pin_to_sign(&mut self, configured: bool) -> Result<bool, Failure> {
        let wants = self.wants_password() || (configured && self.password.is_none());
        if wants {
            // What is wrong with a file is said before a person is asked; what its parent wants, after.
            match self.check() {
                Ok(()) | Err(Failure::ParentPassword { .. }) => {}
                Err(failure) => return Err(failure),
            }
        }
        Ok(wants)
    }

    fn wants_pin_after_all(&self) -> bool {
        self.wants_password()
    }

    fn trying_may_cost(&self) -> bool {
        self.key.as_ref().is_some_and(|key| key.facts.protected)
    }

    fn pin_state(&mut self) -> Result<PinState, Failure> {
        self.pin_state()
    }

    fn keep_pin(&mut self, pin: Pin) -> Result<(), Failure> {
        self.keep_password(pin);
        Ok(())
    }

    fn keep_parent_pin(&mut self, pin: Pin) -> Result<(), Failure> {
        self.keep_parent_password(pin);
        Ok(())
    }

    fn sign(
        &mut self,
        scheme: Scheme,
        message: &[u8],
        last_try: bool,
        _: &dyn Fn(),
    ) -> Result<Vec<u8>, Failure> {
        if last_try {
            self.allow_last_try();
        }
        self.sign(scheme, message)
    }
}

impl<'a> Device<'a> {
    /// Connects to a TPM, without a word to it. `TSS2_LOG=all+NONE` must be in the environment:
    /// libtss2 would write to stderr.
    ///
    /// # Errors
    /// When the TCTI string is not of a kind that is supported, or nothing is there.
    pub fn open(tcti: &str, outbox: &'a Outbox) -> Result<Self, Failure> {
        Ok(Self {
            link: Link::open(tcti, outbox)?,
            key: None,
            certificate: None,
            password: None,
            parent_password: None,
            last_try: false,
            lockout: None,
        })
    }

    /// Finds the key, and sees from its public area whether it can be used.
    ///
    /// # Errors
    /// When there is none, or it is not of a kind that can sign for the service.
    pub fn select(&mut self, wanted: &Wanted) -> Result<Selected, Failure> {
        let mut key = self.find(&wanted.place)?;
        key.may_be_open |= wanted.open;
        let public_key = Some(Bytes::from(key.facts.public_key.spki()));
        let selected = Selected { uri: key.uri.clone(), public_key };
        if let Some(Place::Handle(before)) = self.key.take().map(|key| key.place) {
            self.link.release(before);
        }
        (self.key, self.certificate) = (Some(key), wanted.certificate);
        (self.password, self.parent_password) = (None, None);
        Ok(selected)
    }

    /// The URI of the selected key; empty before it is known.
    #[must_use]
    pub fn key(&self) -> String {
        self.key.as_ref().map_or_else(String::new, |key| key.uri.clone())
    }

    /// What a password is for.
    fn holder(&self) -> Holder {
        Holder::TpmKey(self.key())
    }

    /// What a password is for, and what tells it from others: the key's URI, the TPM, the key itself.
    #[must_use]
    pub fn token_name(&self) -> Vec<String> {
        let Some(key) = &self.key else { return Vec::new() };
        let print = key.facts.public_key.fingerprint();
        let print = print.iter().map(|byte| format!("{byte:02x}")).collect();
        vec![key.uri.clone(), self.link.tcti().to_owned(), print]
    }

    /// Whether a signature is known to want a password that nobody has given yet. Where it is not
    /// known, signing without one costs nothing, and tells.
    #[must_use]
    pub fn wants_password(&self) -> bool {
        self.password.is_none() && self.key.as_ref().is_some_and(|key| !key.may_be_open)
    }

    /// What the TPM says now about wrong passwords. A key without protection is asked nothing.
    ///
    /// # Errors
    /// When the TPM is in lock-out, for a key that is under its protection.
    pub fn pin_state(&mut self) -> Result<PinState, Failure> {
        let key = self.key.as_ref().ok_or(Failure::Protocol)?;
        let protected = key.facts.protected;
        let tries = if protected { self.tries()? } else { Tries::Unknown };
        Ok(PinState { tries, initialised: true })
    }

    /// Keeps the key's password for the signatures to come.
    pub fn keep_password(&mut self, pin: Pin) {
        self.password = Some(pin);
    }

    /// Keeps the password of the parent of a key that comes from a file.
    pub fn keep_parent_password(&mut self, pin: Pin) {
        self.parent_password = Some(pin);
    }

    /// Allows an empty password to be tried where a wrong one would lock the TPM.
    pub fn allow_last_try(&mut self) {
        self.last_try = true;
    }

    /// Runs what leaves something in the TPM for a time, and removes that again whatever came of
    /// it. Signals that end the process wait so long.
    fn holding<T>(
        &mut self,
        run: impl FnOnce(&mut Self) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let _held = Held::begin();
        self.link.begin();
        let answer = run(self);
        self.link.flush_all();
        answer
    }
}
