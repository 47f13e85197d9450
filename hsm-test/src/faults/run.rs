//! Runs the tests behind the rows, all of them once, and reads from the harness what came of each.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::Instant;

use super::report::{Score, table};
use super::{PARTS, Row, meant};
use crate::target;

/// The table, and whether every row has a test and all its tests have passed. What the harness says of a failure is
/// in the table's end.
///
/// # Panics
/// When the tests cannot be built or started.
#[must_use]
pub fn run() -> (String, bool) {
    let start = Instant::now();
    let known: Vec<_> = lines(&["--list", "--format", "terse"]).filter_map(listed).collect();
    let rows = || PARTS.iter().flat_map(|(_, rows)| rows.iter());
    let wanted: BTreeSet<_> = rows().flat_map(|row| meant(row.tests, &known)).collect();
    let words: Vec<_> = ["--exact"].into_iter().chain(wanted.iter().copied()).collect();
    let said: Vec<_> = lines(&words).collect();
    let passed: BTreeSet<_> = said.iter().filter_map(|line| passed(line)).collect();
    let score = |row: &Row| {
        let tests = meant(row.tests, &known);
        let passed = tests.iter().filter(|test| passed.contains(*test)).count();
        Score { passed, all: tests.len() }
    };
    let good = rows().all(|row| score(row).is_good());
    let failures = said.iter().skip_while(|line| *line != "failures:");
    let failures: String = failures.map(|line| format!("{line}\n")).collect();
    let (rows, time) = (rows().count(), start.elapsed().as_secs());
    let sum = format!("{rows} rows, {} of {} tests passed, {time} s", passed.len(), wanted.len());
    (format!("{}\n{failures}{sum}\n", table(score)), good)
}

/// What the harness of the program's tests says to these words, line by line; what cargo says goes to stderr.
fn lines(words: &[&str]) -> impl Iterator<Item = String> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["test", "--locked", "--test", "keyanchor", "--"]).args(words);
    // A test that cannot do its work here must fail, and not be skipped.
    let cargo = cargo.env("LAB", "require").current_dir(target::workspace()).stdin(Stdio::null());
    let mut child = cargo.stdout(Stdio::piped()).spawn().expect("cargo");
    let output = BufReader::new(child.stdout.take().expect("stdout is a pipe"));
    let lines = output.split(b'\n').map_while(Result::ok);
    let lines: Vec<_> = lines.map(|line| String::from_utf8_lossy(&line).into_owned()).collect();
    // Its verdict is in its lines.
    let _ = child.wait();
    lines.into_iter()
}

fn listed(line: String) -> Option<String> {
    line.strip_suffix(": test").map(ToOwned::to_owned)
}

/// The name of a test that has passed.
fn passed(line: &str) -> Option<&str> {
    line.strip_prefix("test ")?.strip_suffix(" ... ok")
}
