//! A short form of `make stress`: the same rows, less of each.

use std::path::Path;

use hsm_test::stress::{Options, run, table};

#[test]
fn a_short_form_of_the_stress_meets_every_goal() {
    let programs = Path::new(env!("CARGO_BIN_EXE_keyanchor")).parent().expect("a folder");
    let (programs, lab) = (programs.to_owned(), programs.to_owned());
    let rows = run(&Options { programs, lab, crowd: 60, warm: 40, kills: 15, sequence: 100 });
    let missed: Vec<_> = rows.iter().filter(|row| !row.met && !row.is_time).cloned().collect();
    assert!(rows.len() > 8 && missed.is_empty(), "{}", table(&missed));
}
