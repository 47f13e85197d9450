//! The table as it is printed, and as a page.

use std::fmt::Write as _;

use super::{PARTS, Row};

/// How many of a row's tests have passed.
#[derive(Debug)]
pub(super) struct Score {
    pub(super) passed: usize,
    pub(super) all: usize,
}

impl Score {
    pub(super) fn is_good(&self) -> bool {
        self.all > 0 && self.passed == self.all
    }
}

/// The table with the scores of all rows, at most 120 columns wide.
pub(super) fn table(score: impl Fn(&Row) -> Score) -> String {
    let mut out = String::new();
    for (part, rows) in PARTS {
        let _ = writeln!(out, "\n{part}\n");
        for row in rows {
            let score = score(row);
            let told = match (score.is_good(), score.all) {
                (true, all) => format!("{all:>2} ok"),
                (false, 0) => "NO TEST".to_owned(),
                (false, _) => "FAILED".to_owned(),
            };
            let Row { numbers, fault, outcome, .. } = row;
            let _ = writeln!(out, "  {numbers:<7} {fault:<48} {outcome:<53} {told}");
        }
    }
    out
}

const HEAD: &str = "\
# What happens when something breaks

Each line is made to happen in the tests, with real parts: a PKCS#11 module that fails on order, a virtual YubiKey, a TPM
in software, a server that misbehaves, networks, disks and clocks that are wrong. `make faults` does all of it and prints this table
with what came of it. [errors.md](errors.md) has the words of each error, and what to do about it.

Whatever breaks: stdout is the whole answer or empty, stderr has at most three lines and 1 KiB, and the exit code is that of
its class: 2 usage, 3 key, token or this computer, 4 PIN, 5 the remote side, 6 the deadline. A run ends within 15 seconds
(`--timeout`), where a person is waited for within 57.

This page is made by `UPDATE_GOLDEN=1 cargo test --test keyanchor faults::table`, and a test compares it.
";

/// `docs/faults.md`.
#[must_use]
pub fn page() -> String {
    let mut out = HEAD.to_owned();
    for (part, rows) in PARTS {
        let _ = write!(out, "\n## {part}\n\n| when | then | |\n|---|---|---|\n");
        for Row { numbers, fault, outcome, .. } in rows {
            let _ = writeln!(out, "| {fault} | {outcome} | {numbers} |");
        }
    }
    out
}
