//! What differs between two cards: the program on them.

use crate::apdu::Command;
use crate::status::Response;

/// The program on a card.
pub trait Applet {
    /// The answer to reset (ISO 7816-3).
    fn atr(&self) -> &[u8];

    /// Drops what a card drops when its power goes or the reader resets it.
    fn reset(&mut self);

    /// Drops what a card drops when a client selects another application.
    fn deselect(&mut self);

    /// Forgets that the PIN was verified, and nothing else.
    fn unverify(&mut self);

    /// Does a whole command; GET RESPONSE and the parts of chains never come here.
    fn process(&mut self, command: &Command) -> Response;

    /// What a test may want to know, as a JSON object on one line.
    fn state(&self) -> String;
}
