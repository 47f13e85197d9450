//! What an entry is stored under: a hash of all that decides which credentials a run would get.

use std::fmt;

use serde::de::{Error, Unexpected};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A SHA-256, shown in hexadecimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hash([u8; 32]);

impl Hash {
    /// That of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

/// What a key is made from, a name and a value each; their order counts.
pub struct Inputs(Sha256);

impl Inputs {
    /// Nothing yet, in this version of keys.
    #[must_use]
    pub fn new() -> Self {
        Self(Sha256::new()).with("keyanchor-cache", "1")
    }

    /// With a value. Lengths are hashed too, so that nothing can pass for its neighbour.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        for part in [name.as_bytes(), value.as_ref()] {
            self.0.update((part.len() as u64).to_be_bytes());
            self.0.update(part);
        }
        self
    }

    /// The key.
    #[must_use]
    pub fn key(self) -> Hash {
        Hash(self.0.finalize().into())
    }
}

impl Default for Inputs {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Serialize for Hash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <&str>::deserialize(deserializer)?;
        let wrong = || Error::invalid_value(Unexpected::Str(text), &"hash");
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().as_chunks::<2>().0) {
            let digits = str::from_utf8(digits).map_err(|_| wrong())?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| wrong())?;
        }
        Ok(Self(bytes))
    }
}
