//! The table of faults stands on tests that are there: `make faults` prints it, and `docs/faults.md` has it.
//!
//! `UPDATE_GOLDEN=1 cargo test --test keyanchor faults::table` writes the page.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use hsm_test::faults::{PARTS, Row, meant, page};

/// What can break in a run that ends by itself, and what is promised about it.
const NUMBERS: &str = "F1 F2 F3 F4 F5 F7 F8 F9 F10 F11 F12 F13 F14 F15 F16 F18 F19 F20 F21 F22 F23 F24 F26 F27 F28 \
                       F29 F30 F32 F33 F34 F35 F38 G8 G14 G17 G18 G19 G20 G23 G24 G25 G45 G46";

fn rows() -> impl Iterator<Item = &'static Row> {
    PARTS.iter().flat_map(|(_, rows)| rows.iter())
}

/// All tests of this program, or those only that nobody runs unasked.
fn tests(of_which: &[&str]) -> Vec<String> {
    let mut harness = Command::new(std::env::current_exe().expect("a program"));
    let output = harness.args(["--list", "--format", "terse"]).args(of_which).output();
    let text = String::from_utf8(output.expect("it lists").stdout).expect("names");
    text.lines().filter_map(|line| line.strip_suffix(": test")).map(ToOwned::to_owned).collect()
}

#[test]
fn every_number_has_a_row() {
    let there: BTreeSet<_> = rows().flat_map(|row| row.numbers.split(' ')).collect();
    let missing: Vec<_> = NUMBERS.split_whitespace().filter(|it| !there.contains(it)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn every_row_stands_on_tests_that_are_there_and_run() {
    let (known, ignored) = (tests(&[]), tests(&["--ignored"]));
    for row in rows() {
        for test in row.tests {
            assert!(!meant(&[*test], &known).is_empty(), "{}: there is no {test}", row.numbers);
        }
        assert_eq!(meant(row.tests, &ignored), [""; 0], "{}: nobody runs these", row.numbers);
    }
}

#[test]
fn every_row_fits_a_line() {
    for Row { numbers, fault, outcome, .. } in rows() {
        let lengths = [numbers, fault, outcome].map(|text| text.chars().count());
        assert!(lengths[0] <= 7 && lengths[1] <= 48 && lengths[2] <= 53, "{fault}: {lengths:?}");
    }
}

#[test]
fn the_page_has_every_row() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/faults.md");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, page()).expect("the page");
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page(), "docs/faults.md is out of date; UPDATE_GOLDEN=1 writes it");
}
