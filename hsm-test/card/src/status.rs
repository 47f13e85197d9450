//! Status words (SP 800-73-4 part 2, ISO 7816-4), and what a card answers.

use std::fmt;

/// The two bytes at the end of each answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Status(pub u16);

impl Status {
    /// Done.
    pub const OK: Self = Self(0x9000);
    /// The length of the data fits no use of the instruction.
    pub const WRONG_LENGTH: Self = Self(0x6700);
    /// The PIN, the management key or a touch is missing.
    pub const SECURITY: Self = Self(0x6982);
    /// No try is left.
    pub const BLOCKED: Self = Self(0x6983);
    /// Not in this state.
    pub const CONDITIONS: Self = Self(0x6985);
    /// The data makes no sense, or not with this key.
    pub const BAD_DATA: Self = Self(0x6A80);
    /// No such object or application.
    pub const NOT_FOUND: Self = Self(0x6A82);
    /// No space for so large an object.
    pub const NO_SPACE: Self = Self(0x6A84);
    /// P1 or P2 is wrong.
    pub const BAD_PARAMETERS: Self = Self(0x6A86);
    /// No such key or PIN.
    pub const NO_REFERENCE: Self = Self(0x6A88);
    /// The instruction is not known, or not yet by this firmware.
    pub const UNKNOWN_INSTRUCTION: Self = Self(0x6D00);
    /// The class is not known.
    pub const UNKNOWN_CLASS: Self = Self(0x6E00);
    /// The program of the card failed.
    pub const ABORTED: Self = Self(0x6F00);

    /// 61xx: so many bytes wait for GET RESPONSE, 256 or more are said as 00.
    pub fn more(waiting: usize) -> Self {
        Self(0x6100 | u16::try_from(waiting).ok().filter(|n| *n < 256).unwrap_or(0))
    }

    /// 63Cx: wrong, and so many tries are left; 6983 with none.
    pub fn tries_left(tries: u8) -> Self {
        if tries == 0 { Self::BLOCKED } else { Self(0x63C0 | u16::from(tries.min(15))) }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04X}", self.0)
    }
}

/// Data and status word of an answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Response {
    /// What stands before the status word; of any length.
    pub data: Vec<u8>,
    /// The status word.
    pub status: Status,
}

impl Response {
    /// A status word alone.
    pub fn bare(status: Status) -> Self {
        Self { data: Vec::new(), status }
    }

    /// As it goes over the line.
    pub fn to_bytes(&self) -> Vec<u8> {
        [&self.data[..], &self.status.0.to_be_bytes()].concat()
    }
}

impl From<Result<Vec<u8>, Status>> for Response {
    fn from(outcome: Result<Vec<u8>, Status>) -> Self {
        match outcome {
            Ok(data) => Self { data, status: Status::OK },
            Err(status) => Self::bare(status),
        }
    }
}
