//! The options that say how device hosts are run and secrets are kept, whatever the verb.

use std::path::PathBuf;

use clap::Args;

use crate::cli::{value, warn};
use crate::error::{Error, Usage};
use crate::{paths, secret};

/// `off`, or folders that modules may use as well.
const VARIABLE: &str = "KEYANCHOR_SANDBOX";

/// As they were typed.
#[derive(Args)]
#[group(skip)]
pub(super) struct HostOptions {
    /// Let modules open all files and connect to anything, as some must
    #[arg(long)]
    no_sandbox: bool,
    /// Fail where secrets could be swapped to disk
    #[arg(long)]
    pub(super) strict_memory: bool,
}

impl HostOptions {
    /// Whether memory can be locked is the same for us and for hosts: it is said once.
    pub(super) fn check_memory(&self) -> Result<(), Error> {
        match secret::can_be_locked() {
            Err(error) if self.strict_memory => return Err(Error::Swappable(error)),
            Err(error) => warn(&format!(
                "secrets may be swapped to disk ({}); raise the limit of locked memory (ulimit -l)",
                paths::reason(&error)
            )),
            Ok(()) => {}
        }
        Ok(())
    }

    /// The folders that modules may use beside what they need; `None` where there is no sandbox.
    pub(super) fn sandbox(&self) -> Result<Option<Vec<PathBuf>>, Usage> {
        let named = std::env::var_os(VARIABLE).unwrap_or_default();
        if self.no_sandbox || named == "off" {
            return Ok(None);
        }
        let folders = std::env::split_paths(&named).filter(|folder| !folder.as_os_str().is_empty());
        let folders: Vec<_> = folders.collect();
        match folders.iter().find(|folder| !folder.is_absolute()) {
            None => Ok(Some(folders)),
            Some(folder) => Err(value::wrong(
                format!("{VARIABLE} cannot be used"),
                format!("'{}' is no absolute path", folder.display()),
                "write off, or the folders that a module may use as well, such as /srv/hsm:/opt/hsm",
            )),
        }
    }
}
