//! Our own folder: where it is, whether it is ours alone, and the files that we keep there.

use std::fs::{self, DirBuilder, File, Metadata};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use rustix::process::{Pid, test_kill_process};

use crate::paths::{Error, io_error, not_safe, open_with, our_uid, secret};
use crate::secret::SecretBytes;

/// The private directory: `$KEYANCHOR_RUNTIME_DIR`, else `/run/user/UID/keyanchor` where that
/// parent is ours, else `.cache/keyanchor` in a home of ours. It is made with mode 0700 when it is
/// missing; `None` where that cannot be, as in a read-only home.
///
/// # Errors
/// When it is not ours alone, or one that was named cannot be made.
pub fn private_directory() -> Result<Option<PathBuf>, Error> {
    private_place()?.map(checked_private).transpose()
}

/// The folder in it for what device hosts keep: locks, and what was refused. All of it is safe as long
/// as nobody else can change it, so that the private directory may be a link, and others may enter it. A
/// host in its sandbox reaches nothing beside it, such as credentials.
///
/// # Errors
/// When it is not ours, others can write to it, or it cannot be made.
pub fn shelter() -> Result<Option<PathBuf>, Error> {
    let Some(place) = private_place()? else { return Ok(None) };
    let path = checked_shelter(place)?.join("hosts");
    make_private(&path).map_err(|source| io_error(&path, source))?;
    checked_shelter(path).map(Some)
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

/// Through a link as well.
fn checked_shelter(path: PathBuf) -> Result<PathBuf, Error> {
    let metadata = fs::metadata(&path);
    ours(path, metadata, 0o022, "others can write to it; its mode must be 0700")
}

fn checked_private(path: PathBuf) -> Result<PathBuf, Error> {
    let metadata = fs::symlink_metadata(&path);
    ours(path, metadata, 0o077, "others can enter it; its mode must be 0700")
}

/// A folder of ours whose mode has none of the bits that `open` has.
fn ours(
    path: PathBuf,
    metadata: io::Result<Metadata>,
    open: u32,
    reason: &'static str,
) -> Result<PathBuf, Error> {
    let metadata = metadata.map_err(|source| io_error(&path, source))?;
    if !metadata.is_dir() {
        return Err(not_safe(&path, "not a folder"));
    }
    if metadata.uid() != our_uid() {
        return Err(not_safe(&path, "belongs to another user"));
    }
    if metadata.mode() & open != 0 {
        return Err(not_safe(&path, reason));
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
