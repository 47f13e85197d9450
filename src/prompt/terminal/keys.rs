//! The line that a person types where nobody edits it for them: which keys end it, and what becomes
//! of the others.

use crate::prompt::NoPin;
use crate::secret::{Secret, SecretBytes};

/// Longest line that is taken, in bytes.
const LONGEST: usize = 255;

const END_OF_TEXT: u8 = 0x03; // Ctrl-C
const END_OF_TRANSMISSION: u8 = 0x04; // Ctrl-D
const BACKSPACE: u8 = 0x08;
const LINE_KILL: u8 = 0x15; // Ctrl-U
const SUBSTITUTE: u8 = 0x1a; // Ctrl-Z
const FILE_SEPARATOR: u8 = 0x1c; // Ctrl-\
const DELETE: u8 = 0x7f;

/// What was typed so far.
pub(super) struct Line {
    bytes: SecretBytes,
    /// Bytes were left out: what is there is not what was meant.
    too_long: bool,
}

/// What a key does.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// It ends the line.
    Enter,
    /// It gives up.
    GiveUp,
    /// It belongs to the line, or changes it.
    Line,
    /// It puts the program aside for a while.
    Suspend,
}

impl Line {
    pub(super) fn new() -> Self {
        Self { bytes: SecretBytes::with_capacity(LONGEST), too_long: false }
    }

    pub(super) fn take(&mut self, byte: u8) -> Key {
        match byte {
            b'\r' | b'\n' => return Key::Enter,
            END_OF_TEXT | END_OF_TRANSMISSION | FILE_SEPARATOR => return Key::GiveUp,
            SUBSTITUTE => return Key::Suspend,
            BACKSPACE | DELETE => drop_character(&mut self.bytes),
            LINE_KILL => {
                self.bytes.truncate(0);
                self.too_long = false;
            }
            _ if self.bytes.len() == LONGEST => self.too_long = true,
            byte => self.bytes.push(byte),
        }
        Key::Line
    }

    /// The whole line, or why it is none.
    pub(super) fn finish(self) -> Result<Secret, NoPin> {
        if self.too_long {
            return Err(NoPin::Unfit("the PIN is longer than 255 bytes".to_owned()));
        }
        Secret::from_utf8(self.bytes)
            .map_err(|_| NoPin::Unfit("the PIN is not UTF-8 text".to_owned()))
    }
}

/// The last character, which may be more than one byte of UTF-8.
fn drop_character(line: &mut SecretBytes) {
    while line.pop().is_some_and(|byte| byte & 0b1100_0000 == 0b1000_0000) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(keys: &[u8]) -> Result<String, NoPin> {
        let mut line = Line::new();
        for key in keys {
            assert_eq!(line.take(*key), Key::Line, "{key}");
        }
        line.finish().map(|pin| pin.expose().to_owned())
    }

    #[test]
    fn a_character_is_taken_back_as_a_whole() {
        assert_eq!(typed("12é\x7f漢\x083".as_bytes()), Ok("123".to_owned()));
        assert_eq!(typed(b"\x7f\x7f1"), Ok("1".to_owned()));
        assert_eq!(typed(b"wrong\x15right"), Ok("right".to_owned()));
        assert_eq!(typed(b""), Ok(String::new()));
    }

    #[test]
    fn what_was_cut_is_refused_even_when_it_is_shortened_again() {
        let too_long = Err(NoPin::Unfit("the PIN is longer than 255 bytes".to_owned()));
        assert_eq!(typed(&[b'1'; 255]), Ok("1".repeat(255)));
        assert_eq!(typed(&[b'1'; 256]), too_long);
        assert_eq!(typed(&[[b'1'; 300].as_slice(), &[DELETE; 50]].concat()), too_long);
        assert_eq!(typed(&[[b'1'; 300].as_slice(), b"\x1512"].concat()), Ok("12".to_owned()));
    }

    #[test]
    fn what_is_not_text_is_refused_by_name() {
        assert_eq!(typed(b"12\xff"), Err(NoPin::Unfit("the PIN is not UTF-8 text".to_owned())));
    }

    #[test]
    fn keys_that_are_no_part_of_a_pin_never_become_one() {
        let key = |byte| Line::new().take(byte);
        assert_eq!([key(3), key(4), key(0x1c)], [Key::GiveUp, Key::GiveUp, Key::GiveUp]);
        assert_eq!([key(b'\r'), key(b'\n'), key(0x1a)], [Key::Enter, Key::Enter, Key::Suspend]);
    }
}
