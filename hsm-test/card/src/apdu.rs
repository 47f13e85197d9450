//! Command APDUs, short and extended (ISO 7816-4 section 5.1), and the names of the instructions in logs and scripts.

use crate::status::Status;

/// A command, as it was sent or joined from a chain.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Command {
    /// CLA; 10 marks a part of a chain that is not the last.
    pub class: u8,
    /// INS.
    pub instruction: u8,
    /// P1.
    pub p1: u8,
    /// P2.
    pub p2: u8,
    /// The data, empty without Lc.
    pub data: Vec<u8>,
    /// How many bytes the answer may have: Le, 256 where none is said.
    pub room: usize,
}

/// The answer's room where a short command says none, or 00.
const SHORT_ROOM: usize = 256;
/// The same of an extended command.
const EXTENDED_ROOM: usize = 65_536;

impl Command {
    /// Reads one APDU; 6700 when its lengths do not fit.
    pub fn parse(apdu: &[u8]) -> Result<Self, Status> {
        let Some((&[class, instruction, p1, p2], body)) = apdu.split_first_chunk() else {
            return Err(Status::WRONG_LENGTH);
        };
        let (data, room) = match body {
            [0, hi, lo] => (&body[..0], extended_room(*hi, *lo)),
            [0, hi, lo, rest @ ..] => extended(u16::from_be_bytes([*hi, *lo]).into(), rest)?,
            [] => (body, SHORT_ROOM),
            [le] => (&body[..0], short_room(*le)),
            [lc, rest @ ..] => short(usize::from(*lc), rest)?,
        };
        Ok(Self { class, instruction, p1, p2, data: data.to_vec(), room })
    }

    /// Whether further parts of a chain follow.
    pub fn is_chained(&self) -> bool {
        self.class & 0x10 != 0
    }

    /// The instruction's name in logs and scripts.
    pub fn name(&self) -> String {
        match self.instruction {
            0x20 if self.p1 == 0xFF => "VERIFY-LOGOUT".to_owned(),
            0x20 if self.data.is_empty() => "VERIFY-STATUS".to_owned(),
            other => named(other).map_or_else(|| format!("INS-{other:02X}"), str::to_owned),
        }
    }
}

fn short(lc: usize, rest: &[u8]) -> Result<(&[u8], usize), Status> {
    match rest.split_at_checked(lc) {
        Some((data, [])) if lc > 0 => Ok((data, SHORT_ROOM)),
        Some((data, [le])) if lc > 0 => Ok((data, short_room(*le))),
        _ => Err(Status::WRONG_LENGTH),
    }
}

fn extended(lc: usize, rest: &[u8]) -> Result<(&[u8], usize), Status> {
    match rest.split_at_checked(lc) {
        Some((data, [])) if lc > 0 => Ok((data, EXTENDED_ROOM)),
        Some((data, [hi, lo])) if lc > 0 => Ok((data, extended_room(*hi, *lo))),
        _ => Err(Status::WRONG_LENGTH),
    }
}

fn short_room(le: u8) -> usize {
    if le == 0 { SHORT_ROOM } else { le.into() }
}

fn extended_room(hi: u8, lo: u8) -> usize {
    match u16::from_be_bytes([hi, lo]) {
        0 => EXTENDED_ROOM,
        le => le.into(),
    }
}

/// The names of those instructions that a script may have, VERIFY's other two aside.
const NAMES: [(u8, &str); 19] = [
    (0x01, "OTP-SLOT"),
    (0x20, "VERIFY"),
    (0x24, "CHANGE-REFERENCE"),
    (0x2C, "RESET-RETRY"),
    (0x47, "GENERATE"),
    (0x87, "GENERAL-AUTHENTICATE"),
    (0xA4, "SELECT"),
    (0xC0, "GET-RESPONSE"),
    (0xCB, "GET-DATA"),
    (0xDB, "PUT-DATA"),
    (0xF6, "MOVE-KEY"),
    (0xF7, "GET-METADATA"),
    (0xF8, "GET-SERIAL"),
    (0xF9, "ATTEST"),
    (0xFA, "SET-RETRIES"),
    (0xFB, "RESET"),
    (0xFD, "GET-VERSION"),
    (0xFE, "IMPORT"),
    (0xFF, "SET-MANAGEMENT-KEY"),
];

fn named(instruction: u8) -> Option<&'static str> {
    NAMES.iter().find(|(ins, _)| *ins == instruction).map(|(_, name)| *name)
}

/// Whether a script may speak of that instruction.
pub fn is_name(name: &str) -> bool {
    let verify = ["VERIFY-LOGOUT", "VERIFY-STATUS"].contains(&name);
    let number = name.strip_prefix("INS-").is_some_and(|n| u8::from_str_radix(n, 16).is_ok());
    verify || number || NAMES.iter().any(|(_, known)| *known == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(bytes: &[u8]) -> Result<(usize, usize), Status> {
        Command::parse(bytes).map(|command| (command.data.len(), command.room))
    }

    fn with(head: &[u8], length: usize, tail: &[u8]) -> Vec<u8> {
        [&[0, 0xDB, 0x3F, 0xFF], head, &vec![7; length], tail].concat()
    }

    #[test]
    fn the_four_short_cases_are_read() {
        assert_eq!(parsed(&[0, 0xFD, 0, 0]), Ok((0, 256)));
        assert_eq!(parsed(&[0, 0xFD, 0, 0, 3]), Ok((0, 3)));
        assert_eq!(parsed(&[0, 0xFD, 0, 0, 0]), Ok((0, 256)));
        assert_eq!(parsed(&with(&[8], 8, &[])), Ok((8, 256)));
        assert_eq!(parsed(&with(&[8], 8, &[5])), Ok((8, 5)));
    }

    #[test]
    fn the_four_extended_cases_are_read() {
        assert_eq!(parsed(&with(&[0, 1, 0], 0, &[])), Ok((0, 256)));
        assert_eq!(parsed(&with(&[0, 0, 0], 0, &[])), Ok((0, 65_536)));
        assert_eq!(parsed(&with(&[0, 1, 0], 256, &[])), Ok((256, 65_536)));
        assert_eq!(parsed(&with(&[0, 2, 0], 512, &[0, 0])), Ok((512, 65_536)));
        assert_eq!(parsed(&with(&[0, 2, 0], 512, &[1, 2])), Ok((512, 258)));
    }

    #[test]
    fn lengths_that_do_not_fit_are_refused() {
        for apdu in
            [vec![0, 0xA4, 4], with(&[9], 8, &[]), with(&[5], 8, &[]), with(&[0, 1, 0], 9, &[])]
        {
            assert_eq!(parsed(&apdu), Err(Status::WRONG_LENGTH), "{apdu:02X?}");
        }
    }

    #[test]
    fn verify_has_three_names() {
        let name = |apdu: &[u8]| Command::parse(apdu).expect("an APDU").name();
        assert_eq!(name(&[0, 0x20, 0, 0x80]), "VERIFY-STATUS");
        assert_eq!(name(&[0, 0x20, 0xFF, 0x80]), "VERIFY-LOGOUT");
        assert_eq!(name(&[0, 0x20, 0, 0x80, 1, 9]), "VERIFY");
        assert_eq!(name(&[0, 0x99, 0, 0x80, 1, 9]), "INS-99");
        assert!(is_name("INS-99") && is_name("VERIFY") && !is_name("SIGN"));
    }
}
