//! The question on the terminal: `script` gives the program a pseudo-terminal, as a person's shell
//! would, while its stdout and stderr are files, as an SDK's are pipes.

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};

use hsm_test::softhsm::SoftHsm;

use crate::golden::check;
use crate::lab::{Ended, Lab, lab};

pub(crate) struct Terminal {
    script: Child,
    shown: String,
}

impl Terminal {
    /// Starts the program on a terminal of its own, with its streams in files.
    fn start(lab: &Lab) -> Self {
        Self::start_with(lab, |program| format!("{program}; echo code=$?; stty -a"))
    }

    pub(crate) fn start_with(lab: &Lab, line: impl Fn(&str) -> String) -> Self {
        Self::start_in(lab, line, Vec::new())
    }

    fn start_in(
        lab: &Lab,
        line: impl Fn(&str) -> String,
        more: Vec<(String, std::ffi::OsString)>,
    ) -> Self {
        let folder = lab.hsm.dir().display();
        let quoted: Vec<_> =
            lab.server.arguments().iter().map(|word| format!("'{word}'")).collect();
        let program = format!(
            "{} credential-process --key 'pkcs11:token=lab;object=laptop' --certificate '{}' {} \
             >{folder}/stdout 2>{folder}/stderr",
            env!("CARGO_BIN_EXE_keyanchor"),
            lab.hsm.chain("laptop").display(),
            quoted.join(" ")
        );
        let line = line(&program);
        let mut script = Command::new("script");
        script.args(["-qec", &line, "/dev/null"]).envs(lab.hsm.command_env());
        script.env("KEYANCHOR_PKCS11_LIB", SoftHsm::module()).env("SHELL", "/bin/sh").envs(more);
        script.env("KEYANCHOR_RUNTIME_DIR", lab.hsm.dir().join("run"));
        let script = script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        Self { script: script.expect("script: install bsdutils"), shown: String::new() }
    }

    pub(crate) fn wait_for(&mut self, text: &str) {
        let out = self.script.stdout.as_mut().expect("stdout");
        let mut byte = [0];
        while !self.shown.contains(text) {
            assert_eq!(out.read(&mut byte).expect("terminal"), 1, "ended with {:?}", self.shown);
            self.shown.push(char::from(byte[0]));
        }
    }

    pub(crate) fn type_in(&mut self, keys: &str) {
        self.script.stdin.as_mut().expect("stdin").write_all(keys.as_bytes()).expect("type");
    }

    /// Reads to the end: what was shown after the question.
    pub(crate) fn finish(mut self) -> String {
        self.wait_for("code=");
        let mut rest = String::new();
        self.script.stdout.take().expect("stdout").read_to_string(&mut rest).expect("rest");
        self.script.wait().expect("script");
        self.shown + &rest
    }
}

fn stream(lab: &Lab, name: &str) -> String {
    std::fs::read_to_string(lab.hsm.dir().join(name)).expect(name)
}

#[test]
fn a_person_is_asked_on_the_terminal_and_the_question_is_erased() {
    let lab = lab();
    let mut terminal = Terminal::start(&lab);
    terminal.wait_for("keyanchor wants to sign with pkcs11:token=lab;object=laptop;id=%01");
    terminal.wait_for("PIN for token 'lab': ");
    terminal.type_in(&format!("9\x7f{}\n", SoftHsm::PIN));
    let shown = terminal.finish();
    assert!(shown.contains("\x1b[J") && shown.contains("code=0"), "{shown:?}");
    assert!(!shown.contains(SoftHsm::PIN), "what is typed is not shown");
    assert!(shown.contains(" echo ") && shown.contains(" icanon "), "the terminal is as it was");
    assert!(
        stream(&lab, "stdout").starts_with("{\"Version\":1,") && stream(&lab, "stderr").is_empty()
    );
}

#[test]
fn a_question_that_is_folded_is_erased_as_a_whole() {
    let lab = lab();
    let narrow = |program: &str| format!("stty cols 40; {program}; echo code=$?");
    let mut terminal = Terminal::start_with(&lab, narrow);
    terminal.wait_for("PIN for token 'lab': ");
    terminal.type_in(&format!("{}\n", SoftHsm::PIN));
    let shown = terminal.finish();
    assert!(shown.contains("\r\x1b[2A\x1b[J") && shown.contains("code=0"), "{shown:?}");
}

#[test]
fn ctrl_c_gives_up_and_leaves_the_terminal_as_it_was() {
    let lab = lab();
    let mut terminal = Terminal::start(&lab);
    terminal.wait_for("PIN for token 'lab': ");
    terminal.type_in("12\x03");
    let shown = terminal.finish();
    assert!(
        shown.contains("code=4") && shown.contains(" echo ") && !shown.contains("-isig"),
        "{shown:?}"
    );
    check("pin-not-given", &lab, &ended(&lab, 4));
    assert!(lab.server.requests().is_empty());
}

fn ended(lab: &Lab, code: i32) -> Ended {
    Ended { code, stdout: stream(lab, "stdout"), stderr: stream(lab, "stderr") }
}

#[test]
fn a_typed_pin_that_cannot_be_one_is_not_sent() {
    let lab = lab();
    let mut terminal = Terminal::start(&lab);
    terminal.wait_for("PIN for token 'lab': ");
    terminal.type_in("1\n");
    assert!(terminal.finish().contains("code=4"));
    check("pin-typed-that-cannot-be-one", &lab, &ended(&lab, 4));
}

/// A terminal whose window was closed: the question ends with it, and nothing stays behind.
#[test]
fn a_terminal_that_hangs_up_ends_the_run() {
    let lab = lab();
    let mut terminal = Terminal::start(&lab);
    terminal.wait_for("PIN for token 'lab': ");
    terminal.script.kill().expect("script runs");
    terminal.script.wait().expect("script ends");
    let folder = lab.hsm.dir().display().to_string();
    let ours = || {
        let processes = std::fs::read_dir("/proc").expect("/proc").flatten();
        let lines =
            processes.filter_map(|it| std::fs::read_to_string(it.path().join("cmdline")).ok());
        lines.filter(|line| line.contains(&folder)).count()
    };
    let start = std::time::Instant::now();
    while ours() > 0 {
        assert!(start.elapsed().as_secs() < 20, "{} processes are left", ours());
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert!(lab.server.requests().is_empty());
}

#[test]
fn a_person_who_does_not_answer_is_given_up_before_the_sdk_gives_up() {
    let lab = lab();
    let start = std::time::Instant::now();
    let shown = Terminal::start(&lab).finish();
    assert!(shown.contains("code=6"), "{shown:?}");
    assert!((50..75).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
    check("pin-not-given-in-time", &lab, &ended(&lab, 6));
}

#[test]
fn a_wrong_pin_is_sent_once_and_the_next_person_is_warned() {
    let lab = lab();
    let mut terminal = Terminal::start(&lab);
    terminal.wait_for("PIN for token 'lab': ");
    terminal.type_in("000000\n");
    assert!(terminal.finish().contains("code=4"));
    assert!(stream(&lab, "stderr").contains("the PIN is from the terminal; few tries are left"));
    let mut terminal = Terminal::start(&lab);
    terminal.wait_for("a wrong PIN was entered before; few tries are left");
    terminal.wait_for("PIN for token 'lab': ");
    terminal.type_in(&format!("{}\n", SoftHsm::PIN));
    assert!(terminal.finish().contains("code=0"));
}

#[test]
fn two_questions_on_one_terminal_wait_for_each_other() {
    let lab = lab();
    let both = |program: &str| {
        let other = program.replace("/stdout", "/stdout2").replace("/stderr", "/stderr2");
        format!("{other} & {program}; one=$?; wait $!; echo code=$one$?; stty -a")
    };
    let mut terminal = Terminal::start_with(&lab, both);
    for _ in 0..2 {
        terminal.wait_for("PIN for token 'lab': ");
        terminal.shown.clear();
        for key in SoftHsm::PIN.chars() {
            // As slowly as a person, so that two readers would share the keys.
            std::thread::sleep(std::time::Duration::from_millis(30));
            terminal.type_in(&key.to_string());
        }
        terminal.type_in("\n");
    }
    let shown = terminal.finish();
    assert!(shown.contains("code=00") && !shown.contains(SoftHsm::PIN), "{shown:?}");
    assert!(shown.contains(" echo ") && !shown.contains("-isig"), "the terminal is as it was");
    assert_eq!(lab.server.requests().len(), 2);
}

#[test]
fn a_person_is_warned_once_of_a_pin_that_others_can_see() {
    let lab = lab();
    let with_value = |program: &str| {
        let uri = format!("object=laptop?pin-value={}", SoftHsm::PIN);
        let shown = program.replace("object=laptop", &uri);
        let (program, _) = shown.split_once(" 2>").expect("stderr");
        format!("{program}; echo code=$?")
    };
    let shown = Terminal::start_with(&lab, with_value).finish();
    assert!(shown.contains("code=0"), "{shown:?}");
    assert_eq!(shown.matches("keyanchor: warning: ").count(), 1, "{shown:?}");
}

#[test]
fn a_person_is_not_asked_again_when_the_session_is_lost() {
    let lab = lab();
    let fault = crate::lab::fault(&lab, "C_SignInit 1 close");
    let lost = |program: &str| {
        let module = fault.module().display().to_string();
        format!("{program} --pkcs11-lib '{module}'; echo code=$?")
    };
    let mut terminal = Terminal::start_in(&lab, lost, fault.command_env());
    terminal.wait_for("PIN for token 'lab': ");
    terminal.type_in(&format!("{}\n", SoftHsm::PIN));
    let shown = terminal.finish();
    assert!(shown.contains("code=0"), "{shown:?}: {}", stream(&lab, "stderr"));
    assert_eq!((shown.matches("PIN for token").count(), fault.calls("C_Login")), (1, 2));
}
