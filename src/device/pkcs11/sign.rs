//! One signature: C_SignInit, a context-specific login where the key wants one, and one C_Sign.

use cryptoki::object::ObjectHandle;

use crate::device::pkcs11::raw::{Raw, RawError};
use crate::device::pkcs11::signature::{self, Way};
use crate::device::pkcs11::{Attached, Device, Error, Failure, Key, RvError, View, return_value};
use crate::key::public_key::Scheme;
use crate::key::uri::ObjectFilter;
use cryptoki::error::Rv;

impl Device<'_> {
    /// Signs a message with the selected key; the token must be unlocked.
    ///
    /// # Errors
    /// When the key is not there, or the token cannot or will not sign.
    pub fn sign(&mut self, scheme: Scheme, message: &[u8]) -> Result<Vec<u8>, Failure> {
        let key = self.key.as_ref().ok_or(Failure::Protocol)?;
        let attached = self.attached.get(key.place).ok_or(Failure::Protocol)?;
        let token = attached.token.name();
        let view = View { module: &self.module, session: &attached.session, token: &token };
        let handle = private_key(&view, key)?;
        let each_time = view.always_authenticates(handle)?;
        let ways = signature::ways(scheme, message);
        let output = match self.attempt(attached, handle, &ways, each_time) {
            // The attribute lies on some tokens: the key wants a login of its own after all.
            Err(Refused::NotLoggedIn) if !each_time => self.attempt(attached, handle, &ways, true),
            answer => answer,
        };
        let output = output.map_err(|refused| refused.into_failure(&token))?;
        signature::encode(scheme, output).ok_or_else(|| Failure::Key {
            key: key.uri.clone(),
            reason: "the module returned a signature of an impossible length".to_owned(),
        })
    }

    fn attempt(
        &self,
        attached: &Attached,
        key: ObjectHandle,
        ways: &[Way; 2],
        each_time: bool,
    ) -> Result<Vec<u8>, Refused> {
        let way = self.begin(attached, key, ways)?;
        if each_time {
            self.context_login(attached).map_err(Refused::Failed)?;
        }
        let raw = Raw::of(&self.module.path).map_err(Refused::Sign)?;
        self.module.announce("C_Sign");
        raw.sign(attached.session.handle(), &way.input).map_err(|error| match error {
            RawError::Returned(Rv::Error(RvError::UserNotLoggedIn)) => Refused::NotLoggedIn,
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
            unknown = matches!(answer, Err(Error::Pkcs11(RvError::MechanismInvalid, _)));
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
    fn into_failure(self, token: &str) -> Failure {
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
    if found.is_empty() && by_label.label.is_some() {
        found = view.private_handles(&by_label)?;
    }
    let reason = match found.as_slice() {
        [handle] => return Ok(*handle),
        [] => "its private half is not on the token",
        _ => "the token holds several private keys of this label and id",
    };
    Err(Failure::Key { key: key.uri.clone(), reason: reason.to_owned() })
}
