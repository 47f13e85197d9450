//! Keys in a TPM, by handle and from files: a real swtpm without a resource manager, provisioned by
//! tpm2-tools and OpenSSL, whose own witnesses say what is left in it.

use std::path::Path;
use std::process::{Command, Stdio};

use hsm_test::server::{Config, Server};
use hsm_test::swtpm::Swtpm;
use tempfile::TempDir;

mod clean;
mod faults;
mod journeys;
mod list;
mod lockout;
mod many;
mod nowhere;
mod page;
mod prompts;
mod refused;
pub(crate) mod runs;
mod wire;

/// A TPM, a server that trusts its keys, and a folder for the rest.
pub(crate) struct TpmLab {
    pub(crate) tpm: Swtpm,
    pub(crate) server: Server,
    pub(crate) folder: TempDir,
}

pub(crate) fn lab() -> TpmLab {
    let tpm = Swtpm::start();
    let server = Server::start(Config::lab(&tpm.pki()));
    let folder = tempfile::tempdir().expect("a folder");
    TpmLab { tpm, server, folder }
}

impl TpmLab {
    /// The program, where this TPM is the one that is here, without a terminal.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new("setsid");
        command.arg("--wait").arg(env!("CARGO_BIN_EXE_keyanchor")).stdin(Stdio::null());
        command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", self.folder.path());
        command.env("KEYANCHOR_RUNTIME_DIR", self.folder.path().join("run"));
        // Most tests are about what happens when the cache has nothing.
        command.env("KEYANCHOR_CACHE", "off");
        command.env("KEYANCHOR_TCTI", self.tpm.tcti());
        command
    }

    /// Forgets what was refused, and says what that was.
    pub(crate) fn forget(&self) -> String {
        crate::lab::run(self.command().args(["pin", "forget"])).stdout
    }

    /// `credential-process` for a key of this TPM.
    pub(crate) fn with(&self, key: &str, certificate: &Path) -> Command {
        let mut command = self.without(key);
        command.arg("--certificate").arg(certificate);
        command
    }

    /// The same without a certificate.
    pub(crate) fn without(&self, key: &str) -> Command {
        let mut command = self.command();
        command.arg("credential-process").args(self.server.arguments());
        command.args(["--key", key]);
        command
    }

    /// A file with a password, which nobody else can read.
    pub(crate) fn password(&self, password: &str) -> std::path::PathBuf {
        self.secret(&format!("password-{password}"), password)
    }

    /// The same under a name that does not say it.
    pub(crate) fn secret(&self, name: &str, password: &str) -> std::path::PathBuf {
        use std::os::unix::fs::PermissionsExt;
        let path = self.folder.path().join(name);
        std::fs::write(&path, format!("{password}\n")).expect("password");
        let mode = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(&path, mode).expect("password");
        path
    }
}
