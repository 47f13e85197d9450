//! The human edge of a device host: where a PIN comes from, who is asked for it, and when nothing
//! may be tried. People are reached through the controlling terminal: stdin, stdout and stderr
//! belong to the SDK that started us.

use crate::secret::Secret;

pub mod etiquette;
mod source;
mod terminal;

pub use source::{Pin, Sources};
pub use terminal::Terminal;

/// Whom a PIN is asked of.
pub trait Prompt {
    /// Asks for the PIN of a token. `None` when there is nobody to ask, at once.
    ///
    /// # Errors
    /// [`Cancelled`] when the person gives up.
    fn pin(&self, request: &PinRequest<'_>) -> Result<Option<Secret>, Cancelled>;
}

/// What a person must know to answer.
pub struct PinRequest<'a> {
    /// The token's label.
    pub token: &'a str,
    /// The key that wants to sign, as a URI; empty when only the token is known.
    pub key: &'a str,
    /// A warning about the tries left, or nothing.
    pub warning: Option<&'a str>,
}

/// The person gave no PIN.
#[derive(Debug, PartialEq, Eq)]
pub struct Cancelled;

/// Nobody to ask: what runs without a terminal.
pub struct Nobody;

impl Prompt for Nobody {
    fn pin(&self, _: &PinRequest<'_>) -> Result<Option<Secret>, Cancelled> {
        Ok(None)
    }
}
