//! Processes that are killed, as the system does it where memory is short: the others say so, and what
//! was being written is as it was or as it should be.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;

use hsm_test::softhsm::SoftHsm;
use rustix::process::{Pid, Signal, kill_process};

use crate::golden::check;
use crate::hosts::{left_behind, own_programs, wait_until};
use crate::lab::{Lab, ended, fault, granted, install, lab, run};

#[test]
fn a_host_that_is_killed_while_it_signs_is_said() {
    let lab = lab();
    let fault = fault(&lab, "C_Sign 1 sleep forever");
    let mut front = lab.with_program(&own_programs(&lab), "laptop");
    front.arg("--pkcs11-lib").arg(fault.module()).envs(fault.command_env());
    let front = front.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    wait_until(|| fault.calls("C_Sign") == 1);
    let host = left_behind(&lab).into_iter().find(|(_, line)| line.contains("keyanchor-pkcs11"));
    let id = host.and_then(|(process, _)| process.file_name()?.to_str()?.parse().ok());
    kill_process(id.and_then(Pid::from_raw).expect("a host"), Signal::KILL).expect("it runs");
    check(
        "host-is-killed-while-it-signs",
        &lab,
        &ended(&front.wait_with_output().expect("a child")),
    );
    assert_eq!(left_behind(&lab), []);
}

/// The program with a host that leaves a log of its system calls on files, and dies at one of them: the
/// how many-th of that name.
fn dies_at(lab: &Lab, (call, number): &(String, usize)) -> PathBuf {
    let program = own_programs(lab);
    let (host, real) = (program.with_file_name("keyanchor-pkcs11"), program.with_file_name("real"));
    install(&host, &real);
    let script = format!(
        "#!/bin/sh\nexec strace -o '{}' -e trace=openat,write,fsync,rename \
         -e inject={call}:signal=KILL:when={number} '{}' \"$@\"\n",
        log(lab).display(),
        real.display()
    );
    install(lab.write("host.sh", &script), &host);
    program
}

fn log(lab: &Lab) -> PathBuf {
    lab.safe.path().join("strace.log")
}

/// Each system call by which a refused PIN is written down, of a host that nobody kills.
fn calls_that_write(lab: &Lab) -> Vec<(String, usize)> {
    run(&mut lab.with_program(&dies_at(lab, &("fsync".into(), 9999)), "laptop"));
    let log = std::fs::read_to_string(log(lab)).expect("strace ran");
    let mut counted = BTreeMap::<&str, usize>::new();
    let calls = log.lines().filter_map(|line| line.split_once('(').map(|(call, _)| (call, line)));
    let calls: Vec<_> = calls
        .map(|(call, line)| {
            let number = counted.entry(call).and_modify(|count| *count += 1).or_insert(1);
            (call.to_owned(), *number, line.contains(".tmp"))
        })
        .collect();
    let writes = |(.., unfinished): &(String, usize, bool)| *unfinished;
    let (first, last) = (calls.iter().position(writes), calls.iter().rposition(writes));
    let path = first.expect("it was written")..=last.expect("and renamed");
    calls[path].iter().map(|(call, number, _)| (call.clone(), *number)).collect()
}

/// What remembers refused PINs, and what was not finished of it.
fn records(lab: &Lab) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let files = std::fs::read_dir(lab.hsm.dir().join("run/hosts")).into_iter().flatten().flatten();
    let files = files.map(|file| file.path());
    let files = files.filter(|file| file.to_string_lossy().contains("/refused-"));
    files.partition(|file| file.extension().is_some_and(|end| end == "json"))
}

#[test]
fn a_refused_pin_is_written_down_or_not_whenever_its_host_is_killed() {
    let lab = lab();
    std::fs::write(lab.hsm.pin_file(), "731946").expect("a wrong PIN");
    let calls = calls_that_write(&lab);
    for name in ["openat", "write", "fsync", "rename"] {
        assert!(calls.iter().any(|(call, _)| call == name), "{name} is one of {calls:?}");
    }
    for at in calls {
        let (whole, unfinished) = records(&lab);
        whole.iter().chain(&unfinished).for_each(|file| std::fs::remove_file(file).expect("ours"));
        let killed = run(&mut lab.with_program(&dies_at(&lab, &at), "laptop"));
        assert_eq!(killed.code, 3, "{at:?}: {}", killed.stderr);
        assert!(records(&lab).1.len() <= 1, "{at:?}: {:?}", records(&lab));
        // What was left is neither in the way nor there any longer.
        let next = run(&mut lab.with_key("laptop"));
        assert_eq!(next.code, 4, "{at:?}: {}", next.stderr);
        assert_eq!((records(&lab).0.len(), records(&lab).1), (1, vec![]), "{at:?}");
    }
    std::fs::write(lab.hsm.pin_file(), SoftHsm::PIN).expect("the right one");
    granted(&mut lab.with_key("laptop"));
}
