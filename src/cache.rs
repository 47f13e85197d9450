//! Credentials that outlive a run: one file a session in the private directory, so that an SDK that
//! runs a credential process again and again gets the same answer without a device, and one of many
//! callers at once asks for all ([`flight`]). What is not beyond doubt is a miss, never an error.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::credentials::Credentials;
use crate::paths::{self, Error};

pub mod entry;
pub mod flight;
pub mod key;
pub mod moment;

pub use entry::{Entry, Label, State, shift};
pub use flight::{Flight, Told, Turn};
pub use key::{Hash, Inputs};
pub use moment::Moment;

/// Longest entry that is written and read, in bytes: a session token has a few hundred, and no fixed maximum.
const LONGEST: u64 = 256 * 1024;

/// How long an entry that has ended is kept; `cache list` shows it so long.
const KEPT: Duration = Duration::from_secs(24 * 3600);

/// The folder of all entries.
pub struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// The user's cache. `None` where no private directory can be made.
    ///
    /// # Errors
    /// When the folder is a symbolic link, or not ours alone: nothing in it can be trusted.
    pub fn open() -> Result<Option<Self>, Error> {
        let Some(private) = paths::private_directory()? else { return Ok(None) };
        Ok(paths::private_folder(private.join("cache"))?.map(|folder| Self { folder }))
    }

    /// The entry of that key; `None` where there is none that can be trusted.
    #[must_use]
    pub fn read(&self, key: &Hash, now: &Moment) -> Option<Entry> {
        let entry = read(&self.path(key))?;
        (entry.label.key == *key && !entry.is_of_the_future(now)).then_some(entry)
    }

    /// Puts credentials in the place of those before, and removes what nobody needs any more.
    ///
    /// # Errors
    /// When they cannot be written; then the old ones are still there.
    pub fn store(&self, label: &Label, credentials: &Credentials) -> Result<(), Error> {
        self.sweep(&label.obtained);
        // A power failure may leave the file empty or torn, which is a miss: that is not worth a disk's
        // time.
        let (path, file) = (self.path(&label.key), label.file(credentials));
        if file.len() as u64 > LONGEST {
            return Err(Error::TooLarge { path, limit: LONGEST });
        }
        paths::write_volatile(&path, &file)
    }

    /// All entries, those that end first at the beginning.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        let mut entries: Vec<_> = self.files("json").iter().filter_map(|path| read(path)).collect();
        entries.sort_by_key(|entry| entry.credentials.expiration);
        entries
    }

    /// Removes all entries, also those that cannot be read, and says how many there were.
    ///
    /// # Errors
    /// When one cannot be removed.
    pub fn clear(&self) -> Result<usize, Error> {
        let entries = self.files("json");
        for path in &entries {
            remove(path)?;
        }
        self.files("tmp")
            .iter()
            .filter(|path| paths::is_orphaned(path))
            .try_for_each(|path| remove(path))?;
        Ok(entries.len())
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn path(&self, key: &Hash) -> PathBuf {
        self.folder.join(format!("{key}.json"))
    }

    fn files(&self, extension: &str) -> Vec<PathBuf> {
        let found = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let found = found.map(|file| file.path());
        found.filter(|path| path.extension() == Some(OsStr::new(extension))).collect()
    }

    /// Entries of certificates that were rotated away would stay for ever, as would what a killed
    /// process had not finished, and locks of sessions that never came to be. What cannot be removed does
    /// no harm.
    fn sweep(&self, now: &Moment) {
        for path in self.files("tmp").iter().filter(|path| paths::is_orphaned(path)) {
            let _ = fs::remove_file(path);
        }
        for path in self.files("json") {
            let useless = match paths::read_private(&path, LONGEST) {
                Ok(file) => Entry::from_bytes(&file).is_none_or(|it| it.ended_before(now, KEPT)),
                // It may be good, and readable at another moment.
                Err(Error::Io { .. }) => false,
                Err(_) => true,
            };
            if useless {
                let _ = fs::remove_file(&path);
            }
        }
        for lock in self.files("lock") {
            if !lock.with_extension("json").exists() && is_old(&lock) {
                flight::remove(&lock);
            }
        }
    }
}

fn read(path: &Path) -> Option<Entry> {
    Entry::from_bytes(&paths::read_private(path, LONGEST).ok()?)
}

/// Whether nobody has written to it for long.
fn is_old(path: &Path) -> bool {
    let modified = fs::metadata(path).and_then(|metadata| metadata.modified());
    modified.is_ok_and(|modified| modified.elapsed().is_ok_and(|elapsed| elapsed > KEPT))
}

fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::Io { path: path.into(), source })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
