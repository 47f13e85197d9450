//! Who probably has the card for itself. PC/SC does not tell: a guess from the names of programs that
//! are known for it, and from who is linked with its library.

use std::fs;
use std::path::Path;

use crate::wire::Failure;

/// Programs that keep a card, most of them for long.
const KNOWN: [&str; 6] =
    ["scdaemon", "yubikey-agent", "piv-agent", "ykman", "yubico-piv-tool", "opensc-tool"];

/// The library that talks to the daemon; programs load it when they need it.
const LIBRARY: &str = "libpcsclite";

/// The names of device hosts.
const OURS: &str = "keyanchor-";

/// Most that are named.
const MOST: usize = 3;

/// Finds out who has the card that a failure is about. Its host could not: it sees no other process
/// from its sandbox.
pub(super) fn find(failure: &mut Failure) {
    if let Failure::CardInUse { by, .. } = failure {
        *by = likely();
    }
}

/// Other processes that probably use a card, the likeliest first: `scdaemon (process 4242)`.
fn likely() -> Vec<String> {
    let mut found: Vec<_> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|process: u32| {
            suspected(Path::new(&format!("/proc/{process}"))).zip(Some(process))
        })
        .collect();
    found.sort();
    found.into_iter().take(MOST).map(|((_, name), id)| format!("{name} (process {id})")).collect()
}

/// How likely a process is, the least number first, and its name.
fn suspected(process: &Path) -> Option<(usize, String)> {
    let name = fs::read_to_string(process.join("comm")).ok()?.trim_end().to_owned();
    if name.starts_with(OURS) {
        // It waits for the card as we do, or has its lock.
        return None;
    }
    if let Some(place) = KNOWN.iter().position(|known| name.starts_with(known)) {
        return Some((place, name));
    }
    // Not to be read where it is another user's.
    let maps = fs::read_to_string(process.join("maps")).ok()?;
    maps.contains(LIBRARY).then_some((KNOWN.len(), name))
}
