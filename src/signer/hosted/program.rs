//! The programs of device hosts: where they are, and what it means that one does not start.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::paths;
use crate::signer::Error;
use crate::wire::Address;

/// Variables that make libtss2 write to stderr, and their values that silence it.
const QUIET: (&str, &str) = ("TSS2_LOG", "all+NONE");

/// A host's program, one for each kind of device.
#[derive(Clone, Copy)]
pub(super) enum Program {
    Pkcs11,
    Piv,
    Tpm,
}

impl Program {
    pub(super) fn of(device: &Address) -> Self {
        match device {
            Address::Piv(_) => Self::Piv,
            Address::Pkcs11 { .. } => Self::Pkcs11,
            Address::Tpm { .. } => Self::Tpm,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Pkcs11 => "keyanchor-pkcs11",
            Self::Piv => "keyanchor-piv",
            Self::Tpm => "keyanchor-tpm",
        }
    }

    /// Starts it. What it and its libraries write to stderr is shown only to one who debugs.
    pub(super) fn spawn(self, debug: bool) -> Result<Child, Error> {
        let ours = std::env::current_exe().unwrap_or_default();
        let tried = self.places(&ours);
        let Some(program) = tried.iter().find(|path| path.is_file()) else {
            return Err(Error::NotInstalled { program: self.name(), tried });
        };
        let program = paths::trusted_program(program).map_err(|error| match error {
            paths::Error::Io { source, .. } => Error::System(source),
            error => Error::UnsafeHost { program: self.name(), reason: error.to_string() },
        })?;
        let stderr = if debug { Stdio::inherit() } else { Stdio::null() };
        let mut command = Command::new(program);
        if !debug {
            command.env(QUIET.0, QUIET.1);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(stderr);
        command.spawn().map_err(Error::System)
    }

    /// Where it may be: beside ours, or in `libexec` next to our folder where that is called `bin`. Elsewhere
    /// that name means nothing, and may be anybody's.
    fn places(self, ours: &Path) -> Vec<PathBuf> {
        let folder = ours.parent().unwrap_or(Path::new("/"));
        let above = folder.parent().filter(|_| folder.file_name() == Some("bin".as_ref()));
        let libexec = above.map(|above| above.join("libexec/keyanchor"));
        let folders = [folder].into_iter().chain(libexec.as_deref());
        folders.map(|folder| folder.join(self.name())).collect()
    }

    /// It ended before it had opened anything. The loader ends a program with status 127 that needs a
    /// library which is not there.
    pub(super) fn unfit(self, how: &str) -> Error {
        let program = self.name();
        match self {
            Self::Piv if how.contains("127") => Error::NoLibrary {
                what: "smart card",
                program,
                library: "libpcsclite",
                packages: "libpcsclite1 and pcscd (Debian, Ubuntu), pcsc-lite (Fedora), or pcsclite and ccid (Arch)",
            },
            Self::Tpm if how.contains("127") => Error::NoLibrary {
                what: "TPM",
                program,
                library: "libtss2",
                packages: "libtss2-esys-3.0.2-0 and libtss2-tctildr0 (Debian, Ubuntu), or tpm2-tss (Fedora, Arch)",
            },
            _ => Error::Unfit { reason: format!("{program} {how} at its start") },
        }
    }
}
