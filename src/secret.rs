//! Bytes that wipe themselves when dropped, and that no log or error can print: there is neither
//! `Debug`, `Display`, `Serialize` nor `Clone` here.

use zeroize::Zeroizing;

/// A PIN, a password, a secret access key: UTF-8 text that is wiped when it is dropped.
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text over, without a copy.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text itself; every caller of this is a place to review.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}
