//! What leaves through stdout, and only through here: nothing else may be written to it.

use std::io::{self, Write};

use rustix::fs::{FileType, OFlags, fcntl_getfl, fstat, major, minor};

use crate::credentials::Credentials;

pub mod cache;
pub mod doctor;
pub mod explain;
pub mod list;
mod page;
pub mod pin;
pub mod process;

/// Whether there is a stdout at all: to be asked before a signature is spent.
///
/// # Errors
/// When it was closed before we started.
pub fn check() -> io::Result<()> {
    if was_closed() { Err(io::ErrorKind::BrokenPipe.into()) } else { Ok(()) }
}

/// Prints credentials as the `credential_process` contract wants them.
///
/// # Errors
/// When stdout is closed or full: then the caller has not got them.
pub fn credentials(credentials: &Credentials) -> io::Result<()> {
    print(&process::document(credentials)?)
}

/// Writes an answer and sees it off.
fn print(text: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text)?;
    out.flush()
}

/// A program that is started without a stdout gets /dev/null in its place from Rust's runtime, open
/// for reading too, and all that is written to it is lost in silence. One that is redirected to
/// /dev/null by a shell has it for writing only, and means it.
fn was_closed() -> bool {
    let out = io::stdout();
    let Ok(status) = fstat(&out) else { return true };
    let device = FileType::from_raw_mode(status.st_mode) == FileType::CharacterDevice;
    let null = device && (major(status.st_rdev), minor(status.st_rdev)) == (1, 3);
    null && fcntl_getfl(&out).is_ok_and(|flags| flags.contains(OFlags::RDWR))
}
