//! A session that got lost between the login and the signature (a network HSM that failed over, a
//! card that another program has reset, an idle time that ran out) is opened anew, once. No person
//! is asked again: the PIN is the one that the same token has accepted in this run.

use crate::device::pkcs11::{Attached, Device, Failure};
use crate::wire::failure::Tries;

impl Device {
    /// Finds the key's token again, and logs in to it again where it was. The module begins anew:
    /// with some nothing else helps, and no handle of before is used.
    ///
    /// # Errors
    /// `lost`, why this was called, where that is not possible; that the token was removed where it
    /// is no longer there; or what the token then says.
    pub(super) fn restore(&mut self, lost: Failure) -> Result<(), Failure> {
        let place = self.key.as_ref().ok_or(Failure::Protocol)?.place;
        if self.attached.get(place).is_none_or(|a| a.token.info.protected_authentication_path()) {
            return Err(lost);
        }
        let attached = self.attached.swap_remove(place);
        let Attached { token, session, pin, origin, keys_pin, logged_in } = attached;
        let _ = self.module.call("C_CloseSession", &token.name(), || session.close());
        self.close();
        self.present = None;
        self.module.restart()?;
        let present = self.module.tokens()?;
        let Some(token) = present.iter().find(|present| present.is(&token)) else {
            return Err(removed(&token.name(), lost));
        };
        let place = self.session_on(token)?;
        // Certificates were read before; what was hidden is not looked for any more.
        (self.read, self.hidden) = (place, None);
        if let Some(key) = &mut self.key {
            (key.place, key.private_half) = (place, None);
        }
        if let Some(attached) = self.attached.get_mut(place) {
            attached.keys_pin = keys_pin;
        }
        if !logged_in {
            return Ok(());
        }
        // A right PIN costs no try, but the module was wrong about something already.
        let state = self.pin_state()?;
        if matches!(state.tries, Tries::None | Tries::One) || !state.initialised {
            return Err(lost);
        }
        self.log_in(place, pin, origin)
    }
}

fn removed(token: &str, lost: Failure) -> Failure {
    match lost {
        Failure::Call { function, code, .. } => {
            Failure::Removed { subject: token.to_owned(), cause: format!("{function}: {code}") }
        }
        other => other,
    }
}
