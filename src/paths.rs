//! Where our private files live, and whether a file that we are about to trust is safe: a module
//! that becomes code, or a file that holds a secret. Linux calls stay here.

use std::fs::{self, DirBuilder, File, Metadata};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, AtFlags, CWD, OFlags, accessat};
use rustix::process::{Pid, test_kill_process};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::secret::SecretBytes;

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
    let canonical = fs::canonicalize(path).map_err(|source| io_error(path, source))?;
    for (depth, place) in canonical.ancestors().enumerate() {
        let metadata = fs::symlink_metadata(place).map_err(|source| io_error(place, source))?;
        if depth == 0 && !metadata.is_file() {
            return Err(not_safe(place, "not a regular file"));
        }
        if !owned_by_root_or_us(&metadata) {
            return Err(not_safe(place, "belongs to another user"));
        }
        if writable_by_others(&metadata) {
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

/// The folder for our locks: `$KEYANCHOR_RUNTIME_DIR`, else `/run/user/UID/keyanchor` where that
/// parent is ours, else `.cache/keyanchor` in a home of ours. It is made with mode 0700 when it is
/// missing; `None` where that cannot be, as in a read-only home.
///
/// # Errors
/// When it is not ours alone, or one that was named cannot be made.
pub fn private_directory() -> Result<Option<PathBuf>, Error> {
    private_place()?.map(checked_private).transpose()
}

/// The same for what is safe as long as nobody else can change it: locks, and what was refused. It may
/// be a link, and others may enter it.
///
/// # Errors
/// When it is not ours, others can write to it, or one that was named cannot be made.
pub fn shelter() -> Result<Option<PathBuf>, Error> {
    private_place()?.map(checked_shelter).transpose()
}

/// Where it is, or was made.
fn private_place() -> Result<Option<PathBuf>, Error> {
    if let Some(named) = std::env::var_os("KEYANCHOR_RUNTIME_DIR").filter(|name| !name.is_empty()) {
        let path = PathBuf::from(named);
        make_private(&path).map_err(|source| io_error(&path, source))?;
        return Ok(Some(path));
    }
    let session = PathBuf::from(format!("/run/user/{}", our_uid()));
    let home = std::env::home_dir().filter(|home| is_ours(home)).map(|home| home.join(".cache"));
    let parent = if is_ours(&session) { Some(session) } else { home };
    let Some(path) = parent.map(|parent| parent.join("keyanchor")) else { return Ok(None) };
    Ok(make_private(&path).is_ok().then_some(path))
}

/// With the folders above it that are missing. The mode of each is set once more: a umask could have
/// taken our own rights away.
fn make_private(path: &Path) -> io::Result<()> {
    if path.exists() {
        return Ok(());
    }
    if let Some(above) = path.parent().filter(|above| !above.as_os_str().is_empty()) {
        make_private(above)?;
    }
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => fs::set_permissions(path, fs::Permissions::from_mode(0o700)),
        // Another run was faster.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// A folder of our own inside the private directory, made where it is missing; `None` where that
/// cannot be.
///
/// # Errors
/// When it is a symbolic link, or not ours alone.
pub fn private_folder(path: PathBuf) -> Result<Option<PathBuf>, Error> {
    if make_private(&path).is_err() {
        return Ok(None);
    }
    checked_private(path).map(Some)
}

fn checked_shelter(path: PathBuf) -> Result<PathBuf, Error> {
    let metadata = fs::metadata(&path).map_err(|source| io_error(&path, source))?;
    if !metadata.is_dir() {
        return Err(not_safe(&path, "not a folder"));
    }
    if metadata.uid() != our_uid() {
        return Err(not_safe(&path, "belongs to another user"));
    }
    if metadata.mode() & 0o022 != 0 {
        return Err(not_safe(&path, "others can write to it; its mode must be 0700"));
    }
    Ok(path)
}

/// Opens a lock of ours in a private folder, made where it is missing. It is no link.
///
/// # Errors
/// When there can be none.
pub fn open_lock(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.create(true).truncate(false).read(true).write(true).mode(0o600);
    let file = options.custom_flags(OFlags::NOFOLLOW.bits().cast_signed()).open(path)?;
    // Once more, where a umask took our own rights away: the next run must be able to open it.
    let _ = file.set_permissions(fs::Permissions::from_mode(0o600));
    Ok(file)
}

fn checked_private(path: PathBuf) -> Result<PathBuf, Error> {
    let metadata = fs::symlink_metadata(&path).map_err(|source| io_error(&path, source))?;
    if !metadata.is_dir() {
        return Err(not_safe(&path, "not a folder"));
    }
    if metadata.uid() != our_uid() {
        return Err(not_safe(&path, "belongs to another user"));
    }
    if metadata.mode() & 0o077 != 0 {
        return Err(not_safe(&path, "others can enter it; its mode must be 0700"));
    }
    Ok(path)
}

/// Reads a file that we have written into a private folder: it is not a link, and ours alone.
///
/// # Errors
/// When it cannot be read, is too large, or could have been changed or read by others.
pub fn read_private(path: &Path, limit: u64) -> Result<SecretBytes, Error> {
    let (file, metadata) = open_with(path, OFlags::NOFOLLOW)?;
    if metadata.uid() != our_uid() {
        return Err(not_safe(path, "belongs to another user"));
    }
    if metadata.mode() & 0o077 != 0 {
        return Err(not_safe(path, "others can read or change it"));
    }
    secret(&file, path, limit)
}

/// Writes a file of our own into a private folder: who reads it sees the old content or the new.
///
/// # Errors
/// When it cannot be written; then the old content is still there.
pub fn write_private(path: &Path, content: &[u8]) -> Result<(), Error> {
    clear_away(path);
    write(path, content, File::sync_all)
}

/// The same for what need not outlive a power failure: after one it may be empty or torn.
///
/// # Errors
/// As above.
pub fn write_volatile(path: &Path, content: &[u8]) -> Result<(), Error> {
    write(path, content, |_| Ok(()))
}

fn write(
    path: &Path,
    content: &[u8],
    settle: impl FnOnce(&File) -> io::Result<()>,
) -> Result<(), Error> {
    let unfinished = path.with_extension(format!("{}.tmp", std::process::id()));
    let mut options = File::options();
    let file = options.write(true).create(true).truncate(true).mode(0o600).open(&unfinished);
    let written = file.and_then(|mut file| {
        // Once more, where a umask took our own rights away: the next run must be able to read it.
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
        file.write_all(content)?;
        settle(&file)?;
        fs::rename(&unfinished, path)
    });
    written.map_err(|source| {
        let _ = fs::remove_file(&unfinished);
        io_error(path, source)
    })
}

/// Removes what processes that were killed have left of that file: it would stay for ever.
fn clear_away(path: &Path) {
    let siblings = path.parent().map(fs::read_dir).into_iter().flatten().flatten().flatten();
    for sibling in siblings.map(|entry| entry.path()) {
        let named = sibling.file_stem().and_then(|name| Path::new(name).file_stem());
        let of_it = sibling.extension() == Some("tmp".as_ref()) && named == path.file_stem();
        if of_it && is_orphaned(&sibling) {
            let _ = fs::remove_file(sibling);
        }
    }
}

/// Whether the process that was writing `NAME.PID.tmp` is no more.
#[must_use]
pub fn is_orphaned(unfinished: &Path) -> bool {
    let writer = unfinished.file_stem().map(Path::new).and_then(Path::extension);
    let writer = writer.and_then(|id| id.to_str()?.parse().ok()).and_then(Pid::from_raw);
    writer.is_none_or(|id| test_kill_process(id) == Err(rustix::io::Errno::SRCH))
}

fn is_ours(folder: &Path) -> bool {
    fs::metadata(folder).is_ok_and(|metadata| metadata.is_dir() && metadata.uid() == our_uid())
}

fn our_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

fn owned_by_root_or_us(metadata: &Metadata) -> bool {
    metadata.uid() == 0 || metadata.uid() == our_uid()
}

/// Group-writable counts as writable by others, unless the group is root's.
fn writable_by_others(metadata: &Metadata) -> bool {
    let mode = metadata.mode();
    mode & 0o002 != 0 || (mode & 0o020 != 0 && metadata.gid() != 0)
}

fn io_error(path: &Path, source: io::Error) -> Error {
    Error::Io { path: path.into(), source }
}

fn not_safe(path: &Path, reason: &'static str) -> Error {
    Error::Unsafe { path: path.into(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

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
