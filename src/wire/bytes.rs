//! Bytes in a JSON message: standard base64, since serde_json would write a list of numbers. Paths
//! are bytes too: they need not be UTF-8.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Bytes that are not secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

impl From<&[u8]> for Bytes {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map(Self).map_err(|_| de::Error::custom("not base64"))
    }
}

/// A path, whatever its bytes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilePath(pub PathBuf);

impl Serialize for FilePath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Bytes::from(self.0.as_os_str().as_encoded_bytes()).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for FilePath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = Bytes::deserialize(deserializer)?;
        Ok(Self(OsString::from_vec(bytes.0).into()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_path_that_is_not_text_crosses_unharmed() {
        let path = FilePath(OsString::from_vec(b"/pin\xff".to_vec()).into());
        let json = serde_json::to_vec(&path).expect("json");
        assert_eq!(serde_json::from_slice::<FilePath>(&json).expect("path"), path);
    }

    proptest! {
        #[test]
        fn any_bytes_cross_unharmed(bytes in vec(any::<u8>(), 0..200)) {
            let bytes = Bytes(bytes);
            let json = serde_json::to_vec(&bytes).expect("json");
            prop_assert_eq!(serde_json::from_slice::<Bytes>(&json).expect("bytes"), bytes);
        }
    }
}
