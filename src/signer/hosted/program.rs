//! The programs of device hosts: where they are, and what it means that one does not start.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

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
        let stderr = if debug { Stdio::inherit() } else { Stdio::null() };
        let mut command = Command::new(program);
        if !debug {
            command.env(QUIET.0, QUIET.1);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(stderr);
        command.spawn().map_err(Error::System)
    }

    /// Where it may be: beside ours, or in `libexec` next to our `bin`.
    fn places(self, ours: &Path) -> Vec<PathBuf> {
        let folder = ours.parent().unwrap_or(Path::new("/"));
        let libexec = folder.parent().unwrap_or(folder).join("libexec/keyanchor");
        [folder, &libexec].map(|folder| folder.join(self.name())).into()
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
