//! Many who ask for the same at once: one asks for all, whatever becomes of it.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use hsm_test::askpass::{Answer, Askpass};
use hsm_test::server::Behaviour;
use hsm_test::softhsm::SoftHsm;
use hsm_test::terminal::Terminal;

use super::{answered, calls, file_journey, found, journey, kept, later, spied};
use crate::golden::check;
use crate::lab::{Ended, Lab, bare, ended, lab, run, without_stdout};

const MANY: usize = 40;

fn start(command: &mut Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts")
}

fn end(child: Child) -> Ended {
    ended(&child.wait_with_output().expect("the program ends"))
}

fn all(count: usize, mut command: impl FnMut() -> Command) -> Vec<Ended> {
    let children: Vec<_> = (0..count).map(|_| start(&mut command())).collect();
    children.into_iter().map(end).collect()
}

/// All have the same credentials.
fn same(runs: &[Ended]) -> String {
    for run in runs {
        assert_eq!((run.code, run.stderr.as_str()), (0, ""));
        assert_eq!(run.stdout, runs[0].stdout);
    }
    runs[0].stdout.clone()
}

fn until(what: &str, met: impl Fn() -> bool) {
    let start = std::time::Instant::now();
    while !met() {
        assert!(start.elapsed() < Duration::from_secs(30), "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Who has the turn, by what it has written down.
fn holder(lab: &Lab) -> Option<u32> {
    let text = found(lab, "lock").first().map(std::fs::read_to_string)?.ok()?;
    let record: serde_json::Value = serde_json::from_str(&text).ok()?;
    record["process"].as_u64().and_then(|process| u32::try_from(process).ok())
}

fn signal(process: u32, name: &str) {
    crate::lab::tool("kill", &[name.as_ref(), process.to_string().as_ref()]);
}

#[test]
fn many_at_once_cost_one_login_one_signature_and_one_request() {
    let lab = lab();
    same(&all(MANY, || spied(&lab)));
    let calls = calls(&lab);
    assert_eq!((calls.of("C_Login"), calls.of("C_SignInit"), calls.of("C_Sign")), (1, 1, 1));
    assert_eq!(lab.server.requests().len(), 1);
}

#[test]
fn many_at_once_near_the_end_of_what_is_kept_cost_one_request_more() {
    let lab = lab();
    let first = answered(&mut file_journey(&lab)).stdout;
    lab.server.clock_offset(50 * 60);
    let command = file_journey(&lab);
    let new = same(&all(MANY, || later(&command, "+50m")));
    assert_ne!(new, first);
    assert_eq!(lab.server.requests().len(), 2);
}

#[test]
fn many_at_once_are_asked_for_one_pin() {
    let lab = lab();
    let askpass = Askpass::new(lab.safe.path(), "askpass", &[Answer::Say(SoftHsm::PIN)]);
    same(&all(MANY, || asking(&lab, &askpass)));
    assert_eq!((askpass.started().len(), lab.server.requests().len()), (1, 1));
}

/// A journey for which somebody has to be asked.
fn without_pin(lab: &Lab) -> Command {
    let mut command = kept(lab.credential_process());
    command.args(["--key", "pkcs11:token=lab;object=laptop", "--certificate"]);
    command.arg(lab.hsm.chain("laptop"));
    command
}

fn asking(lab: &Lab, askpass: &Askpass) -> Command {
    let mut command = without_pin(lab);
    command.env("SSH_ASKPASS", askpass.program()).env("SSH_ASKPASS_REQUIRE", "force");
    command
}

#[test]
fn a_question_that_is_cancelled_is_cancelled_for_all() {
    let lab = lab();
    let (asked, cancel) = (lab.safe.path().join("asked"), lab.safe.path().join("cancel"));
    let script = format!(
        "#!/bin/sh\necho once >>'{}'\nuntil [ -e '{}' ]; do sleep 0.02; done\nexit 1\n",
        asked.display(),
        cancel.display()
    );
    let program = lab.safe.path().join("patient");
    crate::lab::install(lab.write("patient", &script), &program);
    let asking = || {
        let mut command = asking(&lab, &Askpass::new(lab.safe.path(), "askpass", &[]));
        command.env("SSH_ASKPASS", &program);
        command
    };
    let first = start(&mut asking());
    until("the question", || asked.exists());
    let waiting: Vec<_> = (0..10).map(|_| start(&mut asking())).collect();
    until("those who wait", || opened(&lab) == 11);
    std::fs::write(cancel, "").expect("cancel");
    let told = end(first);
    assert_eq!(told.code, 4, "{}", told.stderr);
    for waiting in waiting {
        let ended = end(waiting);
        assert_eq!((ended.code, ended.stderr), (4, told.stderr.clone()));
    }
    assert_eq!(std::fs::read_to_string(asked).expect("asked"), "once\n");
}

/// How many processes have the lock of the one session open.
fn opened(lab: &Lab) -> usize {
    let Some(lock) = found(lab, "lock").pop() else { return 0 };
    let processes = std::fs::read_dir("/proc").expect("/proc").flatten();
    let has = |process: &std::fs::DirEntry| {
        let files = std::fs::read_dir(process.path().join("fd")).into_iter().flatten().flatten();
        files.filter_map(|file| std::fs::read_link(file.path()).ok()).any(|file| file == lock)
    };
    processes.filter(has).count()
}

#[test]
fn a_refusal_is_one_for_all_who_waited() {
    let lab = lab();
    lab.server.behave(Behaviour::Drip { every: Duration::from_millis(10) });
    let first = start(&mut file_journey(&lab));
    until("the request", || lab.server.connections() > 0);
    let waiting: Vec<_> = (0..10).map(|_| start(&mut file_journey(&lab))).collect();
    until("those who wait", || opened(&lab) == 11);
    signal(holder(&lab).expect("a holder"), "-STOP");
    lab.server.behave(Behaviour::Refuse {
        status: 403,
        kind: "AccessDeniedException".into(),
        message: "no".into(),
    });
    let runs: Vec<_> = waiting.into_iter().map(end).collect();
    assert!(runs.iter().all(|run| run.code == 5), "{}", runs[0].stderr);
    assert!(runs.iter().all(|run| run.stderr == runs[0].stderr), "all are told the same");
    assert!(lab.server.requests().len() <= 2, "one has asked in place of the one that was stopped");
    signal(first.id(), "-KILL");
    drop(first.wait_with_output());
}

/// What hangs on a run's own options is its own affair.
#[test]
fn a_wrong_pin_in_a_file_is_not_the_failure_of_who_has_the_right_one() {
    let lab = lab();
    let (wrong, right) = (lab.write("wrong", "00000000"), lab.hsm.pin_file());
    let with = |pin: &std::path::Path| {
        let mut command = without_pin(&lab);
        command.arg("--pin-file").arg(pin);
        command
    };
    let children: Vec<_> =
        (0..6).map(|number| start(&mut with(if number < 3 { &wrong } else { &right }))).collect();
    let runs: Vec<_> = children.into_iter().map(end).collect();
    assert!(runs[3..].iter().all(|run| run.code == 0), "{}", runs[3].stderr);
    assert!(runs[..3].iter().all(|run| [0, 4].contains(&run.code)), "{}", runs[0].stderr);
}

#[test]
fn a_holder_that_is_killed_holds_up_nobody() {
    let lab = lab();
    lab.server.behave(Behaviour::Drip { every: Duration::from_millis(20) });
    let mut first = start(&mut file_journey(&lab));
    until("the request", || lab.server.connections() > 0);
    let waiting: Vec<_> = (0..10).map(|_| start(&mut file_journey(&lab))).collect();
    until("those who wait", || opened(&lab) == 11);
    lab.server.behave(Behaviour::Verify);
    signal(holder(&lab).expect("a holder"), "-KILL");
    let _ = first.wait();
    same(&waiting.into_iter().map(end).collect::<Vec<_>>());
}

#[test]
fn a_holder_that_is_stopped_is_overtaken_and_said_on_a_terminal() {
    let lab = lab();
    let on_terminal = || {
        let mut terminal = Terminal::open();
        terminal.start(&without_stdout(&bare(&without_pin(&lab))));
        terminal
    };
    let question = "PIN for token 'lab': ";
    let mut first = on_terminal();
    first.wait_for(question);
    let process = holder(&lab).expect("a holder");
    let mut second = on_terminal();
    second.wait_for(&format!("keyanchor: warning: waiting for process {process}, which asks"));
    signal(process, "-STOP");
    second.wait_for(question).type_in(&format!("{}\n", SoftHsm::PIN));
    assert!(second.finish().status.success(), "{}", second.shown());
    signal(process, "-CONT");
    first.type_in(&format!("{}\n", SoftHsm::PIN));
    assert!(first.finish().status.success(), "{}", first.shown());
    let kept = answered(&mut without_pin(&lab)).stdout;
    assert_eq!(answered(&mut without_pin(&lab)).stdout, kept);
}

#[test]
fn who_waits_for_one_who_does_not_end_is_told_who_it_is() {
    let lab = lab();
    lab.server.behave(Behaviour::Hang);
    let mut slow = file_journey(&lab);
    let first = start(slow.args(["--timeout", "60s"]));
    until("the request", || lab.server.connections() > 0);
    let mut command = file_journey(&lab);
    let told = run(command.args(["--timeout", "500ms"]));
    let process = holder(&lab).expect("a holder").to_string();
    let told = Ended { stderr: told.stderr.replace(&process, "4242"), ..told };
    check("cache-another-process-still-asks", &lab, &told);
    lab.server.behave(Behaviour::Verify);
    signal(holder(&lab).expect("a holder"), "-KILL");
    drop(first.wait_with_output());
}

#[test]
fn who_would_rather_wait_than_fail_waits_for_the_other() {
    let lab = lab();
    lab.server.behave(Behaviour::Drip { every: Duration::from_millis(3) });
    let mut slow = file_journey(&lab);
    let first = start(slow.args(["--timeout", "60s"]));
    until("the request", || lab.server.connections() > 0);
    let mut command = file_journey(&lab);
    let second = start(command.args(["--timeout", "500ms", "--wait", "60s"]));
    let first = end(first);
    assert_eq!(first.code, 0, "{}", first.stderr);
    assert_eq!(end(second).stdout, first.stdout);
    assert_eq!(lab.server.requests().len(), 1);
}

#[test]
fn different_sessions_do_not_wait_for_each_other() {
    let lab = lab();
    lab.server.behave(Behaviour::Hang);
    let mut slow = file_journey(&lab);
    let first = start(slow.args(["--timeout", "60s"]));
    until("the request", || lab.server.connections() > 0);
    let process = holder(&lab).expect("a holder");
    lab.server.behave(Behaviour::Verify);
    let mut other = journey(&lab);
    answered(other.args(["--session-duration", "1800", "--timeout", "10s"]));
    signal(process, "-KILL");
    drop(first.wait_with_output());
}
