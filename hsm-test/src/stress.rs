//! The product under stress: crowds, kills at random moments, and more runs in a row than anybody waits for. Whole
//! processes on the lab, counted from outside; each row of the table says what was wanted and what came of it.

use std::path::PathBuf;

mod crowds;
mod kills;
mod rows;
mod runs;
mod scene;
mod sequence;
mod warm;

pub use rows::{Row, table};
use runs::Manners;
use scene::Scene;

/// How much of it.
#[derive(Clone, Debug)]
pub struct Options {
    /// The folder with `keyanchor` and its device hosts.
    pub programs: PathBuf,
    /// The folder with `hsm-test` and with `hello`, a program that only starts and prints.
    pub lab: PathBuf,
    /// How many callers come at once.
    pub crowd: usize,
    /// How many runs find what is kept.
    pub warm: usize,
    /// How often each process is killed.
    pub kills: usize,
    /// How many runs follow each other, in ten hours by a simulated clock.
    pub sequence: usize,
}

/// Does all of it.
///
/// # Panics
/// When a program is missing.
pub fn run(options: &Options) -> Vec<Row> {
    let mut manners = Manners::default();
    let mut rows = crowds::rows(options, &mut manners);
    rows.extend(warm::rows(options, &mut manners));
    rows.extend(kills::rows(options, &mut manners));
    rows.extend(sequence::rows(options, &mut manners));
    rows.push(manners.row());
    rows
}
