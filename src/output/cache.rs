//! The credentials that are kept for the next run, for people and for programs: for what they are,
//! and until when. Nothing of what is secret in them.

use std::io;
use std::path::Path;

use jiff::Timestamp;
use serde_json::json;

use crate::cache::{Entry, Moment, State};
use crate::output::page::shown;
use crate::output::print;

/// Most of a reference that is shown.
const LONGEST: usize = 400;

/// Three lines each: the role, the key, and until when. One line where there are none.
///
/// # Errors
/// When stdout is closed or full.
pub fn lines(entries: &[Entry], now: &Moment) -> io::Result<()> {
    if entries.is_empty() {
        return print(b"no credentials are kept\n");
    }
    let lines: String = entries.iter().map(|entry| told(entry, now)).collect();
    print(lines.as_bytes())
}

fn told(entry: &Entry, now: &Moment) -> String {
    let end = entry.credentials.expiration;
    let until = match entry.state(now) {
        State::Fresh => format!("fresh until {}, ends {end}", fresh_until(entry, now)),
        State::Usable => format!("renewed by the next run, ends {end}"),
        State::Ended => format!("ended {end}"),
    };
    let label = &entry.label;
    format!("{}\n  {}\n  {until}\n", shown(&label.role, LONGEST), shown(&label.reference, LONGEST))
}

/// One document: `{"cache":FOLDER,"entries":[…]}`, the folder null where there can be none. Times are
/// RFC 3339, hashes SHA-256 in hexadecimal; `state` is `fresh`, `usable` (renewed by the next run) or
/// `ended`.
///
/// # Errors
/// When stdout is closed or full.
pub fn json(folder: Option<&Path>, entries: &[Entry], now: &Moment) -> io::Result<()> {
    let entries = entries.iter().map(|entry| {
        let Entry { label, credentials } = entry;
        json!({
            "role": label.role,
            "key": label.reference,
            "certificate_sha256": label.leaf.to_string(),
            "public_key_sha256": label.public_key.to_string(),
            "access_key_id": credentials.access_key_id,
            "obtained": time(label.obtained.wall).to_string(),
            "fresh_until": fresh_until(entry, now).to_string(),
            "expiration": credentials.expiration.to_string(),
            "state": match entry.state(now) {
                State::Fresh => "fresh",
                State::Usable => "usable",
                State::Ended => "ended",
            },
        })
    });
    let folder = folder.map(|folder| folder.display().to_string());
    let document = json!({ "cache": folder, "entries": entries.collect::<Vec<_>>() });
    print(format!("{document}\n").as_bytes())
}

/// What was removed: a line, or `{"removed":NUMBER}`.
///
/// # Errors
/// When stdout is closed or full.
pub fn cleared(removed: usize, json: bool) -> io::Result<()> {
    let text = match (json, removed) {
        (true, _) => json!({ "removed": removed }).to_string(),
        (false, 0) => "no credentials were kept".to_owned(),
        (false, 1) => "1 set of credentials was removed".to_owned(),
        (false, _) => format!("{removed} sets of credentials were removed"),
    };
    print(format!("{text}\n").as_bytes())
}

fn fresh_until(entry: &Entry, now: &Moment) -> Timestamp {
    time(now.wall.saturating_add(entry.fresh_for(now)))
}

fn time(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX)
}
