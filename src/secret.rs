//! Bytes that wipe themselves when dropped, and that no log or error can print: there is neither
//! `Debug`, `Display`, `Serialize` nor `Clone` here. They live in pages of their own, which the
//! system neither swaps nor dumps, and which no forked process sees.

use std::io::{self, Read};
use std::ops::Deref;
use std::str::Utf8Error;

use zeroize::Zeroize;

mod pages;

use pages::Pages;
pub use pages::can_be_locked;

/// A PIN, a password, a secret access key: UTF-8 text that is wiped when it is dropped.
pub struct Secret(SecretBytes);

impl Secret {
    /// Moves the text: where it was it is wiped.
    #[must_use]
    pub fn new(mut text: String) -> Self {
        let bytes = SecretBytes::from(text.as_bytes());
        text.zeroize();
        Self(bytes)
    }

    /// Takes the bytes over, without a copy.
    ///
    /// # Errors
    /// When they are not UTF-8.
    pub fn from_utf8(bytes: SecretBytes) -> Result<Self, Utf8Error> {
        str::from_utf8(&bytes)?;
        Ok(Self(bytes))
    }

    /// The text itself; every caller of this is a place to review.
    #[must_use]
    #[expect(clippy::expect_used, reason = "there is no way to make one of anything else")]
    pub fn expose(&self) -> &str {
        str::from_utf8(&self.0).expect("it was UTF-8 when it was made")
    }
}

/// Bytes that may become a secret, and are wiped when they are dropped. Room for them is reserved in
/// one piece: a buffer that grows would leave copies behind.
#[derive(Default)]
pub struct SecretBytes {
    /// `None` where there is no room.
    pages: Option<Pages>,
    length: usize,
    capacity: usize,
}

#[expect(clippy::indexing_slicing, reason = "length, capacity, pages: none is more than the next")]
impl SecretBytes {
    /// None so far, with room for so many.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self { pages: (capacity > 0).then(|| Pages::of(capacity)), length: 0, capacity }
    }

    /// Adds what comes, until its end or until there is no more room.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read_from(&mut self, source: &mut impl Read) -> io::Result<()> {
        // A socket that is asked for no bytes waits for some all the same.
        while self.length < self.capacity {
            match source.read(self.room()) {
                Ok(0) => return Ok(()),
                Ok(read) => self.length += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Adds one, for which there is room.
    ///
    /// # Panics
    /// When there is none: it is for the caller to know.
    pub fn push(&mut self, byte: u8) {
        self.room()[0] = byte;
        self.length += 1;
    }

    /// Takes the last one away.
    pub fn pop(&mut self) -> Option<u8> {
        let last = self.last().copied()?;
        self.truncate(self.length - 1);
        Some(last)
    }

    /// Takes all away but the first so many.
    pub fn truncate(&mut self, length: usize) {
        let kept = length.min(self.length);
        if let Some(pages) = &mut self.pages {
            pages.bytes_mut()[kept..self.length].zeroize();
        }
        self.length = kept;
    }

    fn room(&mut self) -> &mut [u8] {
        let pages = self.pages.as_mut().map(Pages::bytes_mut).unwrap_or_default();
        &mut pages[self.length..self.capacity]
    }
}

/// What was never used need not be wiped, nor be there at all.
impl Drop for SecretBytes {
    fn drop(&mut self) {
        self.truncate(0);
    }
}

/// A copy.
impl From<&[u8]> for SecretBytes {
    fn from(bytes: &[u8]) -> Self {
        let mut copy = Self::with_capacity(bytes.len());
        copy.room().copy_from_slice(bytes);
        copy.length = bytes.len();
        copy
    }
}

impl Deref for SecretBytes {
    type Target = [u8];

    #[expect(clippy::indexing_slicing, reason = "the length is within the pages")]
    fn deref(&self) -> &[u8] {
        &self.pages.as_ref().map(Pages::bytes).unwrap_or_default()[..self.length]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_and_go_within_the_room_that_was_reserved() {
        let mut bytes = SecretBytes::with_capacity(6);
        bytes.read_from(&mut &b"1234567890"[..]).expect("bytes");
        assert_eq!(&*bytes, b"123456");
        assert_eq!(bytes.pop(), Some(b'6'));
        bytes.truncate(2);
        bytes.push(b'x');
        assert_eq!(&*bytes, b"12x");
        assert_eq!(
            bytes.pages.as_ref().map(|pages| pages.bytes()[..6].to_vec()),
            Some(b"12x\0\0\0".into())
        );
        assert_eq!(SecretBytes::default().pop(), None);
        assert!(SecretBytes::from(&b""[..]).is_empty());
    }

    #[test]
    fn text_is_a_secret_and_other_bytes_are_none() {
        let secret = Secret::from_utf8(SecretBytes::from("pässword".as_bytes()));
        assert_eq!(secret.map(|secret| secret.expose().to_owned()).as_deref(), Ok("pässword"));
        assert!(Secret::from_utf8(SecretBytes::from(&b"\xff"[..])).is_err());
        assert_eq!(Secret::new(String::new()).expose(), "");
    }
}
