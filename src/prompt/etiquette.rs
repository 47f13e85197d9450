//! PIN etiquette: when a PIN may be sent at all. The token's own state is read first; a locked
//! token is left alone, and its last try is used only by one who asked for it by name.

use crate::wire::Failure;
use crate::wire::failure::Tries;

/// What a token says about its user PIN, read immediately before a login.
#[derive(Clone, Copy, Debug)]
pub struct PinState {
    /// The tries that are left.
    pub tries: Tries,
    /// Whether a user PIN was ever set (CKF_USER_PIN_INITIALIZED).
    pub initialised: bool,
}

/// Whether one PIN may be sent now.
///
/// # Errors
/// When it would be the last try and `last_try` was not asked for, when the PIN is locked, or when
/// the token has none.
pub fn may_try(token: &str, state: PinState, last_try: bool) -> Result<(), Failure> {
    let token = token.to_owned();
    match state.tries {
        Tries::None => Err(Failure::PinLocked { token }),
        Tries::One if !last_try => Err(Failure::PinAtLastTry { token }),
        _ if !state.initialised => {
            let reason = "the token has no user PIN yet".to_owned();
            Err(Failure::PinSource { token, reason })
        }
        Tries::One | Tries::Few | Tries::Unknown => Ok(()),
    }
}

/// What a person is told about the tries that are left; `asked_again` where they know that something
/// was wrong.
#[must_use]
pub fn tries_left(tries: Tries, asked_again: bool) -> Option<&'static str> {
    match tries {
        Tries::Few if asked_again => Some("few tries are left"),
        Tries::Few => Some("a wrong PIN was entered before; few tries are left"),
        Tries::None => Some("it is locked now"),
        Tries::One => Some("this is the last try: a wrong PIN locks the token"),
        Tries::Unknown if asked_again => Some("the token does not say how many tries are left"),
        Tries::Unknown => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(tries: Tries, last_try: bool) -> Result<(), Failure> {
        may_try("lab", PinState { tries, initialised: true }, last_try)
    }

    #[test]
    fn a_locked_pin_is_never_tried() {
        assert!(matches!(verdict(Tries::None, false), Err(Failure::PinLocked { .. })));
        assert!(matches!(verdict(Tries::None, true), Err(Failure::PinLocked { .. })));
    }

    #[test]
    fn the_last_try_is_used_only_by_name() {
        assert!(matches!(verdict(Tries::One, false), Err(Failure::PinAtLastTry { .. })));
        assert!(verdict(Tries::One, true).is_ok());
    }

    #[test]
    fn a_token_without_a_user_pin_is_left_alone() {
        let state = PinState { tries: Tries::Unknown, initialised: false };
        assert!(matches!(may_try("lab", state, false), Err(Failure::PinSource { .. })));
        assert!(verdict(Tries::Unknown, false).is_ok() && verdict(Tries::Few, false).is_ok());
    }
}
