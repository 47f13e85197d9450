//! One signature: C_SignInit, a context-specific login where the key wants one, and one C_Sign.

use cryptoki::object::ObjectHandle;
use cryptoki::session::SessionState;

use crate::device::pkcs11::quirks;
use crate::device::pkcs11::signature::{self, Way};
use crate::device::pkcs11::{Attached, Device, Error, Failure, Key, View, return_value};
use crate::key::public_key::Scheme;
use crate::key::uri::ObjectFilter;

impl Device {
    /// Whether a signature will want a PIN that nobody has given yet: some keys want it with each
    /// signature, on tokens that want no other login.
    ///
    /// # Errors
    /// When the key is not there.
    pub fn wants_pin_to_sign(&mut self) -> Result<bool, Failure> {
        let none = |a: &Attached| a.pin.is_none() && a.keys_pin.is_none();
        let no_pin = self.login_target().is_some_and(none);
        let pad = |a: &Attached| a.token.info.protected_authentication_path();
        Ok(no_pin && !self.login_target().is_some_and(pad) && self.private_half()?.1)
    }

    /// Signs a message with the selected key; the token must be unlocked. `last_try` allows a login
    /// that would lock the token if the PIN were wrong. A session or a login that has got lost is
    /// opened anew, once.
    ///
    /// # Errors
    /// When the key is not there, or the token cannot or will not sign.
    pub fn sign(
        &mut self,
        scheme: Scheme,
        message: &[u8],
        last_try: bool,
    ) -> Result<Vec<u8>, Failure> {
        let ways = signature::ways(scheme, message);
        let output = match self.signed(&ways, last_try) {
            Err(lost) if self.is_loss(&lost) => {
                self.restore(lost)?;
                self.signed(&ways, last_try)
            }
            answer => answer,
        };
        let token = format!("token '{}'", self.token());
        signature::encode(scheme, output?)
            .ok_or_else(|| return_value::failure("C_Sign", &token, &Error::InvalidValue))
    }

    /// Whether the selected key is known to want a login with each signature.
    #[must_use]
    pub fn key_asks_each_time(&self) -> bool {
        let known = self.key.as_ref().and_then(|key| key.private_half);
        known.is_some_and(|(_, each_time)| each_time)
    }

    /// A key that wants a login with each signature has just had it: it is not lost, but not enough.
    fn is_loss(&self, failure: &Failure) -> bool {
        let enough = !(self.key_asks_each_time() && return_value::wants_login(failure));
        return_value::is_loss(failure) && enough
    }

    fn signed(&mut self, ways: &[Way; 2], last_try: bool) -> Result<Vec<u8>, Failure> {
        let (handle, each_time) = self.private_half()?;
        let place = self.key.as_ref().ok_or(Failure::Protocol)?.place;
        match self.attempt(place, handle, ways, each_time.then_some(last_try)) {
            // The attribute lies on some tokens: the key wants a login of its own after all.
            Err(failure)
                if !each_time
                    && return_value::wants_login(&failure)
                    && self.knows_of_the_login(place) =>
            {
                self.attempt(place, handle, ways, Some(last_try))
            }
            answer => answer,
        }
    }

    /// Whether the token says that its user is logged in.
    fn knows_of_the_login(&self, place: usize) -> bool {
        let state = self.view(place, |view| {
            let info = || view.session.get_session_info();
            view.module.call("C_GetSessionInfo", view.token, info)
        });
        let user = |state| matches!(state, SessionState::RoUser | SessionState::RwUser);
        state.is_ok_and(|info| user(info.session_state()))
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
    ) -> Result<Vec<u8>, Failure> {
        let refused = std::mem::take(&mut self.refused);
        let way = self.view(place, |view| begin(view, key, ways, refused))?;
        if let Some(last_try) = login {
            let answer = self.context_login(place, last_try);
            self.refused = answer.is_err();
            answer?;
        }
        self.view(place, |view| {
            let sign = || view.module.raw.sign(view.session, &way.input);
            view.module.call("C_Sign", view.token, sign)
        })
    }
}

/// C_SignInit with the first mechanism that the token has. After a refused login of its own a signature
/// may have begun already.
fn begin<'w>(
    view: &View<'_>,
    key: ObjectHandle,
    ways: &'w [Way; 2],
    refused: bool,
) -> Result<&'w Way, Failure> {
    let [first, second] = ways;
    let mut unknown = false;
    let answer = view.module.call("C_SignInit", view.token, || {
        let answer = view.session.sign_init(&first.mechanism, key);
        unknown = quirks::must_hash_by_itself(&answer);
        if refused && quirks::has_begun(&answer) { Ok(()) } else { answer }
    });
    if unknown {
        let init = || view.session.sign_init(&second.mechanism, key);
        return view.module.call("C_SignInit", view.token, init).map(|()| second);
    }
    answer.map(|()| first)
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
