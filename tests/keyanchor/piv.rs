//! Keys in a YubiKey: a virtual one behind a real pcscd, provisioned by yubico-piv-tool, whose own log says what was
//! done with it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use hsm_test::piv::{Card, Pcscd, Template, YubiKey};
use hsm_test::server::{Config, Server};
use tempfile::TempDir;

use crate::golden::compare;
use crate::lab::{Ended, run};

mod calls;
mod faults;
mod journeys;
mod list;
mod lockout;
mod nowhere;
mod other_cards;
mod page;
mod pkcs11;
mod prompts;
mod refused;
mod sharing;
mod witness;

/// A pcscd with a YubiKey, a server that trusts its keys, and a folder for the rest.
pub(crate) struct PivLab {
    // dropped first: it is in a reader of pcscd's
    pub(crate) card: Card,
    pub(crate) pcscd: Pcscd,
    pub(crate) server: Server,
    pub(crate) folder: TempDir,
}

pub(crate) fn lab() -> PivLab {
    with(YubiKey::V5_4)
}

pub(crate) fn with(yubikey: YubiKey) -> PivLab {
    let pcscd = Pcscd::start();
    let card = yubikey.insert(&pcscd);
    around(pcscd, card)
}

/// The same with any card that is in that pcscd already.
pub(crate) fn around(pcscd: Pcscd, card: Card) -> PivLab {
    let server = Server::start(Config::lab(&pcscd.pki()));
    let folder = tempfile::tempdir().expect("a folder");
    PivLab { card, pcscd, server, folder }
}

/// The usual YubiKey with such a key.
pub(crate) fn with_key(template: Template) -> PivLab {
    let lab = lab();
    lab.card.key(&template);
    lab
}

impl PivLab {
    /// The program, where this pcscd is the one that is here, without a terminal.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new("setsid");
        command.arg("--wait").arg(env!("CARGO_BIN_EXE_keyanchor")).stdin(Stdio::null());
        command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", self.folder.path());
        command.env("KEYANCHOR_RUNTIME_DIR", self.folder.path().join("run"));
        // Most tests are about what happens when the cache has nothing.
        command.env("KEYANCHOR_CACHE", "off");
        command.envs(self.pcscd.command_env());
        command
    }

    /// `credential-process` for a key of this card, whose certificate is in its slot.
    pub(crate) fn with(&self, key: &str) -> Command {
        let mut command = self.command();
        command.arg("credential-process").args(self.server.arguments());
        command.arg("--intermediates").arg(self.pcscd.pki().intermediate_pem_path());
        command.args(["--key", key]);
        command
    }

    /// The same with the right PIN in a file.
    pub(crate) fn with_pin(&self, key: &str) -> Command {
        let mut command = self.with(key);
        command.arg("--pin-file").arg(self.pin(YubiKey::PIN));
        command
    }

    /// A file with a PIN, which nobody else can read.
    pub(crate) fn pin(&self, pin: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt;
        let path = self.folder.path().join(format!("pin-{}", pin.len()));
        if std::fs::read_to_string(&path).is_ok_and(|found| found.trim_end() == pin) {
            return path;
        }
        std::fs::write(&path, format!("{pin}\n")).expect("PIN");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("PIN");
        path
    }

    /// Runs a command; how many PINs were sent to the card meanwhile, and how many signatures it made.
    pub(crate) fn counted(&self, command: &mut Command) -> (Ended, usize, usize) {
        let mark = self.card.mark();
        let ended = run(command);
        let log = self.card.log_since(mark);
        (ended, log.count("VERIFY"), log.count("GENERAL-AUTHENTICATE"))
    }

    /// Compares a failed run with its golden file.
    pub(crate) fn check(&self, name: &str, ended: &Ended) {
        compare(name, ended, &self.neutral(&ended.stderr));
    }

    pub(crate) fn neutral(&self, text: &str) -> String {
        let folder = |text: &str, path: &Path, by| text.replace(&path.display().to_string(), by);
        let text = folder(text, self.folder.path(), "[dir]");
        text.replace(&self.server.url().replace("https://", ""), "[server]")
    }
}

/// The device host that a run has started.
fn child_of(process: u32) -> u32 {
    let path = format!("/proc/{process}/task/{process}/children");
    let children = std::fs::read_to_string(path).expect("it runs");
    children.split_whitespace().next().and_then(|child| child.parse().ok()).expect("a host")
}

fn kill(signal: &str, process: u32) {
    let sent = Command::new("kill").args(["-s", signal, &process.to_string()]).status();
    assert!(sent.expect("kill").success());
}
