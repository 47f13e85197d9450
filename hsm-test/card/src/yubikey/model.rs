//! What a YubiKey is when it leaves the factory.

use std::str::FromStr;

use super::cipher::Cipher;

/// A version of the firmware: major, minor, patch.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Firmware(pub u8, pub u8, pub u8);

/// One YubiKey.
#[derive(Clone, Copy, Debug)]
pub struct Model {
    /// Decides on instructions, algorithms and the kind of the management key.
    pub firmware: Firmware,
    /// As it is printed on the case.
    pub serial: u32,
    /// The kind of the management key, where it is not the firmware's own.
    pub management: Option<Cipher>,
    /// How often a wrong PIN may come.
    pub pin_tries: u8,
    /// The same for the PUK.
    pub puk_tries: u8,
}

impl Firmware {
    /// As GET VERSION and attestations say it.
    pub(super) fn to_bytes(self) -> [u8; 3] {
        [self.0, self.1, self.2]
    }
}

impl FromStr for Firmware {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers: Result<Vec<u8>, _> = text.split('.').map(str::parse).collect();
        match numbers.as_deref() {
            Ok(&[major, minor, patch]) => Ok(Self(major, minor, patch)),
            _ => Err(format!("no version {text}: three numbers as in 5.4.3")),
        }
    }
}

impl Model {
    /// The kind of the management key: AES-192 since 5.7.
    pub(super) fn management(&self) -> Cipher {
        let own =
            if self.firmware >= Firmware(5, 7, 0) { Cipher::Aes192 } else { Cipher::TripleDes };
        self.management.unwrap_or(own)
    }
}
