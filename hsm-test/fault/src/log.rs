//! The names of the functions that are called, one a line, written before the call.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::sync::{Mutex, OnceLock, PoisonError};

use crate::place;

struct Log {
    file: File,
    counts: HashMap<String, usize>,
}

static LOG: OnceLock<Mutex<Log>> = OnceLock::new();

/// Writes the name down, and says the how many-th call of the function it is.
pub(crate) fn called(function: &str) -> usize {
    write(function);
    let mut log = log().lock().unwrap_or_else(PoisonError::into_inner);
    let count = log.counts.entry(function.to_owned()).or_default();
    *count += 1;
    *count
}

/// One line, in one write: it is there even if the next thing is a crash.
pub(crate) fn write(line: &str) {
    let mut log = log().lock().unwrap_or_else(PoisonError::into_inner);
    let _ = log.file.write_all(format!("{line}\n").as_bytes());
}

/// Whether anything was called.
pub(crate) fn is_open() -> bool {
    LOG.get().is_some()
}

/// What earlier processes wrote is counted on.
fn log() -> &'static Mutex<Log> {
    LOG.get_or_init(|| {
        let path = place::of("P11_FAULT_LOG", "log");
        let mut counts = HashMap::new();
        for line in std::fs::read_to_string(&path).unwrap_or_default().lines() {
            *counts.entry(line.to_owned()).or_default() += 1;
        }
        let file = OpenOptions::new().create(true).append(true).open(path);
        Mutex::new(Log { file: file.expect("the log can be written"), counts })
    })
}
