//! A pcscd per test, with vpcd's reader of two slots, or with none. It never sees a reader of the computer it runs on.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::namespace::Namespace;
use super::readers::{self, Reader};
use super::wait;
use crate::files::{create_directory, write};
use crate::pki::Pki;
use crate::target;

/// What the path of a unix socket may have, in octets, its final zero not counted (`sockaddr_un`).
const LONGEST_SOCKET_PATH: usize = 107;
/// vpcd's first slot listens there, the second one on the next.
const PORT: u16 = 35963;

/// One pcscd, ended and removed when dropped. It runs from the start.
#[derive(Debug)]
pub struct Pcscd {
    /// `None` while it does not run.
    process: Option<Child>,
    namespace: Namespace,
    /// Without the numbers at its end.
    reader: String,
    directory: PathBuf,
    /// Unless somebody else looks after it.
    _temporary: Option<TempDir>,
}

impl Pcscd {
    /// The name of the usual reader, by which clients know a YubiKey.
    pub const YUBIKEY_READER: &'static str = "Yubico YubiKey OTP+FIDO+CCID";

    /// A pcscd with a reader for YubiKeys, whose two slots are empty.
    ///
    /// # Panics
    /// When pcscd or vpcd is not installed, or may not have namespaces of its own.
    pub fn start() -> Self {
        Self::with_reader(Self::YUBIKEY_READER)
    }

    /// A pcscd with another name for its reader.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    pub fn with_reader(name: &str) -> Self {
        Self::temporary(name)
    }

    /// A pcscd without any reader.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    pub fn without_reader() -> Self {
        Self::temporary("")
    }

    fn temporary(reader: &str) -> Self {
        let directory = fresh_directory(&target::directory().join("lab"));
        let mut pcscd = Self::at(directory.path(), reader);
        pcscd._temporary = Some(directory);
        pcscd
    }

    /// In a directory that stays; its path is absolute.
    pub(super) fn at(directory: &Path, reader: &str) -> Self {
        assert!(has_room(directory), "{}: too long for a socket in it", directory.display());
        let [run, readers, drivers] =
            ["run", "reader.d", "drivers"].map(|name| directory.join(name));
        for directory in [&run, &readers, &drivers] {
            create_directory(directory);
        }
        if !reader.is_empty() {
            write(&readers.join("vpcd"), &configuration(reader));
        }
        let mut pcscd = Self {
            process: None,
            namespace: Namespace::new(&run),
            reader: reader.into(),
            directory: directory.into(),
            _temporary: None,
        };
        pcscd.restart();
        pcscd
    }

    /// The directory that holds everything.
    pub fn dir(&self) -> &Path {
        &self.directory
    }

    /// The socket that clients connect to, whether somebody listens or not.
    pub fn socket(&self) -> PathBuf {
        socket(&self.directory)
    }

    /// What every client of PC/SC needs in its environment to find this one.
    pub fn command_env(&self) -> Vec<(String, OsString)> {
        environment(&self.socket())
    }

    /// A program with that environment.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.envs(self.command_env());
        command
    }

    /// The process id, for what no method here does.
    ///
    /// # Panics
    /// When it does not run.
    pub fn id(&self) -> u32 {
        self.running().id()
    }

    /// Its readers, as its clients are told of them.
    ///
    /// # Panics
    /// When it does not answer.
    pub fn readers(&self) -> Vec<Reader> {
        readers::ask(&self.socket())
            .unwrap_or_else(|error| panic!("pcscd: {error}: {}", self.log()))
    }

    /// What it has written about itself since it was started.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    /// The PKI that issues the certificates, made when it is first asked for.
    pub fn pki(&self) -> Pki {
        let ca = self.directory.join("ca");
        if ca.is_dir() { Pki::load(&ca) } else { Pki::fresh(&ca) }
    }

    /// Ends it in an orderly way, if it runs: its socket is gone.
    pub fn stop(&mut self) {
        self.end(Signal::TERM);
    }

    /// Kills it, if it runs: its socket stays, and nobody listens.
    pub fn kill(&mut self) {
        self.end(Signal::KILL);
    }

    /// Stops the process where it is: connections are taken, and nothing is answered.
    pub fn pause(&self) {
        send(self.running(), Signal::STOP);
    }

    /// Goes on after [`pause`](Self::pause).
    pub fn resume(&self) {
        send(self.running(), Signal::CONT);
    }

    /// Ends it, if it runs, and starts it again with the same reader. Cards that were in come back by themselves, as
    /// [`Card::await_insertion`](super::Card::await_insertion) has it.
    ///
    /// # Panics
    /// When it does not start.
    pub fn restart(&mut self) {
        self.stop();
        // where it was killed
        let _ = fs::remove_file(self.socket());
        let mut child = self.spawn();
        let answers = || readers::ask(&self.socket()).is_ok();
        let mut ended = || child.try_wait().expect("the child is ours").is_some();
        wait::until("pcscd answers", || answers() || ended());
        assert!(answers(), "pcscd has ended: {}", self.log());
        self.process = Some(child);
    }

    fn spawn(&self) -> Child {
        let log = File::create(self.log_file()).expect("the directory is writable");
        let mut pcscd = self.namespace.command("pcscd");
        pcscd.args(["--foreground", "--info", "--config"]).arg(self.directory.join("reader.d"));
        // where drivers for USB would be
        pcscd.env("PCSCLITE_HP_DROPDIR", self.directory.join("drivers"));
        pcscd.stdin(Stdio::null()).stderr(log.try_clone().expect("an open file")).stdout(log);
        pcscd.spawn().expect("the lab needs nsenter: apt-get install util-linux")
    }

    /// The reader's slot of that number, 0 or 1.
    pub(super) fn slot(&self, number: u8) -> String {
        format!("{} 00 {number:02}", self.reader)
    }

    /// A program that becomes the card in that slot.
    pub(super) fn card(&self, program: &Path, slot: u8) -> Command {
        assert!(slot < 2, "the reader has the slots 0 and 1");
        let mut card = self.namespace.command(program);
        card.arg("--port").arg((PORT + u16::from(slot)).to_string());
        card
    }

    /// What it writes about itself.
    pub(super) fn log_file(&self) -> PathBuf {
        self.directory.join("pcscd.log")
    }

    fn end(&mut self, signal: Signal) {
        let Some(mut process) = self.process.take() else { return };
        send(&process, Signal::CONT);
        send(&process, signal);
        wait::until_ended(&mut process);
        // a killed one leaves it, and its number may be somebody else's next time
        let _ = fs::remove_file(self.directory.join("run/pcscd/pcscd.pid"));
    }

    fn running(&self) -> &Child {
        self.process.as_ref().expect("pcscd runs")
    }
}

impl Drop for Pcscd {
    fn drop(&mut self) {
        self.kill();
    }
}

/// How libpcsclite is told of a socket.
pub(super) fn environment(socket: &Path) -> Vec<(String, OsString)> {
    vec![("PCSCLITE_CSOCK_NAME".into(), socket.into())]
}

/// Below that directory, or the system's temporary one where the path would be too long for a socket.
fn fresh_directory(parent: &Path) -> TempDir {
    create_directory(parent);
    let fresh = |parent: &Path| tempfile::Builder::new().prefix("pcscd-").tempdir_in(parent);
    let directory = fresh(parent).expect("the target directory is writable");
    if has_room(directory.path()) {
        return directory;
    }
    fresh(&std::env::temp_dir()).expect("a temporary directory")
}

fn has_room(directory: &Path) -> bool {
    socket(directory).as_os_str().len() <= LONGEST_SOCKET_PATH
}

/// Where the clients of a pcscd in that directory connect.
pub(super) fn socket(directory: &Path) -> PathBuf {
    directory.join("run/pcscd/pcscd.comm")
}

fn send(process: &Child, signal: Signal) {
    let id = i32::try_from(process.id()).ok().and_then(Pid::from_raw).expect("a process id");
    kill_process(id, signal).expect("a child that was not waited for is there");
}

/// A file for pcscd's directory of serial readers.
fn configuration(name: &str) -> String {
    let driver = "/usr/lib/pcsc/drivers/serial/libifdvpcd.so";
    assert!(Path::new(driver).exists(), "the lab needs vpcd: apt-get install vsmartcard-vpcd");
    format!(
        "FRIENDLYNAME \"{name}\"\nDEVICENAME /dev/null:{PORT:#X}\nLIBPATH {driver}\nCHANNELID {PORT:#X}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_has_room_for_its_path_however_deep_the_target_directory_is() {
        let target = tempfile::tempdir().expect("a temporary directory");
        let near = fresh_directory(target.path());
        assert!(near.path().starts_with(target.path()));
        let deep = target.path().join("deep/".repeat(20));
        let far = fresh_directory(&deep);
        assert!(!far.path().starts_with(target.path()) && has_room(far.path()));
    }
}
