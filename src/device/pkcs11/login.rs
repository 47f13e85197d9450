//! Logging in: one C_Login for one PIN. Whether a PIN may be sent at all is for the etiquette to
//! say; what the token answers is told here, with the tries that it says are left.

use crate::device::pkcs11::module::Module;
use crate::device::pkcs11::quirks;
use crate::device::pkcs11::{
    Attached, AuthPin, Device, Error, Failure, Pin, PinState, RvError, UserType,
};
use crate::prompt::etiquette;
use crate::wire::failure::Tries;

impl Device<'_> {
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
        let attached = self.attached.get(place).ok_or(Failure::Protocol)?;
        let info = &attached.token.info;
        let (pin, origin) = pin.map_or((None, String::new()), |pin| (Some(pin.secret), pin.origin));
        if let Some(pin) = &pin
            && !quirks::takes_pins_of(info, pin.expose().len())
        {
            let reason = format!(
                "{origin}: the token takes PINs of {} to {} bytes",
                info.min_pin_length(),
                info.max_pin_length()
            );
            return Err(Failure::PinSource { token: attached.token.label(), reason });
        }
        self.log_in(place, pin.map(|pin| AuthPin::new(pin.expose().into())), origin)
    }

    /// One C_Login for the token at that place, which remembers the PIN.
    pub(super) fn log_in(
        &mut self,
        place: usize,
        pin: Option<AuthPin>,
        origin: String,
    ) -> Result<(), Failure> {
        let attached = self.attached.get(place).ok_or(Failure::Protocol)?;
        let answer = login(&self.module, attached, UserType::User, pin.as_ref());
        answer.or_else(|refused| self.explain(refused, origin.clone()))?;
        self.hidden = None;
        let attached = self.attached.get_mut(place).ok_or(Failure::Protocol)?;
        attached.logged_in = true;
        attached.pin = pin;
        attached.origin = origin;
        Ok(())
    }

    /// A refused PIN is told as such, with what the token says now.
    fn explain(&mut self, refused: Refused, origin: String) -> Result<(), Failure> {
        let token = self.token();
        // It was not locked a moment ago: this PIN has used up the last try.
        let last = self.login_target().is_some_and(|a| a.token.tries() == Tries::One);
        Err(match refused {
            Refused::Other(failure) => failure,
            Refused::Locked if last => Failure::PinWrong { token, origin, tries: Tries::None },
            Refused::Locked => Failure::PinLocked { token },
            Refused::Wrong => {
                let tries = self.pin_state().map_or(Tries::Unknown, |state| state.tries);
                Failure::PinWrong { token, origin, tries }
            }
        })
    }

    /// Keeps a PIN for the logins that a key wants with each signature, on a token that wants no
    /// other.
    pub fn keep_pin(&mut self, pin: Pin) {
        let place = self.login_place();
        if let Some(attached) = self.attached.get_mut(place) {
            attached.pin = Some(AuthPin::new(pin.secret.expose().into()));
            attached.origin = pin.origin;
        }
    }

    /// The login that an always-authenticate key wants between C_SignInit and C_Sign, with the PIN
    /// that opened the token (PKCS#11 v2.40 §11.6, CKU_CONTEXT_SPECIFIC). Its state is read again
    /// first; without a PIN, and without a pad to type one on, nothing is tried.
    pub(super) fn context_login(&mut self, place: usize, last_try: bool) -> Result<(), Failure> {
        let attached = self.attached.get_mut(place).ok_or(Failure::Protocol)?;
        let token = attached.token.label();
        etiquette::may_try(&token, self.module.pin_state(&mut attached.token)?, last_try)?;
        if attached.pin.is_none() && !attached.token.info.protected_authentication_path() {
            return Err(Failure::NoTerminal { token });
        }
        let answer =
            login(&self.module, attached, UserType::ContextSpecific, attached.pin.as_ref());
        let origin = attached.origin.clone();
        answer.map_err(|refused| match refused {
            Refused::Other(failure) => failure,
            Refused::Locked if attached.token.tries() == Tries::One => {
                Failure::PinWrong { token, origin, tries: Tries::None }
            }
            Refused::Locked => Failure::PinLocked { token },
            Refused::Wrong => Failure::PinWrong { token, origin, tries: Tries::Unknown },
        })
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
