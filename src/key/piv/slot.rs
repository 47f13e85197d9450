//! The slots of the PIV application that hold keys (SP 800-73-4 Part 1 table 4b).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What a slot is called in an error.
pub(super) const EXPECTED: &str = "9a, 9c, 9d, 9e or 82 to 95";

/// Names of the first four, as Yubico's documentation has them.
const NAMED: [(&str, u8); 4] = [
    ("authentication", 0x9a),
    ("signature", 0x9c),
    ("key-management", 0x9d),
    ("card-authentication", 0x9e),
];

/// The first of the twenty slots for retired key management keys, which is also what a name stands
/// for: `retired1` is 82.
const RETIRED: u8 = 0x82;

/// A slot with a private key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Slot(u8);

impl Slot {
    /// All of them, in the order of their use.
    pub fn all() -> impl Iterator<Item = Self> {
        NAMED.into_iter().map(|(_, slot)| slot).chain(RETIRED..RETIRED + 20).map(Self)
    }

    /// The key reference: 0x9a.
    #[must_use]
    pub fn number(self) -> u8 {
        self.0
    }

    /// The data object that holds its certificate (SP 800-73-4 Part 1 table 3).
    #[must_use]
    pub fn certificate_object(self) -> [u8; 3] {
        let last = match self.0 {
            0x9a => 0x05,
            0x9c => 0x0a,
            0x9d => 0x0b,
            0x9e => 0x01,
            retired => 0x0d + (retired - RETIRED),
        };
        [0x5f, 0xc1, last]
    }

    /// Whether a key in it wants no PIN where nothing else is said (9e, card authentication).
    #[must_use]
    pub fn is_open_by_default(self) -> bool {
        self.0 == 0x9e
    }

    /// Whether it is one of the twenty for keys that were key management keys.
    #[must_use]
    pub fn is_retired(self) -> bool {
        (RETIRED..RETIRED + 20).contains(&self.0)
    }

    /// What it is for: `authentication`, `retired 3`.
    #[must_use]
    pub fn purpose(self) -> String {
        let named = NAMED.into_iter().find(|(_, slot)| *slot == self.0);
        named.map_or_else(|| format!("retired {}", self.0 - RETIRED + 1), |(name, _)| name.into())
    }
}

impl TryFrom<u8> for Slot {
    type Error = &'static str;

    fn try_from(number: u8) -> Result<Self, Self::Error> {
        Self::all().find(|slot| slot.0 == number).ok_or("no slot with a key")
    }
}

impl From<Slot> for u8 {
    fn from(slot: Slot) -> Self {
        slot.0
    }
}

impl FromStr for Slot {
    type Err = &'static str;

    /// Two hexadecimal digits, or a name.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some((_, slot)) = NAMED.into_iter().find(|(name, _)| *name == text) {
            return Ok(Self(slot));
        }
        let digits = |text: &str| text.bytes().all(|digit| digit.is_ascii_hexdigit());
        let number = match text.strip_prefix("retired") {
            Some(place) if digits(place) => {
                let place = place.parse().ok().filter(|place| (1..=20).contains(place));
                place.map(|place: u8| RETIRED + place - 1)
            }
            Some(_) => None,
            None if text.len() == 2 && digits(text) => u8::from_str_radix(text, 16).ok(),
            None => None,
        };
        number.ok_or("no slot").and_then(Self::try_from)
    }
}

/// Its number: `9a`.
impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_slot_has_an_object_of_its_own() {
        let mut objects: Vec<_> = Slot::all().map(Slot::certificate_object).collect();
        assert_eq!(objects.len(), 24);
        assert_eq!(objects[4..6], [[0x5f, 0xc1, 0x0d], [0x5f, 0xc1, 0x0e]]);
        assert_eq!(objects[23], [0x5f, 0xc1, 0x20]);
        objects.sort_unstable();
        objects.dedup();
        assert_eq!(objects.len(), 24);
    }

    #[test]
    fn a_slot_is_what_it_is_called() {
        for slot in Slot::all() {
            assert_eq!(slot.to_string().parse(), Ok(slot));
            assert_eq!(slot.purpose().replace(' ', "").parse(), Ok(slot));
        }
    }
}
