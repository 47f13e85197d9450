//! Device hosts that meet broken modules: each ends in an error in time, and none stays behind.

use std::time::{Duration, Instant};

use crate::golden::check;
use crate::lab::{Ended, Lab, faulty_module, granted, lab, run};

/// Processes whose environment carries this test's own folder.
fn left_behind(lab: &Lab) -> Vec<String> {
    let marker = lab.hsm.dir().display().to_string();
    let processes = std::fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    let ours = processes.filter(|process| {
        let environment = std::fs::read(process.join("environ")).unwrap_or_default();
        String::from_utf8_lossy(&environment).contains(&marker)
    });
    ours.map(|process| std::fs::read_to_string(process.join("cmdline")).unwrap_or_default())
        .collect()
}

fn with_module(lab: &Lab, fault: &str, options: &[&str]) -> (Ended, Duration) {
    let module = faulty_module(lab.hsm.dir(), fault);
    let start = Instant::now();
    let ended = run(lab.with_key("laptop").args(options).arg("--pkcs11-lib").arg(module));
    (ended, start.elapsed())
}

#[test]
fn a_module_that_crashes_is_an_error_that_names_the_function() {
    let lab = lab();
    let (ended, _) = with_module(&lab, "CRASH", &[]);
    check("module-crashes", &lab, &ended);
    assert_eq!(left_behind(&lab), Vec::<String>::new());
}

#[test]
fn a_module_that_ends_the_process_is_an_error_that_names_the_function() {
    let lab = lab();
    let (ended, _) = with_module(&lab, "EXIT", &[]);
    check("module-ends-its-process", &lab, &ended);
}

#[test]
fn a_module_that_hangs_is_given_up_at_the_deadline_of_a_call() {
    let lab = lab();
    let (ended, time) = with_module(&lab, "HANG", &[]);
    check("module-hangs", &lab, &ended);
    assert!((10..=12).contains(&time.as_secs()), "{time:?}");
    assert_eq!(left_behind(&lab), Vec::<String>::new());
}

#[test]
fn a_shorter_run_gives_a_hanging_module_up_earlier() {
    let lab = lab();
    let (ended, time) = with_module(&lab, "HANG", &["--timeout", "1s"]);
    assert_eq!(ended.code, 6, "{}", ended.stderr);
    assert!(time < Duration::from_secs(3), "{time:?}");
}

#[test]
fn a_killed_front_leaves_no_host_behind() {
    let lab = lab();
    let module = faulty_module(lab.hsm.dir(), "HANG");
    let mut front = std::process::Command::new(env!("CARGO_BIN_EXE_keyanchor"));
    front
        .arg("credential-process")
        .args(lab.server.arguments())
        .args(["--key", &lab.uri("laptop")]);
    front.arg("--certificate").arg(lab.hsm.chain("laptop")).arg("--pkcs11-lib").arg(module);
    front.env("KEYANCHOR_RUNTIME_DIR", lab.hsm.dir().join("run")).envs(lab.hsm.command_env());
    let mut front = front.stdout(std::process::Stdio::null()).spawn().expect("front");
    wait_until(|| left_behind(&lab).iter().any(|line| line.contains("keyanchor-pkcs11")));
    front.kill().expect("kill");
    front.wait().expect("wait");
    let start = Instant::now();
    wait_until(|| left_behind(&lab).is_empty());
    assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
}

fn wait_until(condition: impl Fn() -> bool) {
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
    assert_eq!(left_behind(&lab), Vec::<String>::new());
}

#[test]
fn a_host_of_another_build_or_none_is_said() {
    let lab = lab();
    let folder = lab.hsm.dir().join("bin");
    std::fs::create_dir(&folder).unwrap();
    std::fs::copy(env!("CARGO_BIN_EXE_keyanchor"), folder.join("keyanchor")).unwrap();
    let alone = |lab: &Lab| {
        let mut command = lab.with_key("laptop");
        let arguments: Vec<_> = command.get_args().skip(2).map(ToOwned::to_owned).collect();
        let environment: Vec<_> =
            command.get_envs().map(|(n, v)| (n.to_owned(), v.map(ToOwned::to_owned))).collect();
        command = std::process::Command::new("setsid");
        command.arg("--wait").arg(folder.join("keyanchor")).args(arguments).env_clear();
        command.envs(environment.into_iter().filter_map(|(name, value)| Some((name, value?))));
        run(&mut command)
    };
    check("host-not-installed", &lab, &alone(&lab));
    use std::os::unix::fs::PermissionsExt;
    let host = folder.join("keyanchor-pkcs11");
    let hello = r#"m{"Hello":{"version":"0.0.0-old"}}"#;
    let length = format!(r"\000\000\000\{:03o}", hello.len());
    let script = format!("#!/bin/sh\nprintf '{length}{hello}'\nread _\n");
    std::fs::write(&host, script).unwrap();
    std::fs::set_permissions(&host, std::fs::Permissions::from_mode(0o755)).unwrap();
    check("host-of-another-version", &lab, &alone(&lab));
}

#[test]
fn a_host_in_libexec_is_found() {
    let lab = lab();
    let (bin, libexec) = (lab.hsm.dir().join("bin"), lab.hsm.dir().join("libexec/keyanchor"));
    std::fs::create_dir(&bin).unwrap();
    std::fs::create_dir_all(&libexec).unwrap();
    std::fs::copy(env!("CARGO_BIN_EXE_keyanchor"), bin.join("keyanchor")).unwrap();
    std::fs::copy(env!("CARGO_BIN_EXE_keyanchor-pkcs11"), libexec.join("keyanchor-pkcs11"))
        .unwrap();
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
