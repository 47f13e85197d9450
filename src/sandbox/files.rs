//! The files that may be opened. Names can be looked up everywhere, and sockets be connected to: that
//! Landlock does not know.

use std::fs;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, RestrictionStatus, Ruleset, RulesetAttr, RulesetCreatedAttr,
    RulesetError, RulesetStatus, path_beneath_rules,
};

use crate::sandbox::Allowance;

/// The first version that knows calls to devices apart; of an older one there is what it has.
const VERSION: ABI = ABI::V5;

/// Programs, libraries, their configuration and what they are told about the computer.
const SYSTEM: [&str; 15] = [
    "/bin",
    "/etc",
    "/gnu/store",
    "/lib",
    "/lib32",
    "/lib64",
    "/nix/store",
    "/opt",
    "/proc",
    "/run/current-system",
    "/sbin",
    "/sys",
    "/usr",
    "/var/lib",
    "/dev/random",
];

/// Devices that every program may use, and the terminal.
const DEVICES: [&str; 6] =
    ["/dev/full", "/dev/null", "/dev/pts", "/dev/tty", "/dev/urandom", "/dev/zero"];

/// Whether the limits hold.
pub(super) fn limit(allowance: &Allowance) -> bool {
    let limited = limited(allowance);
    limited.is_ok_and(|status| status.ruleset != RulesetStatus::NotEnforced)
}

/// The system's folders without those that are closed.
fn system(closed: &[PathBuf]) -> Vec<PathBuf> {
    let closed: Vec<_> = closed.iter().filter_map(|folder| fs::canonicalize(folder).ok()).collect();
    SYSTEM.iter().flat_map(|folder| without(Path::new(folder), &closed)).collect()
}

/// The folder where nothing closed is in it, else its entries without the way to that. Links are followed, as the
/// kernel does with the folder of a rule.
fn without(folder: &Path, closed: &[PathBuf]) -> Vec<PathBuf> {
    let Ok(real) = fs::canonicalize(folder) else { return Vec::new() };
    if closed.iter().any(|closed| real.starts_with(closed)) {
        return Vec::new();
    }
    if !closed.iter().any(|closed| closed.starts_with(&real)) {
        return vec![real];
    }
    let entries = fs::read_dir(&real).into_iter().flatten().flatten();
    entries.flat_map(|entry| without(&entry.path(), closed)).collect()
}

fn limited(allowance: &Allowance) -> Result<RestrictionStatus, RulesetError> {
    let (read, all) = (AccessFs::from_read(VERSION), AccessFs::from_all(VERSION));
    Ruleset::default()
        .handle_access(all)?
        .create()?
        .add_rules(path_beneath_rules(system(&allowance.closed), read))?
        .add_rules(path_beneath_rules(DEVICES, all))?
        .add_rules(path_beneath_rules(&allowance.read, read))?
        .add_rules(path_beneath_rules(&allowance.write, all))?
        .restrict_self()
}
