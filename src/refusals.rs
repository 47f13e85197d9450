//! What a token has refused: a memory across runs and processes, so that the same wrong PIN is not
//! sent with each call of an SDK until the token locks. It holds when a PIN from which source was
//! refused, and never a PIN or anything that is made from one.
//!
//! One small JSON file a token, in the private directory; who writes it holds the token's lock.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::paths::{self, Error, Mark};

/// Most files that are remembered for a token; the oldest goes first.
const MOST: usize = 16;

/// Longest record that is read, in bytes.
const LONGEST: u64 = 64 * 1024;

/// The record of one token.
#[derive(Default)]
pub struct Refusals {
    /// `None` where there is no private directory: then nothing outlives the run.
    path: Option<PathBuf>,
    record: Record,
}

/// What stands in the file.
#[derive(Default, Serialize, Deserialize)]
pub struct Record {
    /// The token's label, for people.
    token: String,
    /// When a PIN that was not from a file was refused, in seconds since 1970.
    elsewhere: Option<u64>,
    files: Vec<RefusedFile>,
}

#[derive(Serialize, Deserialize)]
struct RefusedFile {
    path: String,
    mark: Mark,
    /// In seconds since 1970.
    refused: u64,
}

/// A refusal that is forgotten.
#[derive(Debug, Serialize)]
pub struct Forgotten {
    /// The token's label.
    pub token: String,
    /// The file with the PIN; `None` where it was not in a file.
    pub file: Option<String>,
    /// In seconds since 1970.
    pub refused: u64,
}

impl Refusals {
    /// What is known of a token. `token` tells it from all others: label, serial number and so on.
    ///
    /// # Errors
    /// When others could change the private directory, or the record cannot be read: then nothing may
    /// be sent, because nobody knows what was refused.
    pub fn of(token: &[String]) -> Result<Self, Error> {
        let label = token.first().cloned().unwrap_or_default();
        let empty = Record { token: label, ..Record::default() };
        let Some(folder) = paths::shelter()? else {
            return Ok(Self { path: None, record: empty });
        };
        let hash = Sha256::digest(token.join("\0").as_bytes());
        let hash: String = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let path = folder.join(format!("refused-{hash}.json"));
        let record = read(&path)?.unwrap_or(empty);
        Ok(Self { path: Some(path), record })
    }

    /// When a PIN of this source was refused, in seconds since 1970, if nothing has changed since: a
    /// file is another one once it is written to; of all other sources nothing is known, and one
    /// refusal counts for all of them.
    #[must_use]
    pub fn refused(&self, file: Option<&Mark>) -> Option<u64> {
        match file {
            None => self.record.elsewhere,
            Some(mark) => {
                let known = self.record.files.iter().find(|file| file.mark == *mark);
                known.map(|file| file.refused)
            }
        }
    }

    /// Remembers that a PIN was refused now.
    ///
    /// # Errors
    /// When it cannot be written down.
    pub fn add(&mut self, file: Option<(&Path, Mark)>) -> Result<(), Error> {
        let refused = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
        match file {
            None => self.record.elsewhere = Some(refused),
            Some((path, mark)) => {
                // Whoever forgets it may be in another folder.
                let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
                let path = path.display().to_string();
                self.record.files.retain(|known| known.mark != mark);
                self.record.files.push(RefusedFile { path, mark, refused });
                let old = self.record.files.len().saturating_sub(MOST);
                self.record.files.drain(..old);
            }
        }
        self.write()
    }

    /// Writes down what is known once more: whether the next refusal could be.
    ///
    /// # Errors
    /// When it could not.
    pub fn write(&self) -> Result<(), Error> {
        let json = serde_json::to_vec(&self.record).unwrap_or_default();
        self.path.as_ref().map_or(Ok(()), |path| paths::write_private(path, &json))
    }

    /// A person has given the right PIN: whatever else was wrong may have been put right. A file that
    /// has not changed still holds what was refused.
    pub fn forget_all_but_files(&mut self) {
        if self.record.elsewhere.take().is_none() {
            return;
        }
        let Some(path) = &self.path else { return };
        // Where this cannot be written, `keyanchor pin forget` will say why.
        let _ = if self.record.files.is_empty() {
            fs::remove_file(path)
        } else {
            self.write().map_err(std::io::Error::other)
        };
    }
}

/// Forgets all refusals, or those of tokens with that label, and says which they were.
///
/// # Errors
/// When the private directory is not ours alone, or a record cannot be removed.
pub fn forget(label: Option<&str>) -> Result<Vec<Forgotten>, Error> {
    let Some(folder) = paths::shelter()? else { return Ok(Vec::new()) };
    let io = |path: &Path| {
        let path = path.to_owned();
        |source| Error::Io { path, source }
    };
    let mut forgotten = Vec::new();
    for entry in fs::read_dir(&folder).map_err(io(&folder))?.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if !name.starts_with("refused-") || !name.ends_with(".json") {
            continue;
        }
        // What cannot be read protects nothing that could be named: it goes too.
        let record = read(&entry.path()).ok().flatten().unwrap_or_default();
        if label.is_none_or(|label| label == record.token) {
            fs::remove_file(entry.path()).map_err(io(&entry.path()))?;
            forgotten.extend(told(record));
        }
    }
    forgotten.sort_by(|one, other| (&one.token, one.refused).cmp(&(&other.token, other.refused)));
    Ok(forgotten)
}

fn told(record: Record) -> impl Iterator<Item = Forgotten> {
    let Record { token, elsewhere, files } = record;
    let elsewhere = elsewhere.map(|refused| (None, refused));
    let files = files.into_iter().map(|file| (Some(file.path), file.refused));
    let told = move |(file, refused)| Forgotten { token: token.clone(), file, refused };
    elsewhere.into_iter().chain(files).map(told)
}

/// `None` where there is no record.
fn read(path: &Path) -> Result<Option<Record>, Error> {
    let bytes = match paths::read_secret(path, LONGEST) {
        Ok((bytes, _)) => bytes,
        Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let broken = |_| Error::Unsafe { path: path.into(), reason: "not a record of refused PINs" };
    serde_json::from_slice(&bytes).map(Some).map_err(broken)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(folder: &tempfile::TempDir, content: &str) -> (PathBuf, Mark) {
        let path = folder.path().join("pin");
        paths::write_private(&path, content.as_bytes()).expect("write");
        let (_, mark) = paths::read_secret(&path, 100).expect("read");
        (path, mark)
    }

    fn record(folder: &tempfile::TempDir) -> Refusals {
        let path = folder.path().join("refused-0.json");
        let record = read(&path).expect("record").unwrap_or_default();
        Refusals { path: Some(path), record }
    }

    #[test]
    fn a_file_is_refused_until_it_is_written_anew() {
        let folder = tempfile::tempdir().expect("folder");
        let (path, wrong) = mark(&folder, "1234");
        record(&folder).add(Some((&path, wrong))).expect("remembered");
        assert!(record(&folder).refused(Some(&wrong)).is_some());
        assert_eq!(record(&folder).refused(None), None, "other sources are not files");
        let (_, corrected) = mark(&folder, "12345");
        assert_eq!(record(&folder).refused(Some(&corrected)), None);
    }

    #[test]
    fn a_file_that_is_refused_twice_is_remembered_once() {
        let folder = tempfile::tempdir().expect("folder");
        let (path, wrong) = mark(&folder, "1234");
        for _ in 0..2 {
            record(&folder).add(Some((&path, wrong))).expect("remembered");
        }
        assert_eq!(told(record(&folder).record).count(), 1);
    }

    #[test]
    fn a_person_makes_good_what_is_not_in_a_file() {
        let folder = tempfile::tempdir().expect("folder");
        let (path, wrong) = mark(&folder, "1234");
        record(&folder).add(Some((&path, wrong))).expect("remembered");
        record(&folder).add(None).expect("remembered");
        assert!(record(&folder).refused(None).is_some());
        record(&folder).forget_all_but_files();
        assert_eq!(record(&folder).refused(None), None);
        assert!(record(&folder).refused(Some(&wrong)).is_some());
    }

    #[test]
    fn the_oldest_files_go_first() {
        let folder = tempfile::tempdir().expect("folder");
        let marks: Vec<_> = (0..=MOST).map(|place| mark(&folder, &place.to_string())).collect();
        let mut refusals = record(&folder);
        for (path, mark) in &marks {
            refusals.add(Some((path, *mark))).expect("remembered");
        }
        assert_eq!(record(&folder).refused(Some(&marks[0].1)), None);
        assert!(record(&folder).refused(Some(&marks[MOST].1)).is_some());
    }

    #[test]
    fn a_record_that_is_none_is_an_error() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("refused-0.json");
        paths::write_private(&path, b"{}").expect("write");
        assert!(matches!(read(&path), Err(Error::Unsafe { .. })));
    }
}
