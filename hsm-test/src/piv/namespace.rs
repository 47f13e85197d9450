//! Namespaces of mounts and of network, where a pcscd and its cards are alone: the path of its socket is compiled in,
//! and vpcd listens on all addresses. A process keeps them, and ends the pcscd if nobody else does.

use std::ffi::OsStr;
use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::geteuid;

use super::wait;

/// Becomes ready, and waits until its standard input ends, as it does when the lab's process is killed.
const KEEP: &str = r#"ip link set lo up && mount --bind "$1" /run && echo ready && exec 2>/dev/null
read -r _; kill -KILL "$(cat /run/pcscd/pcscd.pid)""#;

/// The namespaces; dropping it ends what keeps them.
#[derive(Debug)]
pub(super) struct Namespace {
    keeper: Child,
}

impl Namespace {
    /// Namespaces in which `run` is at `/run`.
    pub(super) fn new(run: &Path) -> Self {
        let mut unshare = Command::new("unshare");
        unshare.args(if geteuid().is_root() { &[][..] } else { &["--map-root-user"] });
        unshare.args(["--mount", "--net", "sh", "-c", KEEP, "sh"]).arg(run);
        unshare.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let spawned = unshare.spawn();
        let mut keeper =
            spawned.expect("the lab needs unshare: apt-get install util-linux iproute2");
        let mut ready = [0; 6];
        let stdout = keeper.stdout.as_mut().expect("it is a pipe");
        if stdout.read_exact(&mut ready).is_err() {
            let output = keeper.wait_with_output().expect("the child is ours");
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            panic!("the lab needs root, or user namespaces, for a pcscd of its own: {said}");
        }
        Self { keeper }
    }

    /// A program in there. It becomes the child itself, with the child's process id.
    pub(super) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.keeper.id().to_string(), "--mount", "--net"]);
        if !geteuid().is_root() {
            command.args(["--user", "--preserve-credentials"]);
        }
        command.arg(program);
        command
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        wait::until_ended(&mut self.keeper);
    }
}
