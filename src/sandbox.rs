//! What this thread, and all that it starts from now on, may still do: open the files that are named
//! (Landlock), and make the system calls of a program that signs (seccomp). Nothing takes it back.
//! Each is as much as the kernel has, and no error where it has none.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

mod calls;
mod files;

/// What is allowed beside what every program needs. A path that is not there is passed over.
#[derive(Default)]
pub struct Allowance {
    /// Files and folders that are read, and run.
    pub read: Vec<PathBuf>,
    /// Those that are also written, with all that is made and removed in a folder.
    pub write: Vec<PathBuf>,
    /// Whether there may be sockets of the internet, and not of this computer only.
    pub internet: bool,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sandbox {
    /// Whether files are limited, as far as the kernel can do that.
    pub files: bool,
    /// Whether system calls are.
    pub calls: bool,
}

impl Sandbox {
    /// Goes in, with this thread: those that run already stay outside.
    #[must_use]
    pub fn enter(allowance: &Allowance) -> Self {
        Self { files: files::limit(allowance), calls: calls::limit(allowance.internet) }
    }

    /// Whether there is any.
    #[must_use]
    pub fn holds(self) -> bool {
        self.files || self.calls
    }
}
