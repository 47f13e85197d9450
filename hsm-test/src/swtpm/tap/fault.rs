//! What a tap does in place of the TPM.

use std::ops::{Bound, RangeBounds};
use std::time::Duration;

use crate::openssl;
use crate::swtpm::wire::refusal;

/// What a tap does in place of the TPM.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Fault {
    /// Lets the TPM work, and answers that return code instead of what it said.
    After(u32),
    /// Ends the connection; the TPM hears nothing of the command.
    Close,
    /// Lets the TPM work, and gives its answer so much later.
    Late(Duration),
    /// Answers these octets, which may be no answer at all; the TPM hears nothing.
    Octets(Vec<u8>),
    /// Answers that return code; the TPM hears nothing.
    Refuse(u32),
    /// Says nothing for as long as the client waits; the TPM hears nothing.
    Silence,
    /// Lets the TPM work, and gives only so many octets of its answer before the connection ends.
    Truncate(usize),
}

impl Fault {
    /// Octets that mean nothing.
    pub fn garbage() -> Self {
        Self::Octets(openssl::random::<64>().to_vec())
    }

    /// A success without what belongs to it.
    pub fn hollow() -> Self {
        Self::Octets(refusal(0))
    }

    /// A success of 64 KiB, where no answer has more than 4 KiB.
    pub fn oversized() -> Self {
        let mut octets = refusal(0);
        octets.resize(1 << 16, 0);
        octets[2..6].copy_from_slice(&(1_u32 << 16).to_be_bytes());
        Self::Octets(octets)
    }
}

/// A fault with the commands that it is for.
#[derive(Debug)]
pub(super) struct Order {
    code: u32,
    which: (Bound<usize>, Bound<usize>),
    fault: Fault,
}

impl Order {
    pub(super) fn new(code: u32, which: impl RangeBounds<usize>, fault: Fault) -> Self {
        Self { code, which: (which.start_bound().cloned(), which.end_bound().cloned()), fault }
    }

    /// The fault, if the last of these commands is one that it is for.
    pub(super) fn applies(&self, commands: &[u32]) -> Option<&Fault> {
        let last = commands.last().is_some_and(|code| *code == self.code);
        let count = commands.iter().filter(|code| **code == self.code).count();
        (last && self.which.contains(&count)).then_some(&self.fault)
    }
}
