//! One signature: C_SignInit, a context-specific login where the key wants one, and one C_Sign.

use cryptoki::object::ObjectHandle;

use crate::device::pkcs11::quirks;
use crate::device::pkcs11::raw::{Raw, RawError};
use crate::device::pkcs11::signature::{self, Way};
use crate::device::pkcs11::{Attached, Device, Failure, Key, RvError, View, return_value};
use crate::key::public_key::Scheme;
use crate::key::uri::ObjectFilter;
use cryptoki::error::Rv;

impl Device<'_> {
    /// Whether a signature will want a PIN that nobody has given yet: some keys want it with each
    /// signature, on tokens that want no other login.
    ///
    /// # Errors
    /// When the key is not there.
    pub fn wants_pin_to_sign(&mut self) -> Result<bool, Failure> {
        let (_, each_time) = self.private_half()?;
        Ok(each_time
            && !self.has_its_own_pad()
            && self.login_target().is_some_and(|a| a.pin.is_none()))
    }

    /// Signs a message with the selected key; the token must be unlocked. `last_try` allows a login
    /// that would lock the token if the PIN were wrong.
    ///
    /// # Errors
    /// When the key is not there, or the token cannot or will not sign.
    pub fn sign(
        &mut self,
        scheme: Scheme,
        message: &[u8],
        last_try: bool,
    ) -> Result<Vec<u8>, Failure> {
        let (handle, each_time) = self.private_half()?;
        let key = self.key.as_ref().ok_or(Failure::Protocol)?;
        let (place, uri) = (key.place, key.uri.clone());
        let ways = signature::ways(scheme, message);
        let output = match self.attempt(place, handle, &ways, each_time.then_some(last_try)) {
            // The attribute lies on some tokens: the key wants a login of its own after all.
            Err(Refused::NotLoggedIn) if !each_time => {
                self.attempt(place, handle, &ways, Some(last_try))
            }
            answer => answer,
        };
        let output = output.map_err(|refused| refused.into_failure(&self.token()))?;
        signature::encode(scheme, output).ok_or_else(|| Failure::Key {
            key: uri,
            reason: "the module returned a signature of an impossible length".to_owned(),
        })
    }

    /// The handle of the selected key, and whether it wants a login with each signature; looked up
    /// once, after the login.
    fn private_half(&mut self) -> Result<(ObjectHandle, bool), Failure> {
        let key = self.key.as_ref().ok_or(Failure::Protocol)?;
        if let Some(known) = key.private_half {
            return Ok(known);
        }
        let found = self.view(key.place, |view| {
            let handle = private_key(view, key)?;
            Ok((handle, view.always_authenticates(handle)?))
        })?;
        if let Some(key) = &mut self.key {
            key.private_half = Some(found);
        }
        Ok(found)
    }

    /// One signature, with a login of its own where `login` says whether the last try may be used.
    fn attempt(
        &mut self,
        place: usize,
        key: ObjectHandle,
        ways: &[Way; 2],
        login: Option<bool>,
    ) -> Result<Vec<u8>, Refused> {
        let attached = self.attached.get(place).ok_or(Refused::Failed(Failure::Protocol))?;
        let way = self.begin(attached, key, ways)?;
        if let Some(last_try) = login {
            self.context_login(place, last_try).map_err(Refused::Failed)?;
        }
        let attached = self.attached.get(place).ok_or(Refused::Failed(Failure::Protocol))?;
        let raw = Raw::of(&self.module.path).map_err(Refused::Sign)?;
        self.module.announce("C_Sign");
        raw.sign(attached.session.handle(), &way.input).map_err(|error| match error {
            RawError::Returned(Rv::Error(code)) if quirks::wants_a_login_of_its_own(code) => {
                Refused::NotLoggedIn
            }
            error => Refused::Sign(error),
        })
    }

    /// C_SignInit with the first mechanism that the token has.
    fn begin<'w>(
        &self,
        attached: &Attached,
        key: ObjectHandle,
        ways: &'w [Way; 2],
    ) -> Result<&'w Way, Refused> {
        let [first, second] = ways;
        let mut unknown = false;
        let token = attached.token.name();
        let answer = self.module.call("C_SignInit", &token, || {
            let answer = attached.session.sign_init(&first.mechanism, key);
            unknown = quirks::must_hash_by_itself(&answer);
            answer
        });
        match answer {
            Ok(()) => Ok(first),
            Err(_) if unknown => {
                let init = || attached.session.sign_init(&second.mechanism, key);
                self.module.call("C_SignInit", &token, init).map_err(Refused::Failed)?;
                Ok(second)
            }
            Err(failure) => Err(Refused::Failed(failure)),
        }
    }
}

enum Refused {
    Failed(Failure),
    NotLoggedIn,
    Sign(RawError),
}

impl Refused {
    fn into_failure(self, label: &str) -> Failure {
        let token = &format!("token '{label}'");
        match self {
            Self::Failed(failure) => failure,
            Self::NotLoggedIn => {
                let error = RawError::Returned(Rv::Error(RvError::UserNotLoggedIn));
                return_value::raw_failure("C_Sign", token, error)
            }
            Self::Sign(error) => return_value::raw_failure("C_Sign", token, error),
        }
    }
}

/// The private key that was selected: by its id, and by its label where ids do not decide.
fn private_key(view: &View<'_>, key: &Key) -> Result<ObjectHandle, Failure> {
    let by_id = ObjectFilter { label: None, ..key.filter.clone() };
    let by_label = ObjectFilter { id: None, ..key.filter.clone() };
    let mut found = Vec::new();
    if by_id.id.is_some() {
        found = view.private_handles(&by_id)?;
    }
    if found.len() > 1 && by_label.label.is_some() {
        found = view.private_handles(&key.filter)?;
    }
    // By its label or, where it has neither, as the only one of its token.
    if found.is_empty() && (by_label.label.is_some() || by_id.id.is_none()) {
        found = view.private_handles(&by_label)?;
    }
    let reason = match found.as_slice() {
        [handle] => return Ok(*handle),
        [] => "its private half is not on the token",
        _ => "the token holds several private keys of this label and id",
    };
    Err(Failure::Key { key: key.uri.clone(), reason: reason.to_owned() })
}
