//! Logging in: one C_Login for one PIN. Whether a PIN may be sent at all is for the etiquette to
//! say; what the token answers is told here, with the tries that it says are left.

use super::{AuthPin, Device, Error, Failure, Pin, PinState, RvError, UserType};
use crate::wire::failure::Tries;

impl Device<'_> {
    /// What the token that was used last says about its PIN now.
    ///
    /// # Errors
    /// When the token is gone.
    pub fn pin_state(&mut self) -> Result<PinState, Failure> {
        let attached = self.attached.get_mut(self.current).ok_or(Failure::Protocol)?;
        self.module.pin_state(&mut attached.token)
    }

    /// Logs in, with a PIN or, on a device with a pad of its own, without. Being logged in already
    /// is a success.
    ///
    /// # Errors
    /// When the token refuses the PIN, or could never take it.
    pub fn unlock(&mut self, pin: Option<Pin>) -> Result<(), Failure> {
        let attached = self.attached.get_mut(self.current).ok_or(Failure::Protocol)?;
        let info = &attached.token.info;
        let (pin, origin) = pin.map_or((None, String::new()), |pin| (Some(pin.secret), pin.origin));
        let taken = info.min_pin_length()..=info.max_pin_length();
        if let Some(pin) = &pin
            && info.max_pin_length() > 0
            && !taken.contains(&pin.expose().len())
        {
            let reason = format!("{origin}: the token takes PINs of {} to {} bytes", taken.start(), taken.end());
            return Err(Failure::PinSource { token: attached.token.label(), reason });
        }
        let pin = pin.map(|pin| AuthPin::new(pin.expose().into()));
        let login = || attached.session.login(UserType::User, pin.as_ref());
        let mut refused = None;
        self.module.call("C_Login", &attached.token.name(), || match login() {
            Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(()),
            Err(error) => {
                refused = Some(refusal(&error));
                Err(error)
            }
            Ok(()) => Ok(()),
        })
        .or_else(|failure| self.explain(failure, refused.flatten(), origin))?;
        let attached = self.attached.get_mut(self.current).ok_or(Failure::Protocol)?;
        attached.logged_in = true;
        attached.pin = pin;
        Ok(())
    }

    /// A refused PIN is told as such, with what the token says now.
    fn explain(
        &mut self,
        failure: Failure,
        refusal: Option<Refusal>,
        origin: String,
    ) -> Result<(), Failure> {
        let token = self.token();
        Err(match refusal {
            None => failure,
            Some(Refusal::Locked) => Failure::PinLocked { token },
            Some(Refusal::Wrong) => {
                let tries = self.pin_state().map_or(Tries::Unknown, |state| state.tries);
                Failure::PinWrong { token, origin, tries }
            }
        })
    }
}

enum Refusal {
    Locked,
    Wrong,
}

fn refusal(error: &Error) -> Option<Refusal> {
    match error {
        Error::Pkcs11(RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange, _) => {
            Some(Refusal::Wrong)
        }
        Error::Pkcs11(RvError::PinLocked, _) => Some(Refusal::Locked),
        _ => None,
    }
}
