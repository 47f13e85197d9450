//! The programs of the user are started by a process of its own: no task of a device host is outside its
//! sandbox, whoever asks, and a module that makes every other task of its process work for it gains nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use hsm_test::fault::Fault;
use hsm_test::pinentry::{Answer, Pinentry};
use hsm_test::piv::Template as Slot;
use hsm_test::softhsm::SoftHsm;
use hsm_test::terminal::Terminal;

use crate::hosts::wait_until;
use crate::lab::{Lab, bare, fault, granted, install, lab};
use crate::{piv, tpm};

/// Puts a way to be asked into a command; its program, where it is one, answers nothing.
type Way = fn(&mut Command, &Path);

const WAYS: [(&str, Way); 4] = [
    ("pinentry", |command, program| {
        command.env("KEYANCHOR_PINENTRY", program);
    }),
    ("askpass", |command, program| {
        command.env("SSH_ASKPASS", program).env("SSH_ASKPASS_REQUIRE", "force");
    }),
    ("desktop", |command, program| {
        command.env("DISPLAY", ":99").env("SSH_ASKPASS", program);
        command.env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/no/such");
    }),
    ("pin-command", |command, program| {
        command.arg("--pin-command").arg(program);
    }),
];

/// A run that is ended when it is dropped.
struct Running(Child);

impl Running {
    fn start(command: &Command) -> Self {
        Self(bare(command).spawn().expect("it starts"))
    }

    /// The processes below the main program: device hosts, and those that start programs.
    fn below(&self) -> Vec<PathBuf> {
        below(self.0.id())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill().and_then(|()| self.0.wait());
    }
}

/// By `PPid` of proc_pid_status(5).
fn below(parent: u32) -> Vec<PathBuf> {
    let processes = fs::read_dir("/proc").expect("/proc").flatten().map(|entry| entry.path());
    let all: Vec<_> =
        processes.filter_map(|process| Some((field(&process, "PPid:")?, process))).collect();
    let (mut found, mut parents) = (Vec::new(), vec![parent.to_string()]);
    while let Some(parent) = parents.pop() {
        for (_, process) in all.iter().filter(|(id, _)| *id == parent) {
            parents.push(process.file_name().expect("a number").to_string_lossy().into_owned());
            found.push(process.clone());
        }
    }
    found
}

fn field(process: &Path, name: &str) -> Option<String> {
    let status = fs::read_to_string(process.join("status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.trim().to_owned())
}

/// The first words of its command line.
fn words(process: &Path) -> Vec<String> {
    let line = fs::read(process.join("cmdline")).unwrap_or_default();
    line.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect()
}

fn is_spawner(process: &Path) -> bool {
    words(process).get(1).is_some_and(|word| word == "start-programs")
}

fn is_host(process: &Path) -> bool {
    let name = words(process).first().cloned().unwrap_or_default();
    name.contains("/keyanchor-") && !is_spawner(process)
}

/// `Seccomp` and `NoNewPrivs` of each task.
fn tasks(process: &Path) -> Vec<[String; 2]> {
    let tasks = fs::read_dir(process.join("task")).expect("tasks").flatten();
    let line = |task: &Path, name| field(task, name).unwrap_or_default();
    tasks.map(|task| ["Seccomp:", "NoNewPrivs:"].map(|name| line(&task.path(), name))).collect()
}

/// Waits until somebody is asked, and looks at every task of the host that asks: the one whose child starts the
/// program. (Others, which look for a token meanwhile, may have just begun.)
fn all_are_inside(what: &str, running: &Running, asked: impl Fn() -> bool) {
    wait_until(asked);
    let below = running.below();
    let spawners = below.iter().filter(|it| is_spawner(it)).filter_map(|it| field(it, "PPid:"));
    let asking: Vec<_> = spawners.map(|id| Path::new("/proc").join(id)).collect();
    assert!(!asking.is_empty() && asking.iter().all(|it| is_host(it)), "{what}: {asking:?}");
    for host in asking {
        for task in tasks(&host) {
            assert_ne!(task[0], "0", "{what}: a task of {:?} is outside", words(&host));
            assert_eq!(task[1], "1", "{what}: {:?}", words(&host));
        }
        assert!(tasks(&host).len() >= 2, "{what}: with the one that watches for the end");
    }
}

/// A program that is asked and does not answer, and the file that is there once it was started.
fn silent(folder: &Path) -> (PathBuf, PathBuf) {
    let (program, started) = (folder.join("silent"), folder.join("started"));
    let script = format!("#!/bin/sh\n: >'{}'\nexec sleep 60\n", started.display());
    fs::write(folder.join("silent.sh"), script).expect("script");
    install(folder.join("silent.sh"), &program);
    (program, started)
}

/// For a kind of device: each way to ask, by a run of `command`.
fn whoever_asks(kind: &str, folder: &Path, command: impl Fn() -> Command) {
    let (program, started) = silent(folder);
    for (name, way) in WAYS {
        let _ = fs::remove_file(&started);
        let mut command = command();
        way(&mut command, &program);
        let running = Running::start(command.args(["--timeout", "60s"]));
        all_are_inside(&format!("{kind}, {name}"), &running, || started.exists());
    }
    let mut terminal = Terminal::open();
    let process = terminal.start(&bare(&command())).leader();
    terminal.wait_for(" for ").wait_for(": ");
    let hosts: Vec<_> = below(process).into_iter().filter(|it| is_host(it)).collect();
    assert!(hosts.iter().flat_map(|host| tasks(host)).all(|task| task[0] != "0"), "{kind}");
    assert!(!hosts.is_empty() && !hosts.iter().any(|it| is_spawner(it)), "{kind}");
    terminal.type_in("\x03");
    terminal.finish();
}

#[test]
fn no_task_of_a_host_for_pkcs11_is_outside_its_sandbox_whoever_asks() {
    let lab = lab();
    whoever_asks("pkcs11", lab.safe.path(), || {
        let mut command = lab.credential_process();
        command.args(["--key", "pkcs11:token=lab;object=laptop", "--certificate"]);
        command.arg(lab.hsm.chain("laptop"));
        command
    });
}

#[test]
fn no_task_of_a_host_for_a_tpm_is_outside_its_sandbox_whoever_asks() {
    let (lab, safe) = (tpm::lab(), crate::lab::lab().safe);
    let (_, chain) = lab.persistent(tpm::runs::NO_DA);
    whoever_asks("tpm", safe.path(), || lab.with(tpm::runs::BY_HANDLE, &chain));
}

#[test]
fn no_task_of_a_host_for_a_card_is_outside_its_sandbox_whoever_asks() {
    let (lab, safe) = (piv::with_key(Slot::P256), crate::lab::lab().safe);
    whoever_asks("piv", safe.path(), || lab.with("piv:slot=9a"));
}

/// A host that asks for a token to be put in has nothing open, and is inside all the same.
#[test]
fn a_host_that_asks_for_a_token_is_inside_too() {
    let lab = lab();
    let (program, started) = silent(lab.safe.path());
    let mut command = lab.credential_process();
    command.args(["--key", "pkcs11:token=another;object=laptop", "--wait", "60s"]);
    command.arg("--certificate").arg(lab.hsm.chain("laptop"));
    command.env("KEYANCHOR_PINENTRY", program);
    let running = Running::start(&command);
    all_are_inside("insert", &running, || started.exists());
}

/// A secret in the user's home, and a module that sends all other tasks of its process a signal whose
/// handler reads it.
fn rousing(lab: &Lab) -> (Fault, String) {
    let rouse = format!("rouse {}", lab.write("id_ed25519", "not for modules").display());
    (fault(lab, &format!("C_OpenSession 1 {rouse}")), rouse)
}

#[test]
fn a_module_that_makes_other_tasks_of_its_host_act_for_it_reaches_no_file() {
    for (options, outcome) in [(&["--debug"][..], 13), (&["--no-sandbox"], 0)] {
        let lab = lab();
        let (fault, rouse) = rousing(&lab);
        let pinentry = Pinentry::new(lab.safe.path(), &[Answer::Pin(SoftHsm::PIN)]);
        let mut command = lab.with_key("laptop");
        command.arg("--pkcs11-lib").arg(fault.module()).args(options);
        command.env("KEYANCHOR_PINENTRY", pinentry.program());
        assert_eq!(crate::lab::run(&mut command).code, 0);
        assert_eq!(fault.outcome(&rouse), outcome, "{options:?}");
    }
}

#[test]
fn what_starts_programs_ends_with_its_host() {
    let lab = lab();
    let (program, started) = silent(lab.safe.path());
    let mut command = lab.credential_process();
    command.args(["--key", "pkcs11:token=lab;object=laptop", "--certificate"]);
    command.arg(lab.hsm.chain("laptop")).env("KEYANCHOR_PINENTRY", &program);
    let running = Running::start(&command);
    wait_until(|| started.exists());
    let below = running.below();
    let host = below.iter().find(|it| is_host(it)).expect("a host");
    let others: Vec<_> = below.iter().filter(|it| it != &host).collect();
    assert!(others.len() >= 2, "the one that starts programs, and the program");
    let host = host.file_name().and_then(|name| name.to_str()?.parse().ok()).expect("a number");
    let host = rustix::process::Pid::from_raw(host).expect("a process");
    rustix::process::kill_process(host, rustix::process::Signal::KILL).expect("it runs");
    wait_until(|| {
        others.iter().all(|it| field(it, "State:").is_none_or(|state| state.starts_with('Z')))
    });
}

#[test]
fn where_no_program_may_be_wanted_no_process_is_started_for_them() {
    let lab = lab();
    let fault = fault(&lab, "C_GetSlotList 1 sleep forever");
    let mut command = lab.with_key("laptop");
    command.arg("--pkcs11-lib").arg(fault.module()).args(["--timeout", "60s"]);
    let running = Running::start(&command);
    wait_until(|| fault.calls("C_GetSlotList") == 1);
    let below = running.below();
    assert!(below.iter().any(|it| is_host(it)) && !below.iter().any(|it| is_spawner(it)));
    granted(&mut lab.with_key("laptop"));
}
