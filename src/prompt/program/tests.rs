//! Small shell scripts in the place of a pinentry.

use std::io::PipeWriter;

use super::*;

/// A shell that does what it is told, and the end to hold for one who waits for its answer.
pub(in crate::prompt) fn shell(script: &str) -> (Program, PipeWriter) {
    shell_with(script, Stdio::null())
}

pub(in crate::prompt) fn shell_with(script: &str, stdin: Stdio) -> (Program, PipeWriter) {
    let (hears, holds) = std::io::pipe().expect("pipe");
    let mut command = command(&["sh", "-c", script], &["HOME".to_owned()]).expect("a shell");
    command.stdin(stdin);
    (Program::launch_for(hears.into(), command).expect("starts"), holds)
}

fn is_there(pid: &[u8]) -> bool {
    let pid = str::from_utf8(pid).expect("a number");
    // One that nobody waits for in this computer stays a zombie.
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().is_some_and(|rest| rest.starts_with(" Z")))
}

#[test]
fn its_lines_are_read_one_by_one_and_the_last_may_be_open() {
    let (mut program, _caller) = shell("echo one; printf '\\ntwo'");
    for expected in [Some("one"), Some(""), Some("two"), None] {
        let line = program.read_line(10).expect("reads");
        assert_eq!(line.as_deref(), expected.map(str::as_bytes));
    }
    assert!(program.status().expect("ends").success());
}

#[test]
fn too_long_an_answer_is_an_error() {
    for script in ["echo 12345", "printf 12345", "yes 12345"] {
        let (mut program, _caller) = shell(script);
        let Err(NoPin::Unusable(reason)) = program.read_line(4) else { panic!("{script}") };
        assert!(reason.ends_with("sh: its answer is longer than 4 bytes"), "{reason}");
    }
    let (mut program, _caller) = shell("printf '123\\n5'");
    assert!(program.read_to_end(4).is_err());
    let (mut program, _caller) = shell("printf '123\\n'");
    assert_eq!(*program.read_to_end(4).expect("reads"), *b"123\n");
}

#[test]
fn it_sees_no_variable_that_is_hidden_and_nothing_on_stdin() {
    let (mut program, _caller) = shell("cat; echo ${HOME-none} ${PATH+path}");
    let line = program.read_line(200).expect("reads").expect("a line");
    assert_eq!(str::from_utf8(&line), Ok("none path"));
}

#[test]
fn its_exit_status_is_known() {
    let (mut program, _caller) = shell("exec 1>&-; sleep 0.05; exit 3");
    assert_eq!(*program.read_to_end(4).expect("reads"), *b"");
    assert_eq!(program.status().expect("ends").code(), Some(3));
}

#[test]
fn a_caller_who_is_gone_is_not_waited_for() {
    let (mut program, caller) = shell("echo $$; exec sleep 100");
    let pid = program.read_line(20).expect("reads").expect("a line");
    drop(caller);
    assert_eq!(program.read_line(20).err(), Some(NoPin::Cancelled));
    assert_eq!(program.status().expect_err("gone"), NoPin::Cancelled);
    assert!(is_there(&pid));
    drop(program);
    assert!(!is_there(&pid), "nothing is left of it");
}

#[test]
fn one_that_does_not_listen_is_ended_all_the_same() {
    let (mut program, _caller) = shell("trap '' TERM; echo $$; exec sleep 100");
    let pid = program.read_line(20).expect("reads").expect("a line");
    drop(program);
    assert!(!is_there(&pid));
}

#[test]
fn a_program_that_cannot_be_started_is_named() {
    let none: [&str; 0] = [];
    for (argv, reason) in [
        (none.as_slice(), "no program is named"),
        (&["no-such-program"], "no-such-program: not found in PATH"),
        (&["/etc/passwd"], "/etc/passwd: not executable"),
    ] {
        assert_eq!(Program::start(argv, &[]).err().as_deref(), Some(reason));
    }
}

#[test]
fn what_a_program_says_counts_if_it_ends_well() {
    let said = |script: &str| output(&["sh", "-c", script], &[], 4);
    let why = |script: &str| said(script).map(|_| ()).expect_err(script);
    assert_eq!(*said("echo 123").expect("ends well"), *b"123\n");
    assert!(why("echo 123; exit 3").ends_with(": it ended with exit status: 3"));
    assert!(why("echo 123; kill $$").contains(": it ended with signal: 15"));
    assert!(why("echo 1234").ends_with(": its answer is longer than 4 bytes"));
    assert_eq!(output(&["no-such"], &[], 4).err().as_deref(), Some("no-such: not found in PATH"));
}
