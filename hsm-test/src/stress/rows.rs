//! What was wanted, and what came of it.

use std::fmt::Write as _;

/// A line of the table.
#[derive(Clone, Debug)]
pub struct Row {
    /// The number of the goal or fault.
    pub goal: &'static str,
    /// What was done.
    pub what: String,
    /// What came of it.
    pub found: String,
    /// What was wanted.
    pub wanted: String,
    /// Whether it is what was wanted.
    pub met: bool,
    /// Whether that is a matter of time, which counts only where nothing else runs.
    pub is_time: bool,
}

impl Row {
    pub(super) fn new(
        goal: &'static str,
        what: impl Into<String>,
        found: impl Into<String>,
        wanted: impl Into<String>,
        met: bool,
    ) -> Self {
        let (what, found, wanted) = (what.into(), found.into(), wanted.into());
        Self { goal, what, found, wanted, met, is_time: false }
    }

    pub(super) fn timed(self) -> Self {
        Self { is_time: true, ..self }
    }
}

/// For people; two lines a row, within 100 columns.
pub fn table(rows: &[Row]) -> String {
    let mut out = String::new();
    for row in rows {
        let verdict = if row.met { "ok" } else { "NOT MET" };
        let _ = writeln!(out, "{:<4} {:<86} {verdict}", row.goal, row.what);
        let _ = writeln!(out, "       {} (wanted: {})", row.found, row.wanted);
    }
    out
}
