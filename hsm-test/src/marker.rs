//! A secret that is looked for where it must not be: in the memory of a process, in what it writes, in whatever form.

use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE, Engine};

/// A page of memory that was never used.
const NOTHING: [u8; 4096] = [0; 4096];

/// A text that is nowhere by chance, in every form in which it could be somewhere.
#[derive(Clone, Debug)]
pub struct Marker {
    text: String,
    forms: Vec<(&'static str, Vec<u8>)>,
    /// Which bytes a form begins with: memory is long.
    first: [bool; 256],
}

impl Marker {
    /// A PIN that a token of the lab takes.
    pub const PIN: &'static str = "Nq7wX2-pIn-bXk93vTzR0-mArKeR-u5Lh8Jc4eYd6";

    /// # Panics
    /// When the text is too short to be nowhere by chance.
    pub fn new(text: &str) -> Self {
        assert!(text.is_ascii() && text.len() >= 32, "a marker has at least 32 characters");
        let bytes = text.as_bytes();
        let hex = |digits: fn(&u8) -> String| bytes.iter().map(digits).collect::<String>().into();
        let mut forms = vec![
            ("the beginning", bytes[..16].to_vec()),
            ("the end", bytes[text.len() - 16..].to_vec()),
            ("reversed", bytes.iter().rev().copied().collect()),
            // of either order: the zero before or after it is not looked at
            ("UTF-16", bytes.iter().flat_map(|byte| [*byte, 0]).take(2 * text.len() - 1).collect()),
            ("UTF-32", bytes.iter().flat_map(|byte| [*byte, 0, 0, 0]).collect()),
            ("hexadecimal", hex(|byte| format!("{byte:02x}"))),
            ("hexadecimal, in capitals", hex(|byte| format!("{byte:02X}"))),
        ];
        for before in 0..3 {
            forms.push(("base64", in_base64(&BASE64_STANDARD, bytes, before)));
            forms.push(("base64 for URLs", in_base64(&BASE64_URL_SAFE, bytes, before)));
        }
        forms.sort_by(|one, other| one.1.cmp(&other.1));
        forms.dedup_by(|one, other| one.1 == other.1);
        let first =
            std::array::from_fn(|byte| forms.iter().any(|(_, form)| usize::from(form[0]) == byte));
        Self { text: text.to_owned(), forms, first }
    }

    /// The text itself.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The forms in which it is there, one for each place.
    pub fn found_in(&self, bytes: &[u8]) -> Vec<&'static str> {
        let mut found = Vec::new();
        let mut at = 0;
        while at < bytes.len() {
            if bytes[at..].starts_with(&NOTHING) {
                // most of a core; no form begins with a zero
                at += NOTHING.len();
                continue;
            }
            let end = bytes.len().min(at + NOTHING.len());
            found.extend((at..end).flat_map(|place| self.forms_at(bytes, place)));
            at = end;
        }
        found
    }

    fn forms_at(&self, bytes: &[u8], place: usize) -> Vec<&'static str> {
        if !self.first[usize::from(bytes[place])] {
            return Vec::new();
        }
        let here = self.forms.iter().filter(|(_, form)| bytes[place..].starts_with(form));
        here.map(|(name, _)| *name).collect()
    }
}

/// As it stands in the base64 of something longer, with so many bytes before it: the digits that are its own alone.
fn in_base64(engine: &impl Engine, bytes: &[u8], before: usize) -> Vec<u8> {
    let digits = engine.encode([&vec![0; before], bytes].concat());
    digits.as_bytes()[(before * 8).div_ceil(6)..(before + bytes.len()) * 8 / 6].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(bytes: &[u8]) -> Vec<&'static str> {
        let mut found = Marker::new(Marker::PIN).found_in(&[b"before", bytes, b"after"].concat());
        found.dedup();
        found
    }

    #[test]
    fn every_form_is_found() {
        let pin = Marker::PIN;
        assert_eq!(found(pin.as_bytes()), ["the beginning", "the end"]);
        assert_eq!(found(pin.chars().rev().collect::<String>().as_bytes()), ["reversed"]);
        for bytes_of in [u16::to_le_bytes, u16::to_be_bytes] {
            let wide: Vec<u8> = pin.encode_utf16().flat_map(bytes_of).collect();
            assert_eq!(found(&wide), ["UTF-16"]);
        }
        for before in ["", "a", "ab", "abc"] {
            let text = format!("{before}{pin}??>>");
            assert_eq!(found(BASE64_STANDARD.encode(text).as_bytes()), ["base64"], "{before}");
        }
        let hex: String = pin.bytes().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(found(hex.as_bytes()), ["hexadecimal"]);
    }

    #[test]
    fn a_part_of_it_is_found_and_another_text_is_not() {
        assert_eq!(found(&Marker::PIN.as_bytes()[..20]), ["the beginning"]);
        assert_eq!(found(&Marker::PIN.as_bytes()[20..]), ["the end"]);
        assert_eq!(found(&Marker::PIN.as_bytes()[..15]), [""; 0]);
    }
}
