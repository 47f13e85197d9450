//! What a PIN opens on a PKCS#11 token: the token itself, or a key that wants a login with each
//! signature.

use crate::device::pkcs11::Device;
use crate::key::public_key::Scheme;
use crate::prompt::Pin;
use crate::prompt::etiquette::{Door, PinState};
use crate::wire::Failure;

/// A token that is logged in to.
pub(super) struct Token<'d, 'a>(pub(super) &'d mut Device<'a>);

/// A signature, made as soon as the PIN for it is there.
pub(super) struct Signature<'d, 'a> {
    pub(super) device: &'d mut Device<'a>,
    pub(super) scheme: Scheme,
    pub(super) message: &'d [u8],
    pub(super) last_try: bool,
    pub(super) made: Vec<u8>,
}

impl Signature<'_, '_> {
    /// Signs with the PIN that the device has already, or with none.
    pub(super) fn make(&mut self) -> Result<(), Failure> {
        self.made = self.device.sign(self.scheme, self.message, self.last_try)?;
        Ok(())
    }
}

impl Door for Token<'_, '_> {
    fn token(&self) -> Vec<String> {
        self.0.token_name()
    }

    fn key(&self) -> String {
        self.0.key()
    }

    fn takes_what_is_configured(&self) -> bool {
        !self.0.is_not_the_keys_token()
    }

    fn may_have_its_own_pin(&self) -> bool {
        false
    }

    fn state(&mut self) -> Result<PinState, Failure> {
        self.0.pin_state()
    }

    fn enter(&mut self, pin: Pin) -> Result<(), Failure> {
        self.0.unlock(Some(pin))
    }
}

impl Door for Signature<'_, '_> {
    fn token(&self) -> Vec<String> {
        self.device.token_name()
    }

    fn key(&self) -> String {
        self.device.key()
    }

    fn takes_what_is_configured(&self) -> bool {
        true
    }

    fn may_have_its_own_pin(&self) -> bool {
        self.device.key_asks_each_time()
    }

    fn state(&mut self) -> Result<PinState, Failure> {
        self.device.pin_state()
    }

    fn enter(&mut self, pin: Pin) -> Result<(), Failure> {
        self.device.keep_pin(pin)?;
        self.make()
    }
}
