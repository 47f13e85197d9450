//! Commands of ISO 7816-4 and what cards answer: long data in chained commands, long answers by GET
//! RESPONSE (SP 800-73-4 Part 2 §3).

use zeroize::Zeroizing;

/// Most data of one command, in bytes.
const PIECE: usize = 255;

/// Bit of the class byte: more of this command follows.
const CHAINED: u8 = 0x10;

/// A command; it is wiped, since it may hold a PIN.
pub(super) struct Command {
    /// What it is called, as the standard does.
    pub(super) name: &'static str,
    instruction: u8,
    parameters: [u8; 2],
    data: Zeroizing<Vec<u8>>,
    /// Whether an answer is expected besides its status.
    asks: bool,
}

impl Command {
    pub(super) fn new(name: &'static str, instruction: u8, parameters: [u8; 2]) -> Self {
        Self { name, instruction, parameters, data: Zeroizing::new(Vec::new()), asks: true }
    }

    pub(super) fn with(self, data: Zeroizing<Vec<u8>>) -> Self {
        Self { data, ..self }
    }

    /// The same where nothing is to come back but the status.
    pub(super) fn without_answer(self) -> Self {
        Self { asks: false, ..self }
    }

    /// As it goes to the card: one piece, or several that are chained. The last one asks for as long
    /// an answer as there is.
    pub(super) fn pieces(&self) -> Vec<Zeroizing<Vec<u8>>> {
        let [p1, p2] = self.parameters;
        let mut pieces: Vec<_> = self.data.chunks(PIECE).collect();
        if pieces.is_empty() {
            pieces.push(&[]);
        }
        let last = pieces.len() - 1;
        let piece = |(place, data): (usize, &[u8])| {
            let class = if place == last { 0 } else { CHAINED };
            // All of it at once, so that no copy of a PIN stays behind.
            let mut out = Zeroizing::new(Vec::with_capacity(data.len() + 6));
            out.extend([class, self.instruction, p1, p2]);
            if !data.is_empty() {
                out.push(u8::try_from(data.len()).unwrap_or(u8::MAX));
                out.extend(data);
            }
            if place == last && self.asks {
                out.push(0);
            }
            out
        };
        pieces.into_iter().enumerate().map(piece).collect()
    }
}

/// Asks for the rest of an answer: so many bytes, 0 for 256.
pub(super) fn get_response(length: u8) -> [u8; 5] {
    [0, 0xc0, 0, 0, length]
}

/// The last two bytes of an answer (protocols of PIV: SP 800-73-4 Part 2 table 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Status(pub(super) u16);

impl Status {
    pub(super) const DONE: Self = Self(0x9000);
    /// The PIN is wanted, or a touch was not given.
    pub(super) const NOT_SATISFIED: Self = Self(0x6982);
    pub(super) const BLOCKED: Self = Self(0x6983);
    pub(super) const CONDITIONS: Self = Self(0x6985);
    pub(super) const NOT_FOUND: Self = Self(0x6a82);
    pub(super) const NO_SUCH_KEY: Self = Self(0x6a88);

    /// How many bytes more there are; 0 stands for 256 or more.
    pub(super) fn more(self) -> Option<u8> {
        let [high, low] = self.0.to_be_bytes();
        (high == 0x61).then_some(low)
    }

    /// How many tries a PIN has left. (YubiKey NEOs write 630x.)
    pub(super) fn tries(self) -> Option<u32> {
        match self {
            Self::BLOCKED => Some(0),
            Self(status) if status & 0xfff0 == 0x63c0 || status & 0xfff0 == 0x6300 => {
                Some(u32::from(status & 0x000f))
            }
            _ => None,
        }
    }

    /// In words.
    pub(super) fn meaning(self) -> &'static str {
        match self.0 {
            0x6581 => "its memory failed",
            0x6700 => "it did not expect data of this length",
            0x6881 | 0x6882 => "it wants secure messaging or another channel",
            0x6982 => "it wants a PIN or a touch first",
            0x6984 | 0x6a80 => "it does not accept these data for this key",
            0x6985 => "the conditions for it are not met",
            0x6986 => "it does not allow this now",
            0x6a81 | 0x6d00 | 0x6e00 => "it does not know this command",
            0x6a82 | 0x6a88 => "it does not have this",
            0x6a86 | 0x6b00 => "it does not know this slot",
            0x6f00 => "it gave up for a reason that it does not tell",
            _ => "it refused for a reason that this version does not know",
        }
    }
}

/// Data and status of one answer; `None` where it is too short to have one.
pub(super) fn answer(bytes: &[u8]) -> Option<(&[u8], Status)> {
    let (data, status) = bytes.split_last_chunk()?;
    Some((data, Status(u16::from_be_bytes(*status))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(length: usize) -> Vec<Vec<u8>> {
        let data = Zeroizing::new(vec![7; length]);
        let command = Command::new("SIGN", 0x87, [0x07, 0x9a]).with(data);
        command.pieces().iter().map(|piece| piece.to_vec()).collect()
    }

    #[test]
    fn long_data_are_chained() {
        assert_eq!(pieces(0), [[0, 0x87, 7, 0x9a, 0]]);
        assert_eq!(pieces(1), [[0, 0x87, 7, 0x9a, 1, 7, 0]]);
        let whole = pieces(255);
        assert_eq!((whole.len(), whole[0].len(), whole[0][4]), (1, 261, 255));
        let two = pieces(266);
        assert_eq!(two[0][..5], [0x10, 0x87, 7, 0x9a, 255]);
        assert_eq!((two[0].len(), two[1].len()), (260, 17), "only the last asks for an answer");
        assert_eq!(two[1][..5], [0, 0x87, 7, 0x9a, 11]);
    }

    #[test]
    fn tries_are_read_from_the_status() {
        for (status, tries) in [
            (0x63c3, Some(3)),
            (0x63c0, Some(0)),
            (0x6983, Some(0)),
            (0x6302, Some(2)),
            (0x9000, None),
            (0x6982, None),
        ] {
            assert_eq!(Status(status).tries(), tries, "{status:04x}");
        }
        assert_eq!(
            (Status(0x6110).more(), Status(0x6100).more(), Status::DONE.more()),
            (Some(16), Some(0), None)
        );
    }

    #[test]
    fn an_answer_ends_with_its_status() {
        assert_eq!(answer(&[1, 0x90, 0]), Some((&[1][..], Status::DONE)));
        assert_eq!(answer(&[0x90]), None);
    }
}
