//! Where our private files live, and whether a file that we are about to trust is safe: a module
//! that becomes code, or a file that holds a secret. Linux calls stay here.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, AtFlags, CWD, OFlags, accessat};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::secret::SecretBytes;

mod private;

pub use private::{
    is_orphaned, open_lock, private_directory, private_folder, read_private, shelter,
    write_private, write_volatile,
};

/// Why a file or folder is not used. The text says what is wrong with it, the path is its own.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be opened or read.
    #[error("{}: {}", .path.display(), reason(.source))]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Somebody else could change or read it.
    #[error("{}: {reason}", .path.display())]
    Unsafe {
        /// The file or folder that is not safe; it may be a parent of the one that was named.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// It is larger than anything of its kind.
    #[error("{}: larger than {limit} bytes", .path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The most that is read, in bytes.
        limit: u64,
    },
}

/// Which file it was, and in which state: once it is written to or replaced, it has another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    device: u64,
    inode: u64,
    /// When it was written to, in nanoseconds since 1970.
    modified: i128,
}

impl Mark {
    fn of(metadata: &Metadata) -> Self {
        let nanoseconds = i128::from(metadata.mtime()) * 1_000_000_000;
        let modified = nanoseconds + i128::from(metadata.mtime_nsec());
        Self { device: metadata.dev(), inode: metadata.ino(), modified }
    }
}

impl Error {
    /// What is wrong with it, without its path.
    #[must_use]
    pub fn why(&self) -> String {
        match self {
            Self::Io { source, .. } => reason(source),
            Self::Unsafe { reason, .. } => (*reason).to_owned(),
            Self::TooLarge { limit, .. } => format!("larger than {limit} bytes"),
        }
    }

    /// The file or folder that is the trouble.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            Self::Io { path, .. } | Self::Unsafe { path, .. } | Self::TooLarge { path, .. } => path,
        }
    }
}

/// What the system said, in lower case and without its error number.
#[must_use]
pub fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_lowercase()
}

/// The canonical path of a file that is about to become code. It and every folder above it belong
/// to root or to us, and nobody else may write to them.
///
/// # Errors
/// When it is not there, is not a regular file, or somebody else could change it.
pub fn trusted_code(path: &Path) -> Result<PathBuf, Error> {
    trusted(path, false)
}

/// The canonical path of a program of ours that is about to be started, by the same rules. Only a folder such as
/// `/tmp` may lie above it, where everybody can write and nobody can replace what is another's: a build may
/// be anywhere.
///
/// # Errors
/// As [`trusted_code`].
pub fn trusted_program(path: &Path) -> Result<PathBuf, Error> {
    trusted(path, true)
}

fn trusted(path: &Path, sticky_above: bool) -> Result<PathBuf, Error> {
    let canonical = fs::canonicalize(path).map_err(|source| io_error(path, source))?;
    for (depth, place) in canonical.ancestors().enumerate() {
        let metadata = fs::symlink_metadata(place).map_err(|source| io_error(place, source))?;
        if depth == 0 && !metadata.is_file() {
            return Err(not_safe(place, "not a regular file"));
        }
        if !owned_by_root_or_us(&metadata) {
            return Err(not_safe(place, "belongs to another user"));
        }
        let sticky = sticky_above && depth > 0 && metadata.mode() & 0o1000 != 0;
        if writable_by_others(&metadata) && !sticky {
            return Err(not_safe(place, "others can write to it"));
        }
    }
    Ok(canonical)
}

/// Reads a file that holds a secret: it belongs to root or to us, and not everybody may read it.
/// A group may, because Kubernetes mounts secrets that way.
///
/// # Errors
/// When it cannot be read, is too large, or is not kept from other users.
pub fn read_secret(path: &Path, limit: u64) -> Result<(SecretBytes, Mark), Error> {
    let (file, mark) = open_secret(path)?;
    Ok((secret(&file, path, limit)?, mark))
}

/// Which file a secret is in, as far as it could be read: nothing of it is.
///
/// # Errors
/// As for reading it.
pub fn mark_of_secret(path: &Path) -> Result<Mark, Error> {
    open_secret(path).map(|(_, mark)| mark)
}

fn open_secret(path: &Path) -> Result<(File, Mark), Error> {
    let (file, metadata) = open(path)?;
    if !owned_by_root_or_us(&metadata) {
        return Err(not_safe(path, "belongs to another user"));
    }
    if metadata.mode() & 0o007 != 0 {
        return Err(not_safe(path, "every user of this computer can read or change it"));
    }
    if metadata.mode() & 0o020 != 0 {
        return Err(not_safe(path, "its group can change it"));
    }
    Ok((file, Mark::of(&metadata)))
}

fn secret(mut file: &File, path: &Path, limit: u64) -> Result<SecretBytes, Error> {
    let mut bytes = SecretBytes::with_capacity(room(limit));
    bytes.read_from(&mut file).map_err(|source| io_error(path, source))?;
    within(limit, bytes.len(), path)?;
    Ok(bytes)
}

/// Reads a file that may turn out to hold a secret, whoever may see it.
///
/// # Errors
/// When it cannot be read or is too large.
pub fn read_wiped(path: &Path, limit: u64) -> Result<Zeroizing<Vec<u8>>, Error> {
    // Reserved in one piece: a buffer that grows would leave copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(room(limit)));
    read_into(&mut bytes, open(path)?.0, path, limit)?;
    Ok(bytes)
}

/// One byte more than may be there, so that a longer file is seen.
fn room(limit: u64) -> usize {
    usize::try_from(limit + 1).unwrap_or_default()
}

/// Reads a file that anybody may see.
///
/// # Errors
/// When it cannot be read or is too large.
pub fn read_public(path: &Path, limit: u64) -> Result<Vec<u8>, Error> {
    let (file, _) = open(path)?;
    let mut bytes = Vec::new();
    read_into(&mut bytes, file, path, limit)?;
    Ok(bytes)
}

/// Regular files only, and without waiting: a pipe that nobody writes to would hold us for ever.
fn open(path: &Path) -> Result<(File, Metadata), Error> {
    open_with(path, OFlags::empty())
}

fn open_with(path: &Path, flags: OFlags) -> Result<(File, Metadata), Error> {
    let flags = (flags | OFlags::NONBLOCK).bits().cast_signed();
    let file = File::options().read(true).custom_flags(flags).open(path);
    let file = file.map_err(|source| io_error(path, source))?;
    let metadata = file.metadata().map_err(|source| io_error(path, source))?;
    if metadata.is_file() {
        Ok((file, metadata))
    } else {
        Err(not_safe(path, "not a regular file"))
    }
}

/// A file may be longer than it says: others can write to it meanwhile.
fn read_into(bytes: &mut Vec<u8>, file: File, path: &Path, limit: u64) -> Result<(), Error> {
    file.take(limit + 1).read_to_end(bytes).map_err(|source| io_error(path, source))?;
    within(limit, bytes.len(), path)
}

fn within(limit: u64, length: usize, path: &Path) -> Result<(), Error> {
    if length as u64 > limit {
        return Err(Error::TooLarge { path: path.into(), limit });
    }
    Ok(())
}

/// Whether a device is there that we may read and write. It is not opened: one that only a single
/// program can have would be taken from another.
///
/// # Errors
/// When it is missing, not permitted, or no device.
pub fn usable_device(path: &Path) -> Result<(), Error> {
    let metadata = fs::metadata(path).map_err(|source| io_error(path, source))?;
    if metadata.file_type().is_socket() {
        return Err(not_safe(path, "a socket and not a device"));
    }
    if !metadata.file_type().is_char_device() {
        return Err(not_safe(path, "not a device"));
    }
    let ours = Access::READ_OK | Access::WRITE_OK;
    accessat(CWD, path, ours, AtFlags::EACCESS).map_err(|error| io_error(path, error.into()))
}

fn our_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

fn owned_by_root_or_us(metadata: &Metadata) -> bool {
    metadata.uid() == 0 || metadata.uid() == our_uid()
}

/// Group-writable counts as writable by others, whatever the group: where there is an access control list
/// these bits are its mask, and say that some user or group it names may write (acl(5)).
fn writable_by_others(metadata: &Metadata) -> bool {
    metadata.mode() & 0o022 != 0
}

fn io_error(path: &Path, source: io::Error) -> Error {
    Error::Io { path: path.into(), source }
}

fn not_safe(path: &Path, reason: &'static str) -> Error {
    Error::Unsafe { path: path.into(), reason }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn file(folder: &Path, name: &str, mode: u32) -> PathBuf {
        let path = folder.join(name);
        fs::write(&path, "x").expect("write");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("chmod");
        path
    }

    /// A folder whose parents are all safe (`/tmp`, writable by all, is not).
    fn folder() -> tempfile::TempDir {
        tempfile::tempdir_in(std::env::home_dir().expect("home")).expect("folder")
    }

    #[test]
    fn a_secret_may_be_group_readable_but_not_world_readable() {
        let folder = folder();
        assert!(read_secret(&file(folder.path(), "a", 0o600), 10).is_ok());
        assert!(read_secret(&file(folder.path(), "b", 0o640), 10).is_ok());
        let writable = read_secret(&file(folder.path(), "e", 0o660), 10);
        assert!(matches!(writable, Err(Error::Unsafe { .. })), "nor one that its group can change");
        assert!(matches!(
            read_secret(&file(folder.path(), "c", 0o644), 10),
            Err(Error::Unsafe { .. })
        ));
        assert!(matches!(
            read_secret(&file(folder.path(), "d", 0o602), 10),
            Err(Error::Unsafe { .. })
        ));
    }

    #[test]
    fn a_file_over_the_limit_is_not_read() {
        let folder = folder();
        let path = folder.path().join("big");
        fs::write(&path, "12345").expect("write");
        assert!(matches!(read_public(&path, 4), Err(Error::TooLarge { .. })));
        assert!(matches!(read_public(Path::new("/dev/zero"), 4), Err(Error::Unsafe { .. })));
    }

    #[test]
    fn code_that_others_can_change_is_not_trusted() {
        let folder = folder();
        assert!(trusted_code(&file(folder.path(), "good", 0o755)).is_ok());
        assert!(trusted_code(&file(folder.path(), "open", 0o757)).is_err());
        assert!(trusted_code(&file(folder.path(), "group", 0o775)).is_err(), "of group root too");
        assert!(trusted_code(folder.path()).is_err(), "a folder is not a module");
        let shared = folder.path().join("shared");
        fs::create_dir(&shared).expect("mkdir");
        let inside = file(&shared, "module", 0o755);
        fs::set_permissions(&shared, fs::Permissions::from_mode(0o777)).expect("chmod");
        let link = folder.path().join("link");
        symlink(&inside, &link).expect("link");
        let error = trusted_code(&link).expect_err("a link into a shared folder");
        assert_eq!(error.path(), shared);
    }
}
