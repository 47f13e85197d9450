//! A person starts the program from the prompt of a shell, and something ends it while it asks: then
//! the shell is as before, its line is shown and run, and no process is left.

use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;
use std::time::{Duration, Instant};

use hsm_test::terminal::{State, Terminal};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::hosts::{left_behind, own_programs, wait_until};
use crate::lab::{Lab, install, lab};
use crate::prompts::{asking, pin};

const PROMPT: &str = "lab> ";

/// bash edits its line by itself and has settings of its own while it does; dash leaves all to the
/// terminal, and repairs nothing.
const SHELLS: [&[&str]; 2] = [&["bash", "--norc", "--noprofile", "-i"], &["dash", "-i"]];

/// Whom a signal is sent to.
#[derive(Clone, Copy, Debug)]
enum To {
    Main,
    Host,
    /// Main program and host, one after the other.
    Both,
    /// All that the shell started there, at once: what the keys of a terminal do.
    Group,
}

struct Shell {
    lab: Lab,
    terminal: Terminal,
    before: State,
}

impl Shell {
    /// At its first prompt, with the program as `./ask`.
    fn start(words: &[&str]) -> Self {
        let lab = lab();
        own_programs(&lab);
        let asking = asking(&lab);
        let arguments = asking.get_args().map(|word| format!("'{}'", word.to_str().expect("text")));
        let arguments = arguments.collect::<Vec<_>>().join(" ");
        let script =
            format!("#!/bin/sh\nexec \"${{0%/*}}\"/bin/keyanchor {arguments} >/dev/null 2>&1\n");
        install(lab.write("ask.sh", &script), &lab.safe.path().join("ask"));
        let mut shell = Command::new(words[0]);
        shell.args(&words[1..]).current_dir(lab.safe.path());
        shell.envs(asking.get_envs().filter_map(|(name, value)| Some((name, value?))));
        shell.env("PS1", PROMPT).env("TERM", "dumb").env_remove("ENV");
        let mut terminal = Terminal::open();
        terminal.start(&shell).wait_for(PROMPT);
        terminal.type_in(&format!("cd '{}'\n", lab.safe.path().display())).wait_for("\n");
        let before = terminal.wait_for(PROMPT).state();
        Self { lab, terminal, before }
    }

    /// Starts the program, up to its question.
    fn ask(&mut self) {
        self.terminal.type_in("./ask\n").wait_for("PIN for token 'lab': ");
        assert!(!self.terminal.state().echoes());
    }

    fn send(&self, signal: Signal, to: To) {
        let main = child_of(self.terminal.leader()).expect("the program");
        let host = child_of(main).expect("its host");
        let pid = |id: u32| Pid::from_raw(id.try_into().expect("small")).expect("not 0");
        let sent = match to {
            To::Main => kill_process(pid(main), signal),
            To::Host => kill_process(pid(host), signal),
            To::Both => {
                let sent = kill_process(pid(host), signal);
                // It may have ended by itself meanwhile.
                let _ = kill_process(pid(main), signal);
                sent
            }
            To::Group => kill_process_group(pid(main), signal),
        };
        sent.expect("it is there and ours");
    }

    /// Back at the prompt: the terminal is as it was, and what is typed is shown once, and run.
    fn is_intact(&mut self, what: &str) {
        self.terminal.wait_for(PROMPT);
        wait_until(|| left_behind(&self.lab).is_empty());
        self.is_as_before(what);
        self.terminal.type_in("echo line $((6*7))\n").wait_for("line 42\r\n").wait_for(PROMPT);
        let shown = self.terminal.shown();
        let echoes = shown.matches("echo line $((6*7))").count();
        assert_eq!(echoes, 1, "{what}: {shown:?}");
        self.is_as_before(what);
        let ended = self.terminal.type_in("exit\n").finish();
        assert_eq!(ended.status.signal(), None, "{what}: the shell itself was ended");
    }

    fn is_as_before(&self, what: &str) {
        let until = Instant::now() + Duration::from_secs(10);
        while self.terminal.state() != self.before {
            let state = self.terminal.state();
            assert!(Instant::now() < until, "{what}: {state:?}\ninstead of {:?}", self.before);
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// The process that this one has started, from whichever of its threads.
pub(crate) fn child_of(parent: u32) -> Option<u32> {
    let threads = std::fs::read_dir(format!("/proc/{parent}/task")).ok()?.flatten();
    let children = |thread: std::fs::DirEntry| {
        std::fs::read_to_string(thread.path().join("children")).unwrap_or_default()
    };
    threads.map(children).collect::<String>().split_whitespace().next()?.parse().ok()
}

fn survives(signal: Signal, to: To) {
    for words in SHELLS {
        let mut shell = Shell::start(words);
        shell.ask();
        shell.send(signal, to);
        shell.is_intact(&format!("{} after {signal:?} to {to:?}", words[0]));
    }
}

#[test]
fn an_answer_leaves_the_shell_intact() {
    for words in SHELLS {
        for keys in [pin().as_str(), "12\x03", "\x04"] {
            let mut shell = Shell::start(words);
            shell.ask();
            shell.terminal.type_in(keys);
            shell.is_intact(&format!("{} after {keys:?}", words[0]));
        }
    }
}

#[test]
fn a_signal_to_the_main_program_leaves_the_shell_intact() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP, Signal::QUIT] {
        survives(signal, To::Main);
    }
}

#[test]
fn a_signal_to_the_host_leaves_the_shell_intact() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP, Signal::QUIT] {
        survives(signal, To::Host);
    }
}

#[test]
fn a_signal_to_all_that_the_shell_started_leaves_it_intact() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP, Signal::QUIT] {
        survives(signal, To::Group);
    }
}

#[test]
fn death_without_a_warning_leaves_the_shell_intact() {
    for to in [To::Main, To::Host, To::Both] {
        survives(Signal::KILL, to);
    }
}
