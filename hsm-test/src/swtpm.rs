//! A TPM 2.0 in software per test: swtpm on a pair of TCP ports of its own, provisioned by tpm2-tools.
//!
//! Every TPM of [`start`](Swtpm::start) has the same seeds, as if it were one machine that is always found as it left
//! the factory; so what is slow to make, an RSA key above all, is made once for the target directory and loaded from
//! then on. Nothing is provisioned that no test has asked for.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;
use tempfile::TempDir;

use crate::files::create_directory;
use crate::pki::Pki;
use crate::{target, tool};

pub use key::{Algorithm, Key, Template, Usage};
pub use nv::NvIndex;
pub use parent::Parent;
pub use state::Lockout;
pub use tap::{Fault, Tap};
pub use tss2::Tss2;
pub use wire::code;

mod factory;
mod key;
mod nv;
mod parent;
mod people;
mod process;
mod provision;
mod state;
mod tap;
mod tss2;
mod wire;

use process::Process;

/// One TPM without a resource manager, ended and removed when dropped. It is on from the start.
#[derive(Debug)]
pub struct Swtpm {
    /// `None` while it is off.
    process: Option<Process>,
    port: u16,
    /// Whether its seeds are those of all TPMs here.
    common: bool,
    /// What tpm2-tools must say to use a hierarchy or a parent, by handle.
    passwords: BTreeMap<u32, String>,
    directory: PathBuf,
    /// Unless somebody else looks after it.
    temporary: Option<TempDir>,
}

impl Swtpm {
    /// A TPM as it leaves the factory, with the seeds that all of them share: no persistent handle, no password, three
    /// wrong ones until lock-out.
    ///
    /// # Panics
    /// When swtpm is not installed, or does not start.
    pub fn start() -> Self {
        Self::temporary(true)
    }

    /// A TPM of another machine: no key that was made elsewhere loads in it.
    ///
    /// # Panics
    /// When swtpm is not installed, or does not start.
    pub fn foreign() -> Self {
        Self::temporary(false)
    }

    fn temporary(common: bool) -> Self {
        let parent = target::directory().join("lab");
        create_directory(&parent);
        let directory = tempfile::Builder::new().prefix("swtpm-").tempdir_in(&parent);
        let directory = directory.expect("the target directory is writable");
        let mut tpm = Self::at(directory.path(), common);
        tpm.temporary = Some(directory);
        tpm
    }

    /// In a directory that stays, with what it remembers from the last time.
    fn at(directory: &Path, common: bool) -> Self {
        let state = directory.join("state");
        if !state.exists() {
            create_directory(&state);
            if common {
                factory::copy_state(&state);
            }
        }
        let process = Process::start(&state, None);
        Self {
            port: process.port(),
            process: Some(process),
            common,
            passwords: BTreeMap::new(),
            directory: directory.into(),
            temporary: None,
        }
    }

    /// The directory that holds everything.
    pub fn dir(&self) -> &Path {
        &self.directory
    }

    /// The port that takes commands; control is on the one after it.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The process id, for what no method here does.
    ///
    /// # Panics
    /// When the TPM is off.
    pub fn id(&self) -> u32 {
        self.running().id()
    }

    /// How TPM libraries are told of it: `swtpm:host=127.0.0.1,port=PORT`.
    pub fn tcti(&self) -> String {
        tcti(self.port)
    }

    /// What tpm2-tools and OpenSSL's tpm2 provider need in their environment.
    pub fn command_env(&self) -> Vec<(String, OsString)> {
        command_env(self.port)
    }

    /// One of the tpm2-tools by its name without `tpm2_`, for this TPM. Who runs it has to [flush](Self::flush).
    pub fn tpm2(&self, tool: &str) -> Command {
        let mut command = Command::new(format!("tpm2_{tool}"));
        command.envs(self.command_env());
        command
    }

    /// The PKI that issues the certificates, made when it is first asked for.
    pub fn pki(&self) -> Pki {
        let ca = self.dir().join("ca");
        if ca.is_dir() { Pki::load(&ca) } else { Pki::fresh(&ca) }
    }

    /// Switches it off in an orderly way, if it is on, and on again: transient objects and sessions are gone.
    ///
    /// # Panics
    /// When it does not start, or somebody has taken the port.
    pub fn restart(&mut self) {
        if let Some(process) = self.process.take() {
            process.shut_down();
        }
        self.forget_contexts();
        let (state, away) = (self.state(), self.state_away());
        if away.is_dir() {
            fs::rename(&away, &state).expect("both names are in one directory");
        }
        self.process = Some(Process::start(&state, Some(self.port)));
    }

    /// Kills it: nobody listens any more until it is [restarted](Self::restart). A TPM that loses its power after a
    /// protected key was used takes that for a wrong password.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Stops the process where it is: connections are taken, and nothing is answered.
    pub fn pause(&self) {
        self.running().signal(Signal::STOP);
    }

    /// Goes on after [`pause`](Self::pause).
    pub fn resume(&self) {
        self.running().signal(Signal::CONT);
    }

    /// Resets it without TPM2_Startup: each command gets 0x100 until somebody sends one, as `tpm2_startup -c` does.
    pub fn reset(&self) {
        self.forget_contexts();
        tool::run(&mut self.running().control("-i"));
    }

    /// Takes its memory away, so that it fails: each command gets 0x101 until a [restart](Self::restart).
    pub fn fail(&self) {
        fs::rename(self.state(), self.state_away()).expect("it has its state, and had not failed");
        // whatever has to be stored will do
        let mut store = self.tpm2("dictionarylockout");
        let outcome = self.authorise(store.arg("-c"), "-p", Parent::LOCKOUT).output();
        let said = outcome.expect("the lab needs tpm2-tools: softhsm/packages.sh installs them");
        let said = String::from_utf8_lossy(&said.stderr).into_owned();
        assert!(said.contains("(0x101)"), "it has stored something nowhere: {said}");
    }

    fn running(&self) -> &Process {
        self.process.as_ref().expect("the TPM is on")
    }

    fn state(&self) -> PathBuf {
        self.dir().join("state")
    }

    fn state_away(&self) -> PathBuf {
        self.dir().join("state-away")
    }
}

impl Drop for Swtpm {
    fn drop(&mut self) {
        // what stays shall not count its end as a wrong password; all else is killed, which is faster
        if let Some(process) = self.process.take().filter(|_| self.temporary.is_none()) {
            process.shut_down();
        }
    }
}

fn tcti(port: u16) -> String {
    format!("swtpm:host=127.0.0.1,port={port}")
}

fn command_env(port: u16) -> Vec<(String, OsString)> {
    let names = ["TPM2TOOLS_TCTI", "TPM2OPENSSL_TCTI"];
    names.map(|name| (name.into(), tcti(port).into())).into()
}
