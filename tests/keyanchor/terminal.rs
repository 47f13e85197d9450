//! What becomes of a question when its host is ended, when it is stopped and goes on, and when what
//! is typed is no PIN; and the guard, which restores the terminal of a host that is dead.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use hsm_test::softhsm::SoftHsm;
use hsm_test::terminal::{State, Terminal};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::golden::check;
use crate::hosts::wait_until;
use crate::lab::{Lab, fault, lab};
use crate::prompts::{asking, finish, pin};
use crate::shell::child_of;

const QUESTION: &str = "PIN for token 'lab': ";
/// A question of two rows, erased.
const ERASED: &str = "\r\x1b[1A\x1b[J";

/// A question, the processes that ask it, and what the terminal was before.
struct Asked {
    terminal: Terminal,
    before: State,
    main: u32,
    host: u32,
    guard: u32,
}

impl Asked {
    /// By the program alone, which no shell looks after.
    fn alone(lab: &Lab) -> Self {
        Self::by(&asking(lab), Terminal::leader)
    }

    /// In a job of a shell, which then runs those lines, and brings it to the front.
    fn in_a_job(lab: &Lab, then: &str) -> Self {
        let asking = asking(lab);
        let program = line(&asking);
        let script = format!(
            "set -m\n{program} >/dev/null\necho stopped=$?\n{then}\nfg >/dev/null\necho code=$?\n"
        );
        let mut shell = Command::new("bash");
        shell.arg(lab.write("job.sh", &script));
        shell.envs(asking.get_envs().filter_map(|(name, value)| Some((name, value?))));
        Self::by(&shell, |terminal| child_of(terminal.leader()).expect("a job"))
    }

    fn by(command: &Command, main: impl Fn(&Terminal) -> u32) -> Self {
        let mut terminal = Terminal::open();
        terminal.resize(300, 24);
        let before = terminal.state();
        terminal.start(command).wait_for(QUESTION);
        // It is on the terminal a moment before the guard knows, and before the host waits.
        std::thread::sleep(Duration::from_millis(100));
        let main = main(&terminal);
        let host = child_of(main).expect("a host");
        let guard = child_of(host).expect("a guard");
        Self { terminal, before, main, host, guard }
    }

    /// The PIN is taken; nothing of it was shown, and nothing is left.
    fn takes_the_pin(mut self, code: &str) {
        self.terminal.type_in(&pin()).wait_for(code);
        self.ends();
    }

    fn ends(mut self) {
        let ids = [self.main, self.host, self.guard];
        wait_until(|| !ids.into_iter().any(runs));
        self.terminal.finish();
        assert_eq!(self.terminal.state(), self.before);
        let shown = self.terminal.shown();
        let (_, after) = shown.rsplit_once(QUESTION).expect("a question");
        assert!(after.contains(ERASED) && !shown.contains(SoftHsm::PIN), "{shown:?}");
    }
}

/// As a shell reads it.
fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| format!("'{}' ", word.to_str().expect("text"))).collect()
}

fn pid(id: u32) -> Pid {
    Pid::from_raw(id.try_into().expect("small")).expect("not 0")
}

fn kill(id: u32, signal: Signal) {
    kill_process(pid(id), signal).expect("it is there and ours");
}

/// What has ended and was not waited for has no command line.
fn runs(id: u32) -> bool {
    std::fs::read(format!("/proc/{id}/cmdline")).is_ok_and(|line| !line.is_empty())
}

/// The pipes that a process has open.
fn pipes(id: u32) -> BTreeSet<String> {
    let files = std::fs::read_dir(format!("/proc/{id}/fd")).expect("files").flatten();
    let files = files.filter_map(|file| std::fs::read_link(file.path()).ok());
    let names = files.map(|file| file.display().to_string());
    names.filter(|name| name.starts_with("pipe:")).collect()
}

#[test]
fn who_ended_the_host_at_its_question_is_not_the_module() {
    let lab = lab();
    let mut terminal = Terminal::open();
    let before = terminal.state();
    terminal.start_captured(&asking(&lab)).wait_for(QUESTION);
    kill(child_of(terminal.leader()).expect("a host"), Signal::TERM);
    check("host-ended-at-its-question", &lab, &finish(&mut terminal));
    assert_eq!(terminal.state(), before);
    assert!(lab.server.requests().is_empty());
}

#[test]
fn a_guard_erases_the_question_and_what_was_typed_of_the_answer() {
    let lab = lab();
    for signal in [Signal::KILL, Signal::TERM] {
        let mut asked = Asked::alone(&lab);
        kill(asked.host, Signal::STOP);
        asked.terminal.type_in("12");
        kill(asked.host, signal);
        if signal != Signal::KILL {
            // Only then does it wait for this.
            kill(asked.host, Signal::CONT);
        }
        asked.terminal.wait_for("no PIN was given");
        asked.ends();
    }
}

#[test]
fn the_guard_has_no_variable_and_does_not_hold_the_hosts_answers_open() {
    let lab = lab();
    let asked = Asked::alone(&lab);
    let environment = std::fs::read(format!("/proc/{}/environ", asked.guard));
    assert_eq!(environment.expect("environ"), b"");
    // Others are those of this test, which all inherit.
    let ours = pipes(std::process::id());
    let (main, guard) = (pipes(asked.main), pipes(asked.guard));
    let own: Vec<_> = main.difference(&ours).collect();
    let shared = own.iter().filter(|pipe| guard.contains(**pipe)).count();
    // The host's stdin, which tells the main program when the guard is done.
    assert_eq!((own.len(), shared), (2, 1), "{main:?} {guard:?}");
    asked.takes_the_pin("\"Version\":1");
}

/// Signals do not end it, and where it was killed the question does not need it.
#[test]
fn a_question_outlives_its_guard() {
    let lab = lab();
    for (signal, survives) in [(Signal::TERM, true), (Signal::HUP, true), (Signal::KILL, false)] {
        let asked = Asked::alone(&lab);
        kill(asked.guard, signal);
        std::thread::sleep(Duration::from_millis(50));
        assert_eq!(runs(asked.guard), survives, "{signal:?}");
        asked.takes_the_pin("\"Version\":1");
    }
}

#[test]
fn ctrl_backslash_gives_up() {
    let lab = lab();
    let mut asked = Asked::alone(&lab);
    asked.terminal.type_in("12\x1c").wait_for("no PIN was given for token 'lab'");
    asked.ends();
}

/// Shortened again it is what would be right, if all that came in between had been taken.
#[test]
fn a_pin_that_is_too_long_is_not_cut() {
    let lab = lab();
    let mut terminal = Terminal::open();
    terminal.start_captured(&asking(&lab));
    let erasing = "\x7f".repeat(255 - SoftHsm::PIN.len());
    for _ in 0..3 {
        terminal.wait_for(QUESTION);
        terminal.type_in(&format!("{}{}{erasing}\n", SoftHsm::PIN, "x".repeat(300)));
    }
    check("pin-typed-that-is-too-long", &lab, &finish(&mut terminal));
    assert!(lab.server.requests().is_empty());
}

#[test]
fn ctrl_z_suspends_the_question_which_is_asked_again_in_front() {
    let lab = lab();
    let mut asked = Asked::in_a_job(&lab, "stty -a");
    // 128 and SIGTSTP
    asked.terminal.type_in("12\x1a").wait_for(ERASED).wait_for("stopped=148");
    asked.terminal.wait_for("\nisig icanon ").wait_for(" echo ").wait_for(QUESTION);
    asked.takes_the_pin("code=0");
}

/// Nobody could bring it to the front again.
#[test]
fn ctrl_z_without_a_shell_only_asks_again() {
    let lab = lab();
    let mut asked = Asked::alone(&lab);
    asked.terminal.type_in("12\x1a").wait_for(ERASED).wait_for(QUESTION);
    asked.takes_the_pin("\"Version\":1");
}

#[test]
fn a_question_in_the_background_waits_to_be_brought_to_the_front() {
    let lab = lab();
    let stopped = "until [ \"$(ps -o state= -p $(jobs -p))\" = T ]; do sleep 0.01; done";
    let mut asked = Asked::in_a_job(&lab, &format!("bg >/dev/null\n{stopped}\necho again"));
    asked.terminal.type_in("\x1a").wait_for("stopped=148").wait_for("again").wait_for(QUESTION);
    asked.takes_the_pin("code=0");
}

/// A shell has switched the echo on meanwhile, and nobody has told us.
#[test]
fn a_question_that_was_stopped_from_outside_is_asked_again_without_echo() {
    let lab = lab();
    for signal in [Signal::STOP, Signal::TSTP] {
        let mut asked = Asked::in_a_job(&lab, "stty echo icanon isig");
        kill_process_group(pid(asked.main), signal).expect("it is there and ours");
        asked.terminal.wait_for("stopped=").wait_for(QUESTION);
        asked.takes_the_pin("code=0");
    }
}

#[test]
fn a_host_that_was_stopped_for_a_while_shows_its_question_again() {
    let lab = lab();
    let mut asked = Asked::alone(&lab);
    asked.terminal.type_in("123");
    std::thread::sleep(Duration::from_millis(50));
    kill(asked.host, Signal::STOP);
    kill(asked.host, Signal::CONT);
    asked.terminal.wait_for(ERASED).wait_for(QUESTION);
    asked.terminal.type_in("\x7f\x7f\x7f");
    asked.takes_the_pin("\"Version\":1");
}

#[test]
fn a_notice_makes_way_for_a_question_and_is_back_afterwards() {
    let lab = lab();
    let fault = fault(&lab, "C_GetTokenInfo * maker Yubico\nC_Sign 1 sleep forever");
    let mut touched = asking(&lab);
    touched.arg("--pin-file").arg(lab.hsm.pin_file()).arg("--pkcs11-lib").arg(fault.module());
    let (touched, asking) = (touched, asking(&lab));
    let script = format!(
        "{touched} >/dev/null & sleep 2; {asked} >/dev/null; echo code=$?; read -r line; kill $!",
        touched = line(&touched),
        asked = line(&asking)
    );
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(script);
    shell.envs(asking.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell.envs(fault.command_env());
    let notice = "\rkeyanchor: touch token 'lab'\x1b[K";
    let mut terminal = Terminal::open();
    terminal.start(&shell).wait_for(notice).wait_for("\r\x1b[J").wait_for(QUESTION);
    // Long enough for it to come back several times.
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(terminal.shown_since(), "");
    terminal.type_in(&pin()).wait_for("\x1b[J").wait_for("code=0").wait_for(notice);
    terminal.type_in("\n").finish();
}
