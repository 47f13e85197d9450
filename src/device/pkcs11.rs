//! A PKCS#11 module as a device: tokens are chosen by URI, objects found, a PIN sent, and one
//! signature made with as few calls as can be. Nothing is asked of a person here.

use std::time::Duration;

use cryptoki::error::{Error, RvError};
use cryptoki::object::ObjectHandle;
use cryptoki::session::{Session, UserType};
use cryptoki::types::AuthPin;

use crate::device::{self, Found, Locking};
use crate::key::PublicKey;
use crate::key::public_key::Scheme;
use crate::key::uri::{ObjectFilter, TokenFilter, pasteable};
use crate::lock;
use crate::prompt::etiquette::PinState;
use crate::prompt::{Pin, bell};
use crate::sandbox::Allowance;
use crate::wire::failure::{Holder, Origin};
use crate::wire::outbox::Outbox;
use crate::wire::{Address, Bytes, Failure, Reply, Select, Selected, Wanted};

mod list;
mod login;
mod module;
mod object;
mod quirks;
mod raw;
mod reach;
mod restore;
mod return_value;
mod select;
mod sign;
mod signature;

use module::{Module, Token};
use object::{Object, View};

/// A module, the tokens of it that were looked at, and the key that was selected.
pub struct Device {
    module: Module<'static>,
    present: Option<Vec<Token>>,
    attached: Vec<Attached>,
    /// The place of the token whose certificates were read last.
    read: usize,
    /// The place of a token that showed nothing, and must be logged in to.
    hidden: Option<usize>,
    key: Option<Key>,
    /// The last thing was a login that a key wants with each signature, and it was refused.
    refused: bool,
}

/// A token with a session. Being logged in belongs to the token, not to the session.
struct Attached {
    token: Token,
    session: Session,
    /// The PIN that opened it, for keys that want it again with each signature.
    pin: Option<AuthPin>,
    /// Where that PIN came from, for messages.
    origin: Origin,
    /// The PIN of a key that has one of its own, and where it came from.
    keys_pin: Option<(AuthPin, Origin)>,
    logged_in: bool,
}

/// The selected key. Its private half is looked up when it is used: before the login it may be
/// hidden.
struct Key {
    place: usize,
    filter: ObjectFilter,
    public_key: Option<PublicKey>,
    /// Its handle, and whether it wants a login with each signature.
    private_half: Option<(ObjectHandle, bool)>,
    uri: String,
}

impl Attached {
    fn wants_login(&self) -> bool {
        self.token.info.login_required() && !self.logged_in
    }
}

impl device::Device for Device {
    fn reach(address: &Address) -> Allowance {
        match address {
            Address::Pkcs11 { module, init_args } => reach::of(&module.0, init_args.as_deref()),
            _ => Allowance::default(),
        }
    }

    /// Loads and initialises a module, with a text for those that want one.
    fn open(
        address: Address,
        _: Duration,
        outbox: &'static Outbox,
        lock: &mut Locking<'_>,
    ) -> Result<Self, Failure> {
        let Address::Pkcs11 { module, init_args } = address else { return Err(Failure::Protocol) };
        lock(lock::name("pkcs11", module.0.as_os_str().as_encoded_bytes()))?;
        let module = Module::load(&module.0, init_args, outbox)?;
        Ok(Self {
            module,
            present: None,
            attached: Vec::new(),
            read: 0,
            hidden: None,
            key: None,
            refused: false,
        })
    }

    fn select(&mut self, wanted: &Select) -> Result<Found<Selected>, Failure> {
        self.select(wanted)
    }

    fn certificates(&mut self, wanted: &Wanted) -> Result<Found<Vec<Vec<u8>>>, Failure> {
        self.certificates(wanted)
    }

    fn list(&mut self) -> Result<Reply, Failure> {
        self.list().map(Reply::Listed)
    }

    fn aim(&mut self, token: &TokenFilter) -> Result<(), Failure> {
        self.aim(token)
    }

    fn list_unlocked(&mut self) -> Result<Reply, Failure> {
        self.list_unlocked().map(Reply::Listed)
    }

    fn holder(&self) -> Holder {
        let label = self.login_target().map_or_else(String::new, |a| a.token.label());
        Holder::Token(label)
    }

    fn identity(&self) -> Vec<String> {
        self.login_target().map_or_else(Vec::new, |a| a.token.whole_name())
    }

    fn key(&self) -> String {
        self.key.as_ref().map_or_else(String::new, |key| key.uri.clone())
    }

    fn wants_login(&self) -> bool {
        self.login_target().is_some_and(Attached::wants_login)
    }

    /// CKF_PROTECTED_AUTHENTICATION_PATH
    fn has_its_own_pad(&self) -> bool {
        self.login_target().is_some_and(|a| a.token.info.protected_authentication_path())
    }

    fn touch_after(&self) -> Option<Duration> {
        let may = self.login_target().is_some_and(|a| quirks::may_want_a_touch(&a.token.info));
        may.then_some(bell::PATIENCE)
    }

    fn is_not_the_keys_token(&self) -> bool {
        self.key.as_ref().is_some_and(|key| key.place != self.login_place())
    }

    fn key_asks_each_time(&self) -> bool {
        self.key_asks_each_time()
    }

    fn wants_pin_to_sign(&mut self, _configured: bool) -> Result<bool, Failure> {
        self.wants_pin_to_sign()
    }

    fn pin_state(&mut self) -> Result<PinState, Failure> {
        self.pin_state()
    }

    fn unlock(&mut self, pin: Option<Pin>) -> Result<(), Failure> {
        self.unlock(pin)
    }

    fn keep_pin(&mut self, pin: Pin) -> Result<(), Failure> {
        self.keep_pin(pin)
    }

    fn sign(
        &mut self,
        scheme: Scheme,
        message: &[u8],
        last_try: bool,
        waits: &dyn Fn(),
    ) -> Result<Vec<u8>, Failure> {
        waits();
        self.sign(scheme, message, last_try)
    }
}

impl Device {
    /// The label of the token that a login would be for.
    fn token(&self) -> String {
        self.login_target().map_or_else(String::new, |a| a.token.label())
    }

    /// A login is for the token on which something is hidden, else for that of the key.
    fn login_place(&self) -> usize {
        self.hidden.or(self.key.as_ref().map(|key| key.place)).unwrap_or_default()
    }

    fn login_target(&self) -> Option<&Attached> {
        self.attached.get(self.login_place())
    }

    /// The places in `attached` of the tokens that fit; a session is opened on each.
    fn attach(&mut self, filter: &TokenFilter) -> Result<Vec<usize>, Failure> {
        let present = match &self.present {
            Some(present) => present.clone(),
            None => self.present.insert(self.module.tokens()?).clone(),
        };
        let fitting: Vec<_> = present.iter().filter(|t| self.module.fits(t, filter)).collect();
        if fitting.is_empty() {
            let wanted = pasteable(filter, &ObjectFilter::default());
            let present = present.iter().take(select::NAMED).map(Token::label).collect();
            return Err(Failure::NoToken { wanted, present });
        }
        return_value::readable(fitting.into_iter().map(|token| self.session_on(token)))
    }

    fn session_on(&mut self, token: &Token) -> Result<usize, Failure> {
        let known = |attached: &Attached| attached.token.slot == token.slot;
        if let Some(place) = self.attached.iter().position(known) {
            return Ok(place);
        }
        let open = || self.module.context.open_ro_session(token.slot);
        let open = || self.module.call("C_OpenSession", &token.name(), open);
        let session = self.module.again(open)?;
        let (token, origin) = (token.clone(), Origin::Pad);
        self.attached.push(Attached {
            token,
            session,
            pin: None,
            origin,
            keys_pin: None,
            logged_in: false,
        });
        Ok(self.attached.len() - 1)
    }

    /// Closes all sessions; what the module says to that does not count.
    fn close(&mut self) {
        for attached in self.attached.drain(..) {
            let token = attached.token.name();
            let _ = self.module.call("C_CloseSession", &token, || attached.session.close());
        }
    }

    /// Calls `look` with the token at that place.
    fn view<T>(
        &self,
        place: usize,
        look: impl FnOnce(&View<'_>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let attached = self.attached.get(place).ok_or(Failure::Protocol)?;
        let token = attached.token.name();
        look(&View { module: &self.module, session: &attached.session, token: &token })
    }
}

impl Drop for Device {
    /// Sessions first, then the module: cryptoki finalises nothing by itself.
    fn drop(&mut self) {
        self.close();
        self.module.finalize();
    }
}
