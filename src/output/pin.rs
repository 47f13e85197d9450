//! The refusals that were forgotten, for people and for programs.

use std::io;

use jiff::Timestamp;
use serde_json::json;

use crate::output::page::shown;
use crate::output::print;
use crate::refusals::Forgotten;

/// Most of a foreign text that is shown.
const LONGEST: usize = 200;

/// A line each; one line where there were none.
///
/// # Errors
/// When stdout is closed or full.
pub fn lines(forgotten: &[Forgotten]) -> io::Result<()> {
    if forgotten.is_empty() {
        return print(b"no refused PIN was remembered\n");
    }
    let lines: String = forgotten.iter().map(line).collect();
    print(lines.as_bytes())
}

fn line(Forgotten { token, file, refused }: &Forgotten) -> String {
    let place = match file {
        Some(path) => format!("the PIN in {}", shown(path, LONGEST)),
        None => "a PIN that was not in a file".to_owned(),
    };
    format!("token {}: {place}, refused {}\n", shown(token, LONGEST), time(*refused))
}

/// One document: `{"forgotten":[{"token":…,"file":…,"refused":…}]}`, `file` null where it was none.
///
/// # Errors
/// When stdout is closed or full.
pub fn json(forgotten: &[Forgotten]) -> io::Result<()> {
    let forgotten = forgotten
        .iter()
        .map(|it| json!({ "token": it.token, "file": it.file, "refused": time(it.refused) }));
    let document = json!({ "forgotten": forgotten.collect::<Vec<_>>() });
    print(format!("{document}\n").as_bytes())
}

fn time(seconds: u64) -> String {
    let time = i64::try_from(seconds).map(Timestamp::from_second);
    time.ok().and_then(Result::ok).unwrap_or(Timestamp::MAX).to_string()
}
