//! The log: a line for each command, and for what happens to the card; see the crate's comment.

use std::fmt::Display;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// A file that lines are appended to, or nothing.
pub struct Log(Option<File>);

impl Log {
    /// Opens the file, if there is to be one.
    ///
    /// # Panics
    /// When it cannot be opened.
    pub fn to(path: Option<&Path>) -> Self {
        let open = |path: &Path| {
            let file = OpenOptions::new().create(true).append(true).open(path);
            file.unwrap_or_else(|error| panic!("the log {}: {error}", path.display()))
        };
        Self(path.map(open))
    }

    /// Appends a line after the time, in milliseconds since 1970.
    ///
    /// # Panics
    /// When the disk is full.
    pub fn line(&self, what: impl Display) {
        let Some(mut file) = self.0.as_ref() else { return };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970");
        let line = format!("{} {what}\n", now.as_millis());
        file.write_all(line.as_bytes()).expect("the log can be written");
    }
}
