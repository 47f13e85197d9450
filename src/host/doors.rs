//! What a PIN opens: a token, or a key that wants it with its signature.

use std::time::Duration;

use crate::device::Device;
use crate::key::public_key::Scheme;
use crate::prompt::etiquette::{Door, PinState};
use crate::prompt::{Notice, Pin, Prompt, bell};
use crate::wire::Failure;
use crate::wire::failure::Holder;
use crate::wire::outbox::Outbox;

/// A token that is logged in to.
pub(super) struct Token<'d, D>(pub(super) &'d mut D);

/// A signature, made as soon as the PIN for it is there.
pub(super) struct Signature<'d, D> {
    pub(super) device: &'d mut D,
    pub(super) scheme: Scheme,
    pub(super) message: &'d [u8],
    pub(super) last_try: bool,
    pub(super) bell: Option<Bell<'d>>,
    pub(super) made: Vec<u8>,
}

/// What a person may have to be told while a signature is made, and after how long.
pub(super) struct Bell<'d> {
    pub(super) outbox: &'d Outbox,
    pub(super) person: &'d (dyn Fn() -> Box<dyn Prompt> + Sync),
    pub(super) notice: Notice<'d>,
    pub(super) after: Duration,
}

impl<D: Device> Signature<'_, D> {
    /// Signs with the PIN that the device has already, or with none.
    pub(super) fn make(&mut self) -> Result<(), Failure> {
        let device = &mut *self.device;
        let mut sign =
            |waits: &dyn Fn()| device.sign(self.scheme, self.message, self.last_try, waits);
        self.made = match &self.bell {
            None => sign(&|| {}),
            Some(bell) => bell::ring(bell.outbox, bell.person, &bell.notice, bell.after, sign),
        }?;
        Ok(())
    }
}

impl<D: Device> Door for Token<'_, D> {
    fn holder(&self) -> Holder {
        self.0.holder()
    }

    fn identity(&self) -> Vec<String> {
        self.0.identity()
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

impl<D: Device> Door for Signature<'_, D> {
    fn holder(&self) -> Holder {
        self.device.holder()
    }

    fn identity(&self) -> Vec<String> {
        self.device.identity()
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

/// What the key of a signature is loaded under, in a TPM.
pub(super) struct Parent<'p, 'd, D> {
    /// A handle, or the name of a hierarchy.
    pub(super) name: String,
    pub(super) door: &'p mut Signature<'d, D>,
}

impl<D: Device> Door for Parent<'_, '_, D> {
    fn holder(&self) -> Holder {
        Holder::TpmParent(self.name.clone())
    }

    fn identity(&self) -> Vec<String> {
        let mut identity = self.door.device.identity();
        if let Some(name) = identity.first_mut() {
            *name = format!("{}, above {name}", self.name);
        }
        identity
    }

    fn key(&self) -> String {
        self.door.key()
    }

    fn takes_what_is_configured(&self) -> bool {
        true
    }

    fn may_have_its_own_pin(&self) -> bool {
        false
    }

    fn state(&mut self) -> Result<PinState, Failure> {
        self.door.state()
    }

    fn enter(&mut self, pin: Pin) -> Result<(), Failure> {
        self.door.device.keep_parent_pin(pin)?;
        self.door.make()
    }
}
