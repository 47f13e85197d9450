//! References to a key of a YubiKey or another PIV card: `piv:slot=9a;serial=12345678`. They are
//! written as `pkcs11:` URIs are, with the same rules about PINs; since the scheme is ours, an
//! attribute that is not known is refused on either side of the `?`.

use std::fmt;
use std::str::FromStr;

use crate::key::uri::attribute::{self, Part};
use crate::key::uri::{LONGEST, PinAttribute, UriError, set, set_pin};

mod slot;

pub use slot::Slot;

/// Longest name of a reader in PC/SC (MAX_READERNAME), in bytes.
const LONGEST_READER: usize = 128;

/// Which slot of which card, and where its PIN comes from.
pub struct PivRef {
    /// `slot`
    pub slot: Slot,
    /// Which card.
    pub card: CardFilter,
    /// `pin-source` or `pin-value`
    pub pin: Option<PinAttribute>,
}

/// The attributes that choose a card. Where there are none the only card that is there is meant.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct CardFilter {
    /// `serial`: the number that is printed on a YubiKey.
    pub serial: Option<u32>,
    /// `reader`: a part of the reader's name, as `keyanchor list` shows it.
    pub reader: Option<String>,
}

/// What is wrong with a reference. As in [`UriError`], the value of an attribute is never in it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PivRefError {
    /// No slot.
    #[error("it has no slot")]
    NoSlot,
    /// It begins with another scheme.
    #[error("it does not begin with 'piv:'")]
    Scheme,
    /// An attribute after the `?` that is not known. Its name is not shown: it may be the rest of a
    /// PIN with a bare `&`.
    #[error("an attribute after the '?' is neither pin-source nor pin-value")]
    UnknownInQuery,
    /// What any URI can have wrong.
    #[error(transparent)]
    Uri(#[from] UriError),
}

/// What has been read of a reference.
#[derive(Default)]
struct Attributes {
    slot: Option<Slot>,
    card: CardFilter,
    pin: Option<PinAttribute>,
}

impl FromStr for PivRef {
    type Err = PivRefError;

    fn from_str(text: &str) -> Result<Self, PivRefError> {
        if text.len() > LONGEST {
            return Err(UriError::TooLong.into());
        }
        let (scheme, rest) = text.split_once(':').ok_or(PivRefError::Scheme)?;
        if !scheme.eq_ignore_ascii_case("piv") {
            return Err(PivRefError::Scheme);
        }
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut attributes = Attributes::default();
        for (name, value) in attribute::split(path, ';')? {
            attributes.set_in_path(name, value)?;
        }
        for (name, value) in attribute::split(query, '&')? {
            match name {
                "pin-source" | "pin-value" => set_pin(&mut attributes.pin, name, value)?,
                _ => return Err(PivRefError::UnknownInQuery),
            }
        }
        let Attributes { slot, card, pin } = attributes;
        Ok(PivRef { slot: slot.ok_or(PivRefError::NoSlot)?, card, pin })
    }
}

impl Attributes {
    fn set_in_path(&mut self, name: &str, value: &str) -> Result<(), UriError> {
        let wrong = |expected| UriError::Value { name: name.into(), expected };
        match name {
            "slot" => {
                let slot = attribute::text(Part::Path, name, value)?.parse().ok();
                set(&mut self.slot, name, slot.ok_or_else(|| wrong(slot::EXPECTED))?)
            }
            "serial" => {
                let serial = attribute::decimal(value);
                let expected = "the number that is printed on the YubiKey";
                set(&mut self.card.serial, name, serial.ok_or_else(|| wrong(expected))?)
            }
            "reader" => {
                let reader = attribute::text(Part::Path, name, value)?;
                if reader.is_empty() || reader.len() > LONGEST_READER {
                    return Err(wrong("a part of the reader's name"));
                }
                set(&mut self.card.reader, name, reader)
            }
            "pin-value" | "pin-source" => Err(UriError::PinInPath(name.into())),
            _ => Err(attribute::unknown(name)),
        }
    }
}

/// The reference again, without anything about the PIN: safe to show and to paste.
impl fmt::Display for PivRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&pasteable(self.slot, &self.card))
    }
}

/// The reference to that slot of that card.
#[must_use]
pub fn pasteable(slot: Slot, card: &CardFilter) -> String {
    let attributes = card.attributes();
    let separator = if attributes.is_empty() { "" } else { ";" };
    format!("piv:slot={slot}{separator}{attributes}")
}

impl CardFilter {
    /// As a reference has it after its slot: `serial=12345678`.
    #[must_use]
    pub fn attributes(&self) -> String {
        let serial = self.serial.map(|serial| format!("serial={serial}"));
        let reader = self.reader.as_ref();
        let reader = reader.map(|name| format!("reader={}", attribute::encode(name.as_bytes())));
        serial.into_iter().chain(reader).collect::<Vec<_>>().join(";")
    }
}

/// The card as it is asked for: `YubiKey with serial 12345678`.
impl fmt::Display for CardFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.serial, &self.reader) {
            (Some(serial), None) => write!(f, "YubiKey with serial {serial}"),
            (Some(serial), Some(reader)) => {
                write!(f, "YubiKey with serial {serial} in the reader '{reader}'")
            }
            (None, Some(reader)) => write!(f, "PIV card in the reader '{reader}'"),
            (None, None) => f.write_str("YubiKey or PIV card"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn error(text: &str) -> PivRefError {
        text.parse::<PivRef>().err().expect(text)
    }

    #[test]
    fn slots_have_numbers_and_names() {
        for (text, slot) in [
            ("piv:slot=9a", 0x9a),
            ("PIV:slot=9C", 0x9c),
            ("piv:slot=signature", 0x9c),
            ("piv:slot=key-management", 0x9d),
            ("piv:slot=card-authentication", 0x9e),
            ("piv:slot=82", 0x82),
            ("piv:slot=retired20", 0x95),
        ] {
            let found: PivRef = text.parse().expect(text);
            assert_eq!(found.slot.number(), slot, "{text}");
            assert_eq!(found.card, CardFilter::default());
        }
        for text in ["piv:slot=9b", "piv:slot=f9", "piv:slot=96", "piv:slot=", "piv:slot=+9a"] {
            assert!(matches!(error(text), PivRefError::Uri(UriError::Value { .. })), "{text}");
        }
    }

    #[test]
    fn a_card_is_told_by_serial_or_reader() {
        let text = "piv:serial=12345678;slot=9a;reader=Yubico%20YubiKey?pin-source=/etc/pin";
        let found: PivRef = text.parse().expect(text);
        assert_eq!(found.card.serial, Some(12_345_678));
        assert_eq!(found.card.reader.as_deref(), Some("Yubico YubiKey"));
        assert!(matches!(found.pin, Some(PinAttribute::Source(_))));
        assert_eq!(found.to_string(), "piv:slot=9a;serial=12345678;reader=Yubico%20YubiKey");
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        assert_eq!(error("piv:"), PivRefError::NoSlot);
        assert_eq!(error("piv:serial=1"), PivRefError::NoSlot);
        assert_eq!(error("piv:slot=9a?module-name=x"), PivRefError::UnknownInQuery);
        assert_eq!(
            error("piv:slot=9a;pin-value=1"),
            UriError::PinInPath("pin-value".into()).into()
        );
        assert_eq!(error("piv:slot=9a;slot=9c"), UriError::Duplicate("slot".into()).into());
        assert_eq!(error("piv:slot=9a;token=x"), UriError::Unknown("token".into()).into());
        for text in ["piv:9a", "piv:slot=9a;serial=-1", "piv:slot=9a;serial=4294967296"] {
            assert!(matches!(error(text), PivRefError::Uri(_)), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_is_the_same_reference(text in "piv:slot=(9[acde]|8[2-9a-f])(;serial=[0-9]{1,9})?(;reader=[ -~é]{0,20})?") {
            if let Ok(found) = text.parse::<PivRef>() {
                let printed = found.to_string();
                let again: PivRef = printed.parse().expect("what is printed");
                prop_assert_eq!(&again.card, &found.card);
                prop_assert_eq!(again.to_string(), printed);
            }
        }

        #[test]
        fn no_error_holds_a_pin(text in "piv:slot=9a[;?&](pin-value=)?[ -~]{0,20}s3cret[ -~]{0,9}") {
            if let Err(error) = text.parse::<PivRef>() {
                prop_assert!(!error.to_string().contains("s3cret"), "{}", error);
            }
        }
    }
}
