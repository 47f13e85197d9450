//! Nothing is left in the TPM: not by runs that end well, and not by those that somebody ends. It has
//! three places for keys and three for sessions, and no resource manager to free them.
//!
//! `make soak` runs as many as were promised; the tests otherwise run a part of them.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use hsm_test::swtpm::Template;
use rustix::process::{Pid, Signal, kill_process};

use super::runs::{BY_HANDLE, NO_DA, PASSWORD};
use super::{TpmLab, lab};
use crate::lab::{bare, ended, granted, install, run};

/// How many there shall be, of so many for everyday.
fn times(everyday: usize, promised: usize) -> usize {
    if std::env::var_os("SOAK").is_some() { promised } else { everyday }
}

/// A laboratory with a handle and a file, each of which wants a password.
struct Both {
    lab: TpmLab,
    file: String,
    chain: PathBuf,
}

fn both() -> Both {
    let lab = lab();
    let (key, chain) = lab.persistent(NO_DA);
    let file = lab.file(&key);
    Both { lab, file, chain }
}

impl Both {
    fn references(&self) -> [&str; 2] {
        [BY_HANDLE, &self.file]
    }

    fn command(&self, reference: &str) -> Command {
        let mut command = self.lab.with(reference, &self.chain);
        command.arg("--pin-file").arg(self.lab.password(PASSWORD));
        command
    }

    fn is_clean(&self) {
        assert_eq!(self.lab.tpm.left_behind(), Vec::<u32>::new());
    }
}

#[test]
fn many_runs_leave_nothing() {
    let both = both();
    let commands = both.references().map(|reference| both.command(reference));
    for mut command in
        std::iter::repeat_with(|| commands.iter().map(again)).flatten().take(times(60, 1000))
    {
        granted(&mut command);
    }
    both.is_clean();
    assert_eq!(both.lab.server.requests().len(), times(60, 1000));
}

/// The same command once more.
fn again(command: &Command) -> Command {
    let mut again = Command::new(command.get_program());
    again.args(command.get_args()).stdin(Stdio::null()).env_clear();
    again.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    again
}

/// The program and its host in a folder of the test's own, so that their processes can be told apart.
fn own_programs(lab: &TpmLab) -> PathBuf {
    let folder = lab.folder.path().join("bin");
    std::fs::create_dir(&folder).expect("folder");
    for program in [env!("CARGO_BIN_EXE_keyanchor"), env!("CARGO_BIN_EXE_keyanchor-tpm")] {
        install(program, &folder.join(Path::new(program).file_name().expect("a name")));
    }
    folder.join("keyanchor")
}

/// The ids of the processes of a program.
fn processes(program: &Path) -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").expect("/proc").flatten();
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let line = |id: &u32| std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
    let name = [program.as_os_str().as_encoded_bytes(), &[0]].concat();
    ids.filter(|id| line(id).starts_with(&name)).collect()
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < until, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Lets a process end as `signal` has it, if it is still there.
fn send(id: u32, signal: Signal) {
    let id = i32::try_from(id).ok().and_then(Pid::from_raw).expect("a process id");
    // it may have ended by itself
    let _ = kill_process(id, signal);
}

/// Starts a run without a shell or the like between it and us.
fn start(command: &Command, program: &Path) -> Child {
    let bare = bare(command);
    // Where signals are ignored, as under nohup, what is started would ignore them too. `env` becomes it.
    let mut own = Command::new("env");
    own.arg("--default-signal").arg(program).args(bare.get_args()).env_clear();
    own.envs(bare.get_envs().filter_map(|(name, value)| Some((name, value?))));
    own.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
    own.spawn().expect("it starts")
}

/// Ends runs at moments that are spread over their whole length, each in turn by handle and from the
/// file; the next run finds the TPM as it should be.
fn ended_by(signal: Signal, count: usize, of: fn(&Path, &Child) -> Option<u32>) {
    let both = both();
    let program = own_programs(&both.lab);
    let host = program.with_file_name("keyanchor-tpm");
    let mut early = 0;
    for number in 0..count {
        let reference = both.references()[number % 2];
        let mut child = start(&both.command(reference), &program);
        wait_until("there is one to end, or no more", || {
            of(&host, &child).is_some() || child.try_wait().expect("a child").is_some()
        });
        // 0 to 60 ms, in an order that is not theirs
        std::thread::sleep(Duration::from_micros((number as u64 * 37_337) % 60_000));
        if let Some(id) = of(&host, &child) {
            send(id, signal);
        }
        let status = child.wait().expect("a child");
        early += usize::from(!status.success());
        wait_until("the host has ended", || processes(&host).is_empty());
        both.is_clean();
    }
    assert!(early > 0, "none of {count} was ended before its end");
    assert_eq!(processes(&program), [0; 0]);
    for reference in both.references() {
        granted(&mut both.command(reference));
    }
}

fn main_program(_: &Path, child: &Child) -> Option<u32> {
    Some(child.id())
}

fn its_host(host: &Path, _: &Child) -> Option<u32> {
    processes(host).first().copied()
}

#[test]
fn runs_that_are_terminated_leave_nothing() {
    ended_by(Signal::TERM, times(25, 100), main_program);
}

#[test]
fn runs_that_are_killed_leave_nothing() {
    ended_by(Signal::KILL, times(25, 100), main_program);
}

#[test]
fn hosts_that_are_terminated_leave_nothing() {
    ended_by(Signal::TERM, times(25, 100), its_host);
}

#[test]
fn hosts_that_are_interrupted_leave_nothing() {
    ended_by(Signal::INT, times(10, 100), its_host);
}

#[test]
fn there_is_room_beside_others() {
    for (objects, sessions, references) in [(2, 2, 0..1), (1, 2, 0..2)] {
        let both = both();
        both.lab.tpm.leak_objects(objects);
        both.lab.tpm.leak_sessions(sessions);
        let others = both.lab.tpm.left_behind();
        for reference in &both.references()[references] {
            granted(&mut both.command(reference));
            assert_eq!(both.lab.tpm.left_behind(), others, "{reference}");
        }
    }
}

#[test]
fn keys_without_a_password_need_no_session() {
    let lab = lab();
    let (key, chain) = lab.persistent(Template::P256);
    let file = lab.file(&key);
    lab.tpm.leak_objects(1);
    lab.tpm.leak_sessions(3);
    for reference in [BY_HANDLE, &file] {
        granted(&mut lab.with(reference, &chain));
    }
    lab.tpm.flush();
    lab.tpm.leak_objects(2);
    lab.tpm.leak_sessions(3);
    granted(&mut lab.with(BY_HANDLE, &chain));
}

#[test]
fn where_there_is_no_room_it_is_said() {
    let both = both();
    both.lab.tpm.leak_objects(2);
    let full = run(&mut both.command(&both.file));
    both.lab.check("tpm-full-of-keys", &full);
    assert_eq!(both.lab.tpm.transient().len(), 2, "and nothing of ours is left");
    both.lab.tpm.flush();
    both.lab.tpm.leak_sessions(3);
    both.lab.check("tpm-full-of-sessions", &run(&mut both.command(BY_HANDLE)));
    both.lab.tpm.flush();
    both.lab.tpm.leak_objects(3);
    // a persistent key takes a place for as long as a command lasts
    both.lab.check("tpm-full-for-a-persistent-key", &run(&mut both.command(BY_HANDLE)));
}

/// Who frees a place a moment later is waited for.
#[test]
fn a_place_that_others_free_is_waited_for() {
    let both = both();
    both.lab.tpm.leak_objects(3);
    let mut waiting = both.command(&both.file);
    let child = waiting.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    std::thread::sleep(Duration::from_millis(400));
    both.lab.tpm.flush();
    let ended = ended(&child.wait_with_output().expect("a child"));
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
}
