//! What others see of our processes, and what those that we start see of us.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use crate::hosts::{left_behind, own_programs, wait_until};
use crate::lab::{Lab, bare, fault, granted, lab, under};

/// A user that nobody else is; a capability opens the files of the test, which are root's.
fn as_another(command: &Command) -> Option<Command> {
    if !rustix::process::geteuid().is_root() {
        assert_ne!(std::env::var("LAB").as_deref(), Ok("require"), "the lab is not root");
        eprintln!("SKIPPED: to become another user the lab must be root");
        return None;
    }
    Some(under(command, &ANOTHER))
}

const ANOTHER: [&str; 8] = [
    "setpriv",
    "--reuid",
    "1483650001",
    "--clear-groups",
    "--inh-caps",
    "+dac_override",
    "--ambient-caps",
    "+dac_override",
];

/// What gdb says who is the same user with the same capabilities.
fn attached(process: u32) -> String {
    let process = process.to_string();
    let words = ["gdb", "--batch", "-nx", "--readnever", "-p", &process, "-ex", "info proc"];
    let output = Command::new(ANOTHER[0]).args(&ANOTHER[1..]).args(words).output().expect("gdb");
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

/// A run of another user whose host hangs in its module, ended when dropped.
struct Running {
    front: Child,
    host: PathBuf,
}

impl Running {
    fn start(lab: &Lab) -> Option<Self> {
        let fault = fault(lab, "C_GetSlotList 1 sleep forever");
        let mut command = lab.with_program(&own_programs(lab), "laptop");
        command.args(["--timeout", "60s"]).arg("--pkcs11-lib").arg(fault.module());
        command.env("KEYANCHOR_RUNTIME_DIR", lab.hsm.dir().join("another"));
        let mut command = bare(&as_another(&command)?);
        let front = command.spawn().expect("it starts");
        wait_until(|| fault.calls("C_GetSlotList") == 1);
        let mut running = left_behind(lab).into_iter();
        let host = running.find(|(_, line)| line.contains("keyanchor-pkcs11"));
        Some(Self { front, host: host.expect("a host").0 })
    }

    fn processes(&self) -> [u32; 2] {
        let host = self.host.file_name().and_then(|name| name.to_str()).expect("a number");
        [self.front.id(), host.parse().expect("a number")]
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.front.kill().and_then(|()| self.front.wait());
    }
}

#[test]
fn no_process_of_the_same_user_looks_into_ours() {
    let lab = lab();
    let Some(running) = Running::start(&lab) else { return };
    for process in running.processes() {
        let said = attached(process);
        assert!(said.contains("Operation not permitted"), "{process}: {said}");
    }
    let mut other = bare(&as_another(under_setsid().args(["sleep", "60"])).expect("root"));
    let mut other = other.spawn().expect("sleep");
    wait_until(|| is_program(other.id(), "sleep"));
    let said = attached(other.id());
    other.kill().and_then(|()| other.wait()).expect("sleep");
    assert!(said.contains("process ") && !said.contains("not permitted"), "{said}");
}

fn under_setsid() -> Command {
    let mut command = Command::new("setsid");
    command.arg("--wait").env("PATH", "/usr/bin:/bin");
    command
}

fn is_program(process: u32, name: &str) -> bool {
    let comm = fs::read_to_string(format!("/proc/{process}/comm")).unwrap_or_default();
    comm.trim() == name
}

#[test]
fn no_core_file_is_written_of_any_of_our_processes() {
    let lab = lab();
    let Some(running) = Running::start(&lab) else { return };
    for process in running.processes() {
        let limits = fs::read_to_string(format!("/proc/{process}/limits")).expect("limits");
        let core = limits.lines().find_map(|line| line.strip_prefix("Max core file size"));
        let values: Vec<_> = core.expect("a limit").split_whitespace().take(2).collect();
        assert_eq!(values, ["0", "0"], "{process}");
        let status = fs::read_to_string(format!("/proc/{process}/status")).expect("status");
        assert!(status.contains("\nUmask:\t0077\n"), "{status}");
    }
}

/// A program that notes what it has open, and then is another one.
fn noting(lab: &Lab, then: &str) -> (PathBuf, PathBuf) {
    let (program, seen) = (lab.safe.path().join("noting"), lab.safe.path().join("open"));
    let script = format!("#!/bin/sh\nls -l /proc/self/fd >'{}'\nexec {then}\n", seen.display());
    fs::write(&program, script).expect("script");
    crate::lab::tool("chmod", &["700".as_ref(), program.as_os_str()]);
    (program, seen)
}

/// The numbers of what it had open, one of which is the folder that `ls` reads.
fn open_in(seen: &Path) -> Vec<String> {
    let seen = fs::read_to_string(seen).expect("the program ran");
    let lines = seen.lines().filter_map(|line| line.split_once(" -> "));
    lines.filter_map(|(line, _)| line.rsplit(' ').next().map(str::to_owned)).collect()
}

#[test]
fn a_program_that_a_host_starts_has_none_of_its_files() {
    for sandbox in [&[][..], &["--no-sandbox"]] {
        let lab = lab();
        let (program, seen) = noting(&lab, &format!("cat '{}'", lab.hsm.pin_file().display()));
        // Whoever runs the tests may have left some open.
        let by_itself = Command::new(&program).stdin(std::process::Stdio::null()).output();
        assert!(by_itself.expect("it starts").status.success());
        let by_itself = open_in(&seen);
        let mut command = lab.credential_process();
        command.args(["--key", "pkcs11:token=lab;object=laptop"]).arg("--certificate");
        command.arg(lab.hsm.chain("laptop")).args(sandbox);
        granted(command.arg("--pin-command").arg(&program));
        assert_eq!(open_in(&seen), by_itself);
        assert!(by_itself.len() >= 4, "{by_itself:?}");
    }
}
