//! A module that does what none should, in the sandbox of a host and without one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use hsm_test::fault::Fault;
use nix::libc;

use crate::golden::check;
use crate::hosts::{left_behind, own_programs, wait_until};
use crate::lab::{Lab, bare, fault, granted, lab, run};

/// EACCES
const REFUSED: i32 = 13;

/// A secret in the home of the user, a place for a file, and a module that wants both and more.
fn curious(lab: &Lab) -> (Fault, [String; 3]) {
    let home = lab.hsm.dir().display();
    let secret = lab.write("id_ed25519", "not for modules");
    let (read, write) = (format!("read {}", secret.display()), format!("write {home}/dropped"));
    let call = format!("call {}", libc::SYS_io_uring_setup);
    let fault = fault(
        lab,
        &format!(
            "C_GetSlotList 1 connect\nC_OpenSession 1 {read}\nC_FindObjectsInit 1 {write}\nC_SignInit 1 {call}"
        ),
    );
    (fault, ["connect".to_owned(), read, write])
}

fn journey(lab: &Lab, fault: &Fault) -> Command {
    let mut command = lab.with_key("laptop");
    command.arg("--pkcs11-lib").arg(fault.module());
    command
}

#[test]
fn a_module_reaches_neither_the_network_nor_the_files_of_its_user() {
    let lab = lab();
    let (fault, attempts) = curious(&lab);
    granted(&mut journey(&lab, &fault));
    for attempt in &attempts {
        assert_eq!(fault.outcome(attempt), REFUSED, "{attempt}");
    }
    assert_eq!(fault.outcome(&format!("call {}", libc::SYS_io_uring_setup)), REFUSED);
    assert!(!lab.hsm.dir().join("dropped").exists());
}

/// What is kept for the next run lies beside what a host keeps.
#[test]
fn a_module_cannot_read_the_credentials_that_are_kept() {
    let lab = lab();
    granted(lab.with_key("laptop").env_remove("KEYANCHOR_CACHE"));
    let kept = fs::read_dir(lab.hsm.dir().join("run/cache")).expect("cache").flatten();
    let entry = kept.map(|file| file.path()).find(|path| path.extension() == Some("json".as_ref()));
    let read = format!("read {}", entry.expect("an entry").display());
    for (option, outcome) in [("--debug", REFUSED), ("--no-sandbox", 0)] {
        let fault = fault(&lab, &format!("C_OpenSession 1 {read}"));
        assert_eq!(run(journey(&lab, &fault).arg(option)).code, 0);
        assert_eq!(fault.outcome(&read), outcome, "{option}");
    }
}

#[test]
fn without_a_sandbox_a_module_may_do_what_its_user_may() {
    for off in ["--no-sandbox", "KEYANCHOR_SANDBOX=off"] {
        let lab = lab();
        let (fault, attempts) = curious(&lab);
        let mut journey = journey(&lab, &fault);
        match off.split_once('=') {
            Some((name, value)) => journey.env(name, value),
            None => journey.arg(off),
        };
        granted(&mut journey);
        for attempt in &attempts {
            assert_eq!(fault.outcome(attempt), 0, "{off}: {attempt}");
        }
    }
}

#[test]
fn a_folder_that_is_named_is_left_open() {
    let lab = lab();
    let (fault, [connect, read, write]) = curious(&lab);
    let folders = std::env::join_paths([lab.safe.path(), lab.hsm.dir()]).expect("folders");
    granted(journey(&lab, &fault).env("KEYANCHOR_SANDBOX", folders));
    assert_eq!([read, write].map(|attempt| fault.outcome(&attempt)), [0, 0]);
    assert_eq!(fault.outcome(&connect), REFUSED);
}

#[test]
fn a_folder_that_is_no_path_is_refused() {
    let lab = lab();
    let ended = run(lab.with_key("laptop").env("KEYANCHOR_SANDBOX", "/srv/hsm:hsm"));
    check("sandbox-that-is-no-path", &lab, &ended);
}

#[test]
fn only_an_error_that_the_sandbox_may_be_the_reason_of_speaks_of_it() {
    let lab = lab();
    let fault = fault(&lab, "C_Initialize * segv");
    let ended = run(journey(&lab, &fault).arg("--no-sandbox"));
    assert_eq!(ended.code, 3);
    assert!(!ended.stderr.contains("--no-sandbox"), "{}", ended.stderr);
    let wrong_key = run(&mut lab.with_key("nobody"));
    assert!(!wrong_key.stderr.contains("--no-sandbox"), "{}", wrong_key.stderr);
}

/// A line of each thread of a host that hangs in its module (proc_pid_status(5)).
fn threads(lab: &Lab, options: &[&str], name: &str) -> Vec<String> {
    let fault = fault(lab, "C_GetSlotList 1 sleep forever");
    let program = own_programs(lab);
    let mut command = bare(&lab.with_program(&program, "laptop"));
    command.args(options).arg("--pkcs11-lib").arg(fault.module());
    let mut front = command.spawn().expect("it starts");
    wait_until(|| fault.calls("C_GetSlotList") == 1);
    let (host, _) = left_behind(lab)
        .into_iter()
        .find(|(_, line)| line.contains("keyanchor-pkcs11"))
        .expect("a host");
    let threads = fs::read_dir(host.join("task")).expect("threads").flatten();
    let lines = threads.map(|thread| line_of(&thread.path(), name)).collect();
    front.kill().and_then(|()| front.wait()).expect("it waits for the host");
    lines
}

fn line_of(thread: &Path, name: &str) -> String {
    let status = fs::read_to_string(thread.join("status")).expect("status");
    let line = status.lines().find_map(|line| line.strip_prefix(name)).expect(name);
    line.trim().to_owned()
}

#[test]
fn a_host_has_no_thread_outside_where_no_program_is_wanted() {
    let options = ["--no-prompt", "--timeout", "60s"];
    for name in ["Seccomp:", "NoNewPrivs:"] {
        let inside = if name == "Seccomp:" { "2" } else { "1" };
        let lines = threads(&lab(), &options, name);
        assert!(lines.len() >= 2 && lines.iter().all(|line| line == inside), "{name} {lines:?}");
    }
}

#[test]
fn a_host_without_a_sandbox_is_as_it_was() {
    let options = ["--no-sandbox", "--no-prompt", "--timeout", "60s"];
    assert!(threads(&lab(), &options, "NoNewPrivs:").iter().all(|line| line == "0"));
}

/// A program that knows the PIN by way of the network and of a file of its own.
fn program_of_the_user(lab: &Lab) -> PathBuf {
    let (port, pin) = (lab.server.url(), lab.hsm.pin_file());
    let port = port.rsplit(':').next().expect("a port");
    let script = lab.safe.path().join("pin");
    let lines = format!(
        "#!/bin/bash\ngrep -q 'NoNewPrivs:.0' /proc/self/status || exit 7\n\
         exec 3<>/dev/tcp/127.0.0.1/{port} || exit 8\ncat '{}'\n",
        pin.display()
    );
    fs::write(&script, lines).expect("script");
    crate::lab::tool("chmod", &["700".as_ref(), script.as_os_str()]);
    script
}

#[test]
fn a_program_that_gives_the_pin_may_do_what_its_host_may_not() {
    let lab = lab();
    let (fault, attempts) = curious(&lab);
    let program = program_of_the_user(&lab);
    let mut command = lab.credential_process();
    command.args(["--key", "pkcs11:token=lab;object=laptop"]).arg("--certificate");
    command.arg(lab.hsm.chain("laptop")).arg("--pkcs11-lib").arg(fault.module());
    command.arg("--pin-command").arg(program);
    granted(&mut command);
    for attempt in &attempts {
        assert_eq!(fault.outcome(attempt), REFUSED, "{attempt}");
    }
}
