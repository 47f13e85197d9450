//! What breaks, what happens then, and the tests that break it and look: one table for people, who run it with
//! `make faults`, and for `docs/faults.md`.
//!
//! The numbers are those of the project's list of hazards: F is a fault, G a goal with a figure, H, M and L what once
//! broke when it was tried.

mod computer;
mod hostile_neighbours;
mod hostile_spawner;
mod inside;
mod network;
mod report;
mod run;
mod token;

pub use report::page;
pub use run::run;

/// One thing that can break.
#[derive(Debug)]
pub struct Row {
    /// Its numbers, such as `F9 G14`.
    pub numbers: &'static str,
    /// What breaks.
    pub fault: &'static str,
    /// What happens then.
    pub outcome: &'static str,
    /// The tests that make it happen, by their names; one that ends in `::` stands for all that begin so.
    pub tests: &'static [&'static str],
}

/// What the rows of a part of the table are about, and the rows.
pub const PARTS: [(&str, &[Row]); 8] = [
    ("A token and its module", token::MODULES),
    ("A YubiKey, another card, a TPM", token::DEVICES),
    ("The network and the service", network::ROWS),
    ("The cache and many runs at once", computer::CACHE),
    ("This computer", computer::ROWS),
    ("Secrets, and what the program is made of", inside::ROWS),
    ("A hostile module, and the programs of the user", hostile_spawner::ROWS),
    ("Hostile neighbours", hostile_neighbours::ROWS),
];

/// Those of `known` that are meant by `tests` of a row.
#[must_use]
pub fn meant<'n>(tests: &[&str], known: &'n [String]) -> Vec<&'n str> {
    let fits =
        |name: &str, test: &str| name == test || (test.ends_with("::") && name.starts_with(test));
    let known = known.iter().map(String::as_str);
    known.filter(|name| tests.iter().any(|test| fits(name, test))).collect()
}

const fn row(
    numbers: &'static str,
    fault: &'static str,
    outcome: &'static str,
    tests: &'static [&'static str],
) -> Row {
    Row { numbers, fault, outcome, tests }
}
