//! The computer is short of something, or not set up as others are: files, threads, memory, a clock,
//! a home, a terminal. A run then ends well or in an error of its class, and never in a panic.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use hsm_test::pki::{Leaf, Pki};
use hsm_test::server::{Config, Server};

use crate::golden::check;
use crate::lab::{Ended, Lab, after_a_wrong_pin, granted, install, lab, on_terminal, run, under};

const HOUR: Duration = Duration::from_secs(3600);

/// A run that was short of something: it ended well, or in an error of the class for that.
fn ended_properly(ended: &Ended, what: &str) {
    assert!([0, 3].contains(&ended.code), "{what}: exit {}\n{}", ended.code, ended.stderr);
    assert!(ended.code == 0 || ended.stderr.starts_with("keyanchor: error: "), "{}", ended.stderr);
    assert!(ended.stderr.lines().count() <= 3, "{what}: {}", ended.stderr);
}

/// The program as a user that nobody else is, so that its processes can be counted: who runs the
/// tests has more. The files stay the tests' own, and a capability opens them.
fn alone(command: &Command, processes: u32) -> Option<Command> {
    if !rustix::process::geteuid().is_root() {
        assert_ne!(std::env::var("LAB").as_deref(), Ok("require"), "the lab is not root");
        eprintln!("SKIPPED: limits on processes need a user of their own, and root to become one");
        return None;
    }
    let (user, limit) = (unused_user(), format!("--nproc={processes}"));
    let user = ["setpriv", "--reuid", &user, "--clear-groups"];
    let open = ["--inh-caps", "+dac_override", "--ambient-caps", "+dac_override"];
    Some(under(command, &[&user[..], &open[..], &["prlimit", &limit]].concat()))
}

fn unused_user() -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = std::process::id() % 100_000 * 1000 + NEXT.fetch_add(1, Ordering::Relaxed);
    (1_000_000_000 + number).to_string()
}

#[test]
fn too_few_file_descriptors_are_an_error() {
    let lab = lab();
    let few = |files: u32| {
        run(&mut under(&lab.with_key("laptop"), &["prlimit", &format!("--nofile={files}")]))
    };
    check("out-of-file-descriptors", &lab, &few(5));
    for files in 4..=16 {
        ended_properly(&few(files), &format!("{files} files"));
    }
    assert_eq!(few(32).code, 0);
}

/// The journey of a key in a file, to a server with a name: no device host takes part.
fn with_key_file(lab: &Lab) -> Command {
    let (private, public) = lab.pki().software_key("EC:P-256");
    let key = lab.write("key.pem", &private);
    let leaf = lab.write("leaf.pem", &lab.pki().leaf(&Leaf::of(&public)));
    let arguments = lab.server.arguments();
    let mut command = lab.command();
    command.arg("credential-process");
    command
        .args(arguments.iter().map(|word| word.replace("https://127.0.0.1", "https://localhost")));
    command.arg("--key").arg(key).arg("--certificate").arg(leaf);
    command.arg("--intermediates").arg(lab.pki().intermediate_pem_path());
    command
}

#[test]
fn threads_that_cannot_be_started_are_an_error() {
    let lab = lab();
    let huge = (1_u64 << 46).to_string();
    check("out-of-threads", &lab, &run(lab.with_key("laptop").env("RUST_MIN_STACK", huge)));
    let by_name = crate::network::at(&lab, &lab.server.url().replace("127.0.0.1", "localhost"));
    for command in [lab.with_key("laptop"), by_name, with_key_file(&lab)] {
        for processes in 1..10 {
            let Some(mut command) = alone(&command, processes) else { return };
            let folder = lab.hsm.dir().join(format!("run-{}", unused_user()));
            let ended = run(command.env("KEYANCHOR_RUNTIME_DIR", folder));
            ended_properly(&ended, &format!("{processes} processes"));
            assert!(!ended.stderr.contains("fault of its own"), "{processes}: {}", ended.stderr);
        }
    }
}

#[test]
fn sixty_four_mebibytes_are_enough() {
    let lab = lab();
    granted(&mut under(&lab.with_key("laptop"), &["prlimit", "--as=67108864"]));
}

#[test]
fn a_reader_that_has_gone_is_an_error() {
    let lab = lab();
    let (reader, writer) = std::io::pipe().expect("pipe");
    drop(reader);
    let output = lab.with_key("laptop").stdout(writer).stderr(Stdio::piped()).output();
    check("stdout-is-closed", &lab, &crate::lab::ended(&output.expect("run")));
}

#[test]
fn a_host_inherits_no_file_of_ours() {
    let lab = lab();
    let (folder, seen) = (lab.safe.path().join("bin"), lab.safe.path().join("seen"));
    std::fs::create_dir(&folder).unwrap();
    install(env!("CARGO_BIN_EXE_keyanchor"), &folder.join("keyanchor"));
    let host = folder.join("keyanchor-pkcs11");
    // What `ls` has open: its streams, and the folder that it reads.
    let script = format!("#!/bin/sh\nls -l /proc/self/fd >'{}'\n", seen.display());
    install(lab.write("host.sh", &script), &host);
    let ended = run(&mut lab.with_program(&folder.join("keyanchor"), "laptop"));
    check("host-ends-at-its-start", &lab, &ended);
    let seen = std::fs::read_to_string(seen).expect("the host ran");
    // Whoever runs the tests may have left some open.
    let listed = Command::new("setsid").args(["--wait", "ls", "-l", "/proc/self/fd"]).output();
    let listed = String::from_utf8(listed.expect("setsid").stdout).expect("text");
    let open = |text: &str| text.lines().filter(|line| line.contains(" -> ")).count();
    assert_eq!(open(&seen), open(&listed), "{seen}\n{listed}");
}

#[test]
fn without_a_terminal_and_without_a_stdin_nothing_spins() {
    let lab = lab();
    let mut journey = lab.credential_process();
    journey.args(["--key", "pkcs11:token=lab;object=laptop"]).arg("--certificate");
    journey.arg(lab.hsm.chain("laptop"));
    let line = "\"$0\" \"$@\" <&-; code=$?; times >\"$TIMES\"; exit $code";
    let mut command = under(&journey, &["sh", "-c", line]);
    let times = lab.hsm.dir().join("times");
    let start = Instant::now();
    check("no-terminal-for-the-pin", &lab, &run(command.env("TIMES", &times)));
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    let spent = std::fs::read_to_string(times).expect("times");
    let children = spent.lines().last().expect("two lines").split_whitespace();
    let seconds = |text: &str| text.trim_start_matches("0m").trim_end_matches('s').parse::<f64>();
    let spent: f64 = children.map(|text| seconds(text).expect("seconds")).sum();
    assert!(spent < 2.0, "{spent} s of a processor");
}

#[test]
fn paths_that_are_no_text_work() {
    let lab = lab();
    let folder = lab.hsm.dir().join(OsStr::from_bytes(b"caf\xe9 \xff"));
    std::fs::create_dir(&folder).unwrap();
    let copy = |from: &Path, name: &str| {
        let to = folder.join(name);
        std::fs::copy(from, &to).unwrap();
        std::fs::set_permissions(&to, std::fs::Permissions::from_mode(0o600)).unwrap();
        to
    };
    copy(&lab.hsm.pin_file(), "pin");
    let arguments = lab.server.arguments();
    let others = || arguments.chunks(2).filter(|pair| pair[0] != "--ca-bundle").flatten();
    let mut command = lab.command();
    command.arg("credential-process").args(others()).env("HOME", &folder);
    command.arg("--ca-bundle").arg(copy(&lab.server.ca_bundle(), "ca.pem"));
    command.arg("--certificate").arg(copy(&lab.hsm.certificate("laptop"), "leaf.pem"));
    command.arg("--intermediates").arg(copy(&lab.pki().intermediate_pem_path(), "above.pem"));
    command.env("KEYANCHOR_RUNTIME_DIR", folder.join("run")).env("LC_ALL", "C");
    command.env("KEYANCHOR_PIN_FILE", folder.join("pin"));
    granted(command.args(["--key", "pkcs11:token=lab;object=laptop"]));

    let (private, public) = lab.pki().software_key("EC:P-256");
    let key = copy(&lab.write("key.pem", &private), "key.pem");
    let leaf = copy(&lab.write("leaf.pem", &lab.pki().leaf(&Leaf::of(&public))), "leaf.pem");
    let intermediate = lab.pki().intermediate_pem_path();
    let mut command = lab.credential_process();
    command.arg("--key").arg(key).arg("--certificate").arg(leaf);
    granted(command.arg("--intermediates").arg(intermediate));
    let absent = OsString::from_vec(b"/caf\xe9/key.pem".to_vec());
    check("path-that-is-no-text", &lab, &run(lab.credential_process().arg("--key").arg(absent)));
}

#[test]
fn a_home_is_not_needed() {
    let lab = lab();
    granted(lab.with_key("laptop").env_remove("HOME"));
    let mut command = lab.with_key("laptop");
    command.env_remove("HOME").env_remove("KEYANCHOR_RUNTIME_DIR");
    let Some(mut command) = alone(&command, 100) else { return };
    granted(&mut command);
}

#[test]
fn whatever_the_umask_files_are_0600_and_folders_0700() {
    for umask in ["000", "022", "077", "777"] {
        let lab = lab();
        let top = lab.hsm.dir().join("a");
        let mut command = lab.with_key("laptop");
        command.env("KEYANCHOR_RUNTIME_DIR", top.join("b/run"));
        let line = format!("umask {umask}; exec \"$0\" \"$@\"");
        granted(&mut under(&command, &["sh", "-c", &line]));
        let mut modes = Vec::new();
        collect_modes(&top, &mut modes);
        assert_eq!(modes, [0o700, 0o700, 0o700, 0o700, 0o600], "umask {umask}");
    }
}

/// The modes of a folder and all that is in it, from the top.
fn collect_modes(path: &Path, modes: &mut Vec<u32>) {
    let metadata = std::fs::symlink_metadata(path).expect("it was made");
    modes.push(metadata.permissions().mode() & 0o777);
    for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
        collect_modes(&entry.path(), modes);
    }
}

#[test]
fn a_folder_for_locks_that_cannot_be_made_matters_only_where_it_was_named() {
    let lab = lab();
    let mut named = lab.with_key("laptop");
    named.env("KEYANCHOR_RUNTIME_DIR", "/proc/keyanchor");
    granted(&mut named);
    after_a_wrong_pin(&lab);
    check("folder-for-locks-cannot-be-made", &lab, &run(&mut named));
    granted(lab.with_key("laptop").env_remove("KEYANCHOR_RUNTIME_DIR").env("HOME", "/proc"));
    let full = "mount -t tmpfs -o nr_inodes=1,size=4k,mode=700 none \"$KEYANCHOR_RUNTIME_DIR\"";
    let mut command = lab.with_key("laptop");
    let folder = lab.hsm.dir().join("full");
    std::fs::create_dir(&folder).unwrap();
    command.env("KEYANCHOR_RUNTIME_DIR", &folder);
    let Some(mut command) = crate::reach::apart(&command, &["-m"], full) else { return };
    granted(&mut command);
}

#[test]
fn nothing_is_written_where_no_file_may_grow() {
    let lab = lab();
    // The signal would end SoftHSM, which writes at its start, if it were not set aside.
    let line = "exec prlimit --fsize=0 \"$0\" \"$@\"";
    granted(&mut under(&lab.with_key("laptop"), &["sh", "-c", line]));
}

/// A laboratory with certificates from two hours ago: the template's may be younger than a clock is
/// wrong.
fn older() -> Lab {
    let lab = lab();
    let server = Server::start(Config::lab(&Pki::fresh(&lab.hsm.dir().join("ca"))));
    Lab { server, ..lab }
}

/// The journey by a certificate with that validity, at another time.
fn at_another_time(lab: &Lab, shift: &str, validity: (SystemTime, SystemTime)) -> Command {
    let (not_before, not_after) = validity;
    let public_key = lab.hsm.public_key_pem("laptop");
    let leaf = lab.pki().leaf(&Leaf { not_before, not_after, ..Leaf::of(&public_key) });
    let leaf = lab.write("leaf.pem", &leaf);
    let mut command = lab.credential_process();
    command.args(["--key", &lab.uri("laptop")]).arg("--certificate").arg(leaf);
    command.arg("--intermediates").arg(lab.pki().intermediate_pem_path());
    // Time-outs go by the other clock, which is right.
    command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    under(&command, &["faketime", "-f", shift])
}

fn long() -> (SystemTime, SystemTime) {
    (SystemTime::now() - 1000 * HOUR, SystemTime::now() + 1000 * HOUR)
}

#[test]
fn a_clock_that_is_four_minutes_wrong_is_right_enough() {
    for shift in ["-4m", "+4m"] {
        let lab = older();
        granted(&mut at_another_time(&lab, shift, long()));
        assert_eq!(lab.server.requests().len(), 1, "{shift}");
    }
}

#[test]
fn a_clock_that_is_an_hour_wrong_is_corrected_once() {
    for shift in ["-1h", "+1h"] {
        let lab = older();
        granted(&mut at_another_time(&lab, shift, long()));
        assert_eq!(lab.server.requests().len(), 2, "{shift}");
    }
}

#[test]
fn a_clock_outside_the_certificates_time_is_found_before_anything_is_sent() {
    let lab = older();
    let early = run(&mut at_another_time(&lab, "-60d", long()));
    check("clock-is-before-the-certificate", &lab, &early);
    let late = run(&mut at_another_time(&lab, "+60d", long()));
    check("clock-is-after-the-certificate", &lab, &late);
    assert_eq!(lab.server.connections(), 0);
}

#[test]
fn a_person_is_warned_once_when_the_certificate_is_near_its_end() {
    let now = SystemTime::now();
    for (left, warning) in [
        (5 * HOUR + HOUR / 2, "keyanchor: warning: the certificate expires in 5 hours\r\n"),
        (HOUR + HOUR / 120, "keyanchor: warning: the certificate expires in 60 minutes\r\n"),
        (30 * HOUR, ""),
    ] {
        let lab = lab();
        let mut journey = at_another_time(&lab, "+0", (now - HOUR, now + left));
        assert_eq!(on_terminal(&journey), warning);
        granted(&mut journey);
    }
}
