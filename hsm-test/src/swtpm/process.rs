//! One swtpm and its two ports. We listen on the control port ourselves and hand the socket over, so an answer there
//! can only come from this child; the data port is swtpm's own to bind, and a child that finds it taken ends at once.

use std::fs;
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::wire;

/// How often a pair of ports may turn out to be taken.
const ATTEMPTS: u32 = 100;

/// A running swtpm, killed when dropped.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    port: u16,
}

impl Process {
    /// Starts on that state directory, on that port and the next one, or on two that are free; it answers when this
    /// returns.
    pub(super) fn start(state: &Path, port: Option<u16>) -> Self {
        for _ in 0..ATTEMPTS {
            if let Some(process) = pair(port).and_then(|ports| Self::try_start(state, ports)) {
                return process;
            }
            thread::sleep(Duration::from_millis(20));
        }
        let log = fs::read_to_string(log(state)).unwrap_or_default();
        panic!("swtpm does not start, or finds no free ports: {log}")
    }

    fn try_start(state: &Path, (data, control): (TcpListener, TcpListener)) -> Option<Self> {
        let port = port_of(&data);
        drop(data);
        let mut command = Command::new("swtpm");
        command.args(["socket", "--tpm2", "--seccomp", "action=none", "--tpmstate"]);
        command.arg(format!("dir={}", state.display()));
        command.arg("--server").arg(format!("type=tcp,port={port},bindaddr=127.0.0.1"));
        command.args(["--ctrl", "type=tcp,fd=0", "--flags", "not-need-init,startup-clear"]);
        command.arg("--log").arg(format!("file={}", log(state).display()));
        command.stdin(OwnedFd::from(control)).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().expect("the lab needs swtpm: softhsm/packages.sh installs it");
        // with it goes our copy of the socket: where the child has ended, nobody listens
        drop(command);
        let mut process = Self { child, port };
        let answer = process.control("-g").output();
        let answer = answer.expect("the lab needs swtpm_ioctl: softhsm/packages.sh installs it");
        let ended = process.child.try_wait().expect("the child is ours");
        (answer.status.success() && ended.is_none()).then_some(process)
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// swtpm_ioctl with that verb.
    pub(super) fn control(&self, verb: &str) -> Command {
        let mut command = Command::new("swtpm_ioctl");
        command.arg("--tcp").arg(format!("127.0.0.1:{}", self.port + 1)).arg(verb);
        command
    }

    pub(super) fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.id()).ok().and_then(Pid::from_raw).expect("a process id");
        kill_process(id, signal).expect("a child that was not waited for is there");
    }

    /// Ends it as a machine is switched off: TPM2_Shutdown, without which a TPM takes the use of a protected key for a
    /// wrong password, then its own control channel. It is killed where it does not hear.
    pub(super) fn shut_down(mut self) {
        self.signal(Signal::CONT);
        let _ = self.say_shutdown();
        let heard = self.control("-s").output().is_ok_and(|output| output.status.success());
        if heard {
            self.child.wait().expect("the child is ours");
        }
    }

    fn say_shutdown(&self) -> io::Result<()> {
        let mut tpm = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
        // it may be busy with somebody who never goes
        tpm.set_read_timeout(Some(Duration::from_secs(2)))?;
        let state_clear = [0, 0];
        tpm.write_all(&wire::command(wire::code::SHUTDOWN, &[&state_clear]))?;
        wire::receive(&mut tpm).map(|_| ())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // both only fail where it has ended already
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Listeners on two ports, one after the other.
pub(super) fn pair(wanted: Option<u16>) -> Option<(TcpListener, TcpListener)> {
    let listen = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok();
    let first = listen(wanted.unwrap_or(0))?;
    let second = listen(port_of(&first).checked_add(1)?)?;
    Some((first, second))
}

pub(super) fn port_of(listener: &TcpListener) -> u16 {
    listener.local_addr().expect("a bound socket has an address").port()
}

fn log(state: &Path) -> PathBuf {
    state.with_file_name("swtpm.log")
}
