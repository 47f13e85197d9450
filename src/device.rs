//! The devices that hold keys, one module each, strangers to each other. Device hosts only: the
//! main program sees them through frames, and a host sees them all through one contract.

use std::time::Duration;

use crate::key::public_key::Scheme;
use crate::key::uri::TokenFilter;
use crate::prompt::Pin;
use crate::prompt::etiquette::PinState;
use crate::sandbox::Allowance;
use crate::wire::failure::Holder;
use crate::wire::outbox::Outbox;
use crate::wire::{Address, Failure, Reply, Select, Selected, Wanted};

pub mod held;
#[cfg(feature = "piv")]
pub mod piv;
#[cfg(feature = "pkcs11")]
pub mod pkcs11;
#[cfg(any(feature = "piv", feature = "pkcs11", feature = "tpm"))]
mod signature;
#[cfg(feature = "tpm")]
pub mod tpm;

/// What looking for objects came to.
pub enum Found<T> {
    /// They are there.
    Visible(T),
    /// One token fits, and only a login can show what is on it.
    Hidden,
}

/// Takes the lock of that name, which all who use the same device share.
pub type Locking<'l> = dyn FnMut(String) -> Result<(), Failure> + 'l;

/// One kind of device, opened. Nothing is asked of a person here, and nothing of it is left behind
/// when it is dropped.
pub trait Device: Sized {
    /// What a host needs for it, once it is in a sandbox.
    fn reach(address: &Address) -> Allowance;

    /// Opens what is there, with a lock before anything of it is used that others would notice;
    /// `patience` is how long others are waited for. Each call of the device is announced in `outbox`.
    ///
    /// # Errors
    /// When it cannot be opened, is of another kind, or others use it all the time.
    fn open(
        address: Address,
        patience: Duration,
        outbox: &'static Outbox,
        lock: &mut Locking<'_>,
    ) -> Result<Self, Failure>;

    /// Finds one private key.
    ///
    /// # Errors
    /// When there is no such key, or more than one.
    fn select(&mut self, wanted: &Select) -> Result<Found<Selected>, Failure>;

    /// Reads certificates, in DER.
    ///
    /// # Errors
    /// When they cannot be read.
    fn certificates(&mut self, wanted: &Wanted) -> Result<Found<Vec<Vec<u8>>>, Failure>;

    /// All that is there, without a login, as the reply that tells it.
    ///
    /// # Errors
    /// When the device does not tell.
    fn list(&mut self) -> Result<Reply, Failure>;

    /// Chooses the token that a login is for.
    ///
    /// # Errors
    /// When none fits, or several do, or the device has none.
    fn aim(&mut self, _token: &TokenFilter) -> Result<(), Failure> {
        Err(Failure::Protocol)
    }

    /// What is on the token that has been logged in to.
    ///
    /// # Errors
    /// When there is none.
    fn list_unlocked(&mut self) -> Result<Reply, Failure> {
        Err(Failure::Protocol)
    }

    /// What a PIN would be for.
    fn holder(&self) -> Holder;

    /// Its name, and what tells it from others of that name.
    fn identity(&self) -> Vec<String>;

    /// The selected key, for messages; empty before it is known.
    fn key(&self) -> String;

    /// Whether a login comes before more can be seen or used.
    fn wants_login(&self) -> bool {
        false
    }

    /// Whether the PIN is typed on the device itself.
    fn has_its_own_pad(&self) -> bool {
        false
    }

    /// After how long a signature that is still not there waits for a touch; `None` where it never
    /// does.
    fn touch_after(&self) -> Option<Duration> {
        None
    }

    /// Whether a PIN that was configured for the key is for something else than what wants one now.
    fn is_not_the_keys_token(&self) -> bool {
        false
    }

    /// Whether the key is known to want a login with each signature.
    fn key_asks_each_time(&self) -> bool {
        false
    }

    /// Whether a signature will want a PIN that is not there yet; `configured` says that there is
    /// one to be had without asking anybody.
    ///
    /// # Errors
    /// When the key is not there.
    fn wants_pin_to_sign(&mut self, configured: bool) -> Result<bool, Failure>;

    /// Whether a signature that was tried without a PIN has shown that it wants one.
    fn wants_pin_after_all(&self) -> bool {
        false
    }

    /// Whether a signature without a PIN could cost a try.
    fn trying_may_cost(&self) -> bool {
        false
    }

    /// What the device says now about its PIN.
    ///
    /// # Errors
    /// When it is gone.
    fn pin_state(&mut self) -> Result<PinState, Failure>;

    /// Logs in, with a PIN or with one that is typed on the device.
    ///
    /// # Errors
    /// When the PIN is refused, or could never be taken.
    fn unlock(&mut self, _pin: Option<Pin>) -> Result<(), Failure> {
        Err(Failure::Protocol)
    }

    /// Keeps a PIN for the signature.
    ///
    /// # Errors
    /// When it could never be taken.
    fn keep_pin(&mut self, pin: Pin) -> Result<(), Failure>;

    /// Keeps the password of what the key is loaded under.
    ///
    /// # Errors
    /// When there is no such thing.
    fn keep_parent_pin(&mut self, _pin: Pin) -> Result<(), Failure> {
        Err(Failure::Protocol)
    }

    /// Signs a message; the signature is encoded as the scheme says. `last_try` allows a login that
    /// would lock the device if the PIN were wrong; `waits` is called when the device may begin to wait
    /// for a touch.
    ///
    /// # Errors
    /// When the device cannot or will not sign.
    fn sign(
        &mut self,
        scheme: Scheme,
        message: &[u8],
        last_try: bool,
        waits: &dyn Fn(),
    ) -> Result<Vec<u8>, Failure>;
}
