//! What a card is like before anybody has used it.

use std::time::Duration;

use crate::token;

/// A YubiKey to be. `YubiKey { serial: 7, ..YubiKey::V5_4 }` differs from the usual in one thing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct YubiKey {
    /// The slot of the reader, 0 or 1.
    pub slot: u8,
    /// The version of its firmware, which decides what it can do.
    pub firmware: &'static str,
    /// The serial number.
    pub serial: u32,
    /// What the person does when it blinks.
    pub touch: Touch,
    /// How long it blinks.
    pub touch_timeout: Duration,
    /// The kind of its management key, if it is not the usual one of its firmware.
    pub management: Option<Management>,
    /// The PIN: the lab gives it this one in place of [`FACTORY_PIN`](Self::FACTORY_PIN).
    pub pin: &'static str,
    /// The PUK: the lab gives it this one in place of [`FACTORY_PUK`](Self::FACTORY_PUK).
    pub puk: &'static str,
    /// How many wrong PINs block the PIN.
    pub pin_tries: u8,
    /// How many wrong PUKs block the PUK.
    pub puk_tries: u8,
}

/// What the person does about a touch.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Touch {
    /// Touches after that time.
    After(Duration),
    /// Touches at once.
    AtOnce,
    /// Refuses, which nobody can do with a real one; the status is that of a time-out, and comes sooner.
    Deny,
    /// Does nothing, until the card has waited long enough.
    Never,
}

/// The kind of a management key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Management {
    /// Triple DES, the usual one before firmware 5.7.
    TripleDes,
    /// AES with 128 bits.
    Aes128,
    /// AES with 192 bits, the usual one from firmware 5.7 on.
    Aes192,
    /// AES with 256 bits.
    Aes256,
}

/// A PIV card that is no YubiKey: its version is 6.6.6, and it knows no policies, no metadata and no attestation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PlainCard {
    /// The slot of the reader, 0 or 1.
    pub slot: u8,
    /// The PIN: the lab gives it this one in place of [`FACTORY_PIN`](YubiKey::FACTORY_PIN).
    pub pin: &'static str,
}

impl YubiKey {
    /// The PIN of every card in the lab.
    pub const PIN: &'static str = token::PIN;
    /// The PUK of every card in the lab.
    pub const PUK: &'static str = token::SO_PIN;
    /// The PIN that every card has at first.
    pub const FACTORY_PIN: &'static str = "123456";
    /// The PUK that every card has at first.
    pub const FACTORY_PUK: &'static str = "12345678";
    /// A YubiKey 5 as most of them are: metadata, triple DES.
    pub const V5_4: Self = Self {
        slot: 0,
        firmware: "5.4.3",
        serial: 12_345_678,
        touch: Touch::AtOnce,
        touch_timeout: Duration::from_secs(15),
        management: None,
        pin: Self::PIN,
        puk: Self::PUK,
        pin_tries: 3,
        puk_tries: 3,
    };
    /// An old one, which gives no metadata.
    pub const V5_2: Self = Self { firmware: "5.2.7", ..Self::V5_4 };
    /// A new one: large RSA keys, Ed25519, an AES management key.
    pub const V5_7: Self = Self { firmware: "5.7.1", ..Self::V5_4 };

    /// Its options on a command line.
    pub(super) fn arguments(&self) -> Vec<String> {
        let options = [
            ("--firmware", self.firmware.to_owned()),
            ("--serial", self.serial.to_string()),
            ("--touch", self.touch.word()),
            ("--touch-timeout", self.touch_timeout.as_millis().to_string()),
            ("--pin-tries", self.pin_tries.to_string()),
            ("--puk-tries", self.puk_tries.to_string()),
        ];
        let management = self.management.map(|kind| ("--management", kind.word().to_owned()));
        let options = options.into_iter().chain(management);
        options.flat_map(|(name, value)| [name.to_owned(), value]).collect()
    }

    /// The kind of its management key.
    pub(super) fn management(&self) -> Management {
        let usual = match self.is_at_least([5, 7]) {
            true => Management::Aes192,
            false => Management::TripleDes,
        };
        self.management.unwrap_or(usual)
    }

    fn is_at_least(&self, version: [u8; 2]) -> bool {
        let mut own = self.firmware.split('.').map(|number| number.parse::<u8>());
        let mut next = || own.next().and_then(Result::ok).expect("a version has three numbers");
        [next(), next()] >= version
    }
}

impl PlainCard {
    /// One with the lab's PIN in the first slot.
    pub const NEW: Self = Self { slot: 0, pin: token::PIN };
}

impl Touch {
    pub(super) fn word(self) -> String {
        match self {
            Self::After(time) => time.as_millis().to_string(),
            Self::AtOnce => "auto".into(),
            Self::Deny => "deny".into(),
            Self::Never => "never".into(),
        }
    }
}

impl Management {
    fn word(self) -> &'static str {
        match self {
            Self::TripleDes => "3des",
            Self::Aes128 => "aes128",
            Self::Aes192 => "aes192",
            Self::Aes256 => "aes256",
        }
    }
}
