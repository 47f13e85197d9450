//! The files that may be opened. Names can be looked up everywhere, and sockets be connected to: that
//! Landlock does not know.

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

fn limited(allowance: &Allowance) -> Result<RestrictionStatus, RulesetError> {
    let (read, all) = (AccessFs::from_read(VERSION), AccessFs::from_all(VERSION));
    Ruleset::default()
        .handle_access(all)?
        .create()?
        .add_rules(path_beneath_rules(SYSTEM, read))?
        .add_rules(path_beneath_rules(DEVICES, all))?
        .add_rules(path_beneath_rules(&allowance.read, read))?
        .add_rules(path_beneath_rules(&allowance.write, all))?
        .restrict_self()
}
