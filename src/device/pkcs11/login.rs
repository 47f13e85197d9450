//! Logging in: one C_Login for one PIN. Whether a PIN may be sent at all is for the etiquette to
//! say; what the token answers is told here, with the tries that it says are left.

use crate::device::pkcs11::module::Module;
use crate::device::pkcs11::quirks;
use crate::device::pkcs11::{
    Attached, AuthPin, Device, Error, Failure, Pin, PinState, RvError, UserType,
};
use crate::prompt::etiquette;
use crate::secret::Secret;
use crate::wire::failure::{Origin, Tries};

impl Device {
    /// What the token says now about its PIN.
    ///
    /// # Errors
    /// When the token is gone.
    pub fn pin_state(&mut self) -> Result<PinState, Failure> {
        let place = self.login_place();
        let attached = self.attached.get_mut(place).ok_or(Failure::Protocol)?;
        self.module.pin_state(&mut attached.token)
    }

    /// Logs in, with a PIN or, on a device with a pad of its own, without. Being logged in already
    /// is a success.
    ///
    /// # Errors
    /// When the token refuses the PIN, or could never take it.
    pub fn unlock(&mut self, pin: Option<Pin>) -> Result<(), Failure> {
        let place = self.login_place();
        let Some(Pin { secret, origin }) = pin else {
            return self.log_in(place, None, Origin::Pad);
        };
        self.fits(place, &secret, &origin)?;
        self.log_in(place, Some(AuthPin::new(secret.expose().into())), origin)
    }

    /// Whether the token could take such a PIN at all.
    fn fits(&self, place: usize, pin: &Secret, origin: &Origin) -> Result<(), Failure> {
        let token = &self.attached.get(place).ok_or(Failure::Protocol)?.token;
        if quirks::takes_pins_of(&token.info, pin.expose().len()) {
            return Ok(());
        }
        let (least, most) = (token.info.min_pin_length(), token.info.max_pin_length());
        Err(Failure::PinSource {
            of: token.holder(),
            origin: origin.clone(),
            reason: format!("the token takes PINs of {least} to {most} bytes"),
        })
    }

    /// One C_Login for the token at that place, which remembers the PIN.
    pub(super) fn log_in(
        &mut self,
        place: usize,
        pin: Option<AuthPin>,
        origin: Origin,
    ) -> Result<(), Failure> {
        let attached = self.attached.get(place).ok_or(Failure::Protocol)?;
        let answer = login(&self.module, attached, UserType::User, pin.as_ref());
        answer.or_else(|refused| self.explain(place, refused, origin.clone()))?;
        self.hidden = None;
        let attached = self.attached.get_mut(place).ok_or(Failure::Protocol)?;
        attached.logged_in = true;
        attached.pin = pin;
        attached.origin = origin;
        Ok(())
    }

    /// A refused PIN is told as such, with what the token says now.
    fn explain(&mut self, place: usize, refused: Refused, origin: Origin) -> Result<(), Failure> {
        let attached = self.attached.get_mut(place).ok_or(Failure::Protocol)?;
        let of = attached.token.holder();
        // It was not locked a moment ago: this PIN has used up the last try.
        let last = attached.token.tries() == Tries::One;
        Err(match refused {
            Refused::Other(failure) => failure,
            Refused::Locked if last => Failure::PinWrong { of, origin, tries: Tries::None },
            Refused::Locked => Failure::PinLocked { of, sent: Some(origin) },
            Refused::Wrong => {
                let state = self.module.pin_state(&mut attached.token);
                let tries = state.map_or(Tries::Unknown, |state| state.tries);
                Failure::PinWrong { of, origin, tries }
            }
        })
    }

    /// Keeps a PIN for the login that a key wants with each signature.
    ///
    /// # Errors
    /// When the token could never take it.
    pub fn keep_pin(&mut self, pin: Pin) -> Result<(), Failure> {
        let place = self.login_place();
        self.fits(place, &pin.secret, &pin.origin)?;
        let attached = self.attached.get_mut(place).ok_or(Failure::Protocol)?;
        attached.keys_pin = Some((AuthPin::new(pin.secret.expose().into()), pin.origin));
        Ok(())
    }

    /// The login that an always-authenticate key wants between C_SignInit and C_Sign, with the PIN
    /// that opened the token (PKCS#11 v2.40 §11.6, CKU_CONTEXT_SPECIFIC) or the one that is kept for
    /// it. The token's state is read again first; without a PIN, and without a pad to type one on,
    /// nothing is tried.
    pub(super) fn context_login(&mut self, place: usize, last_try: bool) -> Result<(), Failure> {
        let attached = self.attached.get_mut(place).ok_or(Failure::Protocol)?;
        let of = attached.token.holder();
        etiquette::may_try(&of, self.module.pin_state(&mut attached.token)?, last_try)?;
        let (pin, origin) = match &attached.keys_pin {
            Some((pin, origin)) => (Some(pin), origin.clone()),
            None => (attached.pin.as_ref(), attached.origin.clone()),
        };
        if pin.is_none() && !attached.token.info.protected_authentication_path() {
            return Err(Failure::NoTerminal { of, prompts: true });
        }
        let answer = login(&self.module, attached, UserType::ContextSpecific, pin);
        answer.or_else(|refused| self.explain(place, refused, origin))
    }
}

/// What C_Login said no with.
enum Refused {
    Locked,
    Other(Failure),
    Wrong,
}

/// One C_Login. Being logged in already is a success.
fn login(
    module: &Module<'_>,
    attached: &Attached,
    user: UserType,
    pin: Option<&AuthPin>,
) -> Result<(), Refused> {
    let mut code = None;
    let answer = module.call("C_Login", &attached.token.name(), || {
        let answer = attached.session.login(user, pin);
        if let Err(Error::Pkcs11(returned, _)) = &answer {
            code = Some(*returned);
        }
        answer
    });
    answer.or_else(|failure| match code {
        Some(RvError::UserAlreadyLoggedIn) => Ok(()),
        Some(code) if quirks::is_wrong_pin(code) => Err(Refused::Wrong),
        Some(RvError::PinLocked) => Err(Refused::Locked),
        _ => Err(Refused::Other(failure)),
    })
}
