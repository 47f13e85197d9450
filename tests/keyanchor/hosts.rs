//! Device hosts that meet broken modules: each ends in an error in time, and none stays behind.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::golden::check;
use crate::lab::{Ended, Lab, fault, granted, install, lab, run};

/// The program and its host in this test's own folder, so that their processes can be told apart:
/// a host's environment is hidden from its own user.
pub(crate) fn own_programs(lab: &Lab) -> PathBuf {
    let folder = lab.safe.path().join("bin");
    std::fs::create_dir_all(&folder).unwrap();
    for program in [env!("CARGO_BIN_EXE_keyanchor"), env!("CARGO_BIN_EXE_keyanchor-pkcs11")] {
        let name = Path::new(program).file_name().unwrap();
        install(program, &folder.join(name));
    }
    folder.join("keyanchor")
}

/// Processes of this test's own programs.
pub(crate) fn left_behind(lab: &Lab) -> Vec<(PathBuf, String)> {
    let marker = lab.safe.path().display().to_string();
    let processes = std::fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    let lines = processes.filter_map(|process| {
        let line = std::fs::read_to_string(process.join("cmdline")).ok()?;
        line.starts_with(&marker).then_some((process, line))
    });
    lines.collect()
}

/// A module that never returns, and whose destructor waits for the call that hangs: an orderly exit
/// would never end.
const HANGS: &str = "C_Initialize * sleep forever\nunload * sleep forever";

fn with_fault(lab: &Lab, script: &str, options: &[&str]) -> (Ended, Duration) {
    let fault = fault(lab, script);
    let program = own_programs(lab);
    let mut command = lab.with_program(&program, "laptop");
    let start = Instant::now();
    command.args(options).arg("--pkcs11-lib").arg(fault.module());
    let ended = run(command.envs(fault.command_env()));
    (ended, start.elapsed())
}

#[test]
fn a_module_that_crashes_is_an_error_that_names_the_function() {
    let lab = lab();
    let (ended, _) = with_fault(&lab, "C_Initialize * segv", &[]);
    check("module-crashes", &lab, &ended);
    assert_eq!(left_behind(&lab), []);
}

#[test]
fn a_module_that_ends_the_process_is_an_error_that_names_the_function() {
    let lab = lab();
    let (ended, _) = with_fault(&lab, "C_Initialize * exit 3", &[]);
    check("module-ends-its-process", &lab, &ended);
}

#[test]
fn a_module_that_hangs_is_given_up_at_the_deadline_of_a_call() {
    let lab = lab();
    let (ended, time) = with_fault(&lab, HANGS, &[]);
    check("module-hangs", &lab, &ended);
    assert!((10..=12).contains(&time.as_secs()), "{time:?}");
    assert_eq!(left_behind(&lab), []);
}

#[test]
fn a_shorter_run_gives_a_hanging_module_up_earlier() {
    let lab = lab();
    let (ended, time) = with_fault(&lab, HANGS, &["--timeout", "1s"]);
    assert_eq!(ended.code, 6, "{}", ended.stderr);
    assert!(time < Duration::from_secs(3), "{time:?}");
}

#[test]
fn a_killed_front_leaves_no_host_behind() {
    let lab = lab();
    let fault = fault(&lab, HANGS);
    let mut front = std::process::Command::new(own_programs(&lab));
    front
        .arg("credential-process")
        .args(lab.server.arguments())
        .args(["--key", &lab.uri("laptop")]);
    front.arg("--certificate").arg(lab.hsm.chain("laptop")).arg("--pkcs11-lib").arg(fault.module());
    front
        .envs(fault.command_env())
        .env("KEYANCHOR_RUNTIME_DIR", lab.hsm.dir().join("run"))
        .envs(lab.hsm.command_env());
    let mut front = front.stdout(std::process::Stdio::null()).spawn().expect("front");
    let host = |lab: &Lab| {
        left_behind(lab).into_iter().find(|(_, line)| line.contains("keyanchor-pkcs11"))
    };
    wait_until(|| host(&lab).is_some());
    // PINs live there: no core file of it is ever written.
    wait_until(|| {
        let limits = host(&lab)
            .and_then(|(process, _)| std::fs::read_to_string(process.join("limits")).ok());
        let limits = limits.unwrap_or_default();
        limits.lines().any(|line| {
            line.starts_with("Max core file size") && line.split_whitespace().nth(4) == Some("0")
        })
    });
    front.kill().expect("kill");
    front.wait().expect("wait");
    let start = Instant::now();
    wait_until(|| left_behind(&lab).is_empty());
    assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
}

pub(crate) fn wait_until(condition: impl Fn() -> bool) {
    let until = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < until, "waited in vain");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn many_runs_at_once_share_one_token() {
    let lab = lab();
    let ended: Vec<_> = std::thread::scope(|scope| {
        let runs: Vec<_> =
            (0..12).map(|_| scope.spawn(|| run(&mut lab.with_key("laptop")))).collect();
        runs.into_iter().map(|run| run.join().expect("run")).collect()
    });
    for ended in ended {
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    }
    assert_eq!(lab.server.requests().len(), 12);
    assert_eq!(left_behind(&lab), []);
}

#[test]
fn a_host_of_another_build_or_none_is_said() {
    let lab = lab();
    let folder = lab.safe.path().join("bin");
    std::fs::create_dir(&folder).unwrap();
    install(env!("CARGO_BIN_EXE_keyanchor"), &folder.join("keyanchor"));
    let alone = |lab: &Lab| run(&mut lab.with_program(&folder.join("keyanchor"), "laptop"));
    check("host-not-installed", &lab, &alone(&lab));
    let host = folder.join("keyanchor-pkcs11");
    let hello = r#"m{"Hello":{"version":"0.0.0-old"}}"#;
    let length = format!(r"\000\000\000\{:03o}", hello.len());
    let script = format!("#!/bin/sh\nprintf '{length}{hello}'\nread _\n");
    install(lab.write("host.sh", &script), &host);
    check("host-of-another-version", &lab, &alone(&lab));
}

#[test]
fn a_host_in_libexec_is_found() {
    let lab = lab();
    let (bin, libexec) = (lab.safe.path().join("bin"), lab.safe.path().join("libexec/keyanchor"));
    std::fs::create_dir(&bin).unwrap();
    std::fs::create_dir_all(&libexec).unwrap();
    install(env!("CARGO_BIN_EXE_keyanchor"), &bin.join("keyanchor"));
    install(env!("CARGO_BIN_EXE_keyanchor-pkcs11"), &libexec.join("keyanchor-pkcs11"));
    let mut command = std::process::Command::new(bin.join("keyanchor"));
    command
        .arg("credential-process")
        .args(lab.server.arguments())
        .args(["--key", &lab.uri("laptop")]);
    command.arg("--certificate").arg(lab.hsm.chain("laptop"));
    command.arg("--pkcs11-lib").arg(hsm_test::softhsm::SoftHsm::module());
    granted(
        command.env("KEYANCHOR_RUNTIME_DIR", lab.hsm.dir().join("run")).envs(lab.hsm.command_env()),
    );
}
