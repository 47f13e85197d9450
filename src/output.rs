//! What leaves through stdout, and only through here: nothing else may be written to it.

use std::io::{self, Write};

use crate::credentials::Credentials;

pub mod process;

/// Prints credentials as the `credential_process` contract wants them.
///
/// # Errors
/// When stdout is closed or full: then the caller has not got them.
pub fn credentials(credentials: &Credentials) -> io::Result<()> {
    let document = process::document(credentials)?;
    let mut out = io::stdout().lock();
    out.write_all(&document)?;
    out.flush()
}
