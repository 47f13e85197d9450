//! The question on the terminal: the program has one, as a person's shell would give it, while its
//! stdout and stderr are files, as an SDK's are pipes.

use std::process::Command;
use std::time::{Duration, Instant};

use hsm_test::softhsm::SoftHsm;
use hsm_test::terminal::Terminal;

use crate::golden::check;
use crate::lab::{Ended, Lab, bare, ended, lab, without_stdout};

/// `credential-process` for a key whose PIN nobody has configured.
pub(crate) fn asking(lab: &Lab) -> Command {
    let mut command = bare(&lab.credential_process());
    command.args(["--key", "pkcs11:token=lab;object=laptop"]);
    command.arg("--certificate").arg(lab.hsm.chain("laptop"));
    command
}

/// A terminal that it asks on.
pub(crate) fn asked(lab: &Lab) -> Terminal {
    let mut terminal = Terminal::open();
    terminal.start_captured(&asking(lab));
    terminal
}

pub(crate) fn finish(terminal: &mut Terminal) -> Ended {
    ended(&terminal.finish())
}

fn granted(terminal: &mut Terminal) {
    let ended = finish(terminal);
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{:?}", terminal.shown());
    assert!(ended.stdout.starts_with("{\"Version\":1,"), "{}", ended.stdout);
    assert!(!terminal.shown().contains(SoftHsm::PIN), "what is typed is not shown");
}

/// The PIN, and enter.
pub(crate) fn pin() -> String {
    format!("{}\n", SoftHsm::PIN)
}

#[test]
fn a_person_is_asked_on_the_terminal_and_the_question_is_erased() {
    let lab = lab();
    let mut terminal = Terminal::open();
    let before = terminal.state();
    terminal.start_captured(&asking(&lab));
    terminal.wait_for(" wants to sign with pkcs11:token=lab;object=laptop;id=%01");
    terminal.wait_for("PIN for token 'lab': ");
    assert!(!terminal.state().echoes());
    terminal.type_in(&format!("9\x7f{}", pin()));
    granted(&mut terminal);
    assert!(terminal.shown_since().contains("\x1b[J"), "{:?}", terminal.shown());
    assert_eq!(terminal.state(), before);
}

#[test]
fn a_question_that_is_folded_is_erased_as_a_whole() {
    let lab = lab();
    let mut terminal = Terminal::open();
    terminal.resize(40, 24);
    terminal.start_captured(&asking(&lab)).wait_for("PIN for token 'lab': ").type_in(&pin());
    granted(&mut terminal);
    assert!(terminal.shown().contains("\r\x1b[3A\x1b[J"), "{:?}", terminal.shown());
}

#[test]
fn ctrl_c_gives_up_and_leaves_the_terminal_as_it_was() {
    let lab = lab();
    let mut terminal = Terminal::open();
    let before = terminal.state();
    terminal.start_captured(&asking(&lab)).wait_for("PIN for token 'lab': ").type_in("12\x03");
    check("pin-not-given", &lab, &finish(&mut terminal));
    assert_eq!(terminal.state(), before);
    assert!(lab.server.requests().is_empty());
}

#[test]
fn a_typed_pin_that_cannot_be_one_is_not_sent() {
    let lab = lab();
    let mut terminal = asked(&lab);
    terminal.wait_for("PIN for token 'lab': ").type_in("1\n");
    for _ in 0..2 {
        terminal.wait_for("keyanchor: the token takes PINs of 4 to 255 bytes");
        terminal.wait_for("PIN for token 'lab': ").type_in("1\n");
    }
    check("pin-typed-that-cannot-be-one", &lab, &finish(&mut terminal));
}

/// A terminal whose window was closed: the question ends with it, and nothing stays behind.
#[test]
fn a_terminal_that_hangs_up_ends_the_run() {
    let lab = lab();
    let mut terminal = asked(&lab);
    terminal.wait_for("PIN for token 'lab': ").hang_up().finish();
    let folder = lab.hsm.dir().display().to_string();
    let ours = || {
        let processes = std::fs::read_dir("/proc").expect("/proc").flatten();
        let lines =
            processes.filter_map(|it| std::fs::read_to_string(it.path().join("cmdline")).ok());
        lines.filter(|line| line.contains(&folder)).count()
    };
    let start = Instant::now();
    while ours() > 0 {
        assert!(start.elapsed().as_secs() < 20, "{} processes are left", ours());
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(lab.server.requests().is_empty());
}

#[test]
fn a_person_who_does_not_answer_is_given_up_before_the_sdk_gives_up() {
    let lab = lab();
    let start = Instant::now();
    let ended = finish(&mut asked(&lab));
    assert!((50..75).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
    check("pin-not-given-in-time", &lab, &ended);
}

#[test]
fn a_person_is_asked_again_while_tries_are_left_and_the_next_one_is_warned() {
    let lab = lab();
    let mut terminal = asked(&lab);
    for wrong in ["000000\n", "000001\n", "000002\n"] {
        terminal.wait_for("PIN for token 'lab': ").type_in(wrong);
        if wrong != "000002\n" {
            terminal.wait_for("keyanchor: wrong PIN; few tries are left");
        }
    }
    check("pin-typed-wrong-three-times", &lab, &finish(&mut terminal));
    let mut terminal = asked(&lab);
    terminal.wait_for("a wrong PIN was entered before; few tries are left");
    terminal.wait_for("PIN for token 'lab': ").type_in("000000\n");
    terminal.wait_for("PIN for token 'lab': ").type_in(&pin());
    granted(&mut terminal);
}

#[test]
fn two_questions_on_one_terminal_wait_for_each_other() {
    let lab = lab();
    let asking = asking(&lab);
    let both = "\"$@\" & \"$@\"; one=$?; wait $!; echo code=$one$? >/dev/tty";
    let mut shell = Command::new("sh");
    shell.args(["-c", both, "sh"]).arg(asking.get_program()).args(asking.get_args());
    shell.envs(asking.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let mut terminal = Terminal::open();
    let before = terminal.state();
    terminal.start_captured(&shell);
    for _ in 0..2 {
        terminal.wait_for("PIN for token 'lab': ");
        for key in SoftHsm::PIN.chars() {
            // As slowly as a person, so that two readers would share the keys.
            std::thread::sleep(Duration::from_millis(30));
            terminal.type_in(&key.to_string());
        }
        terminal.type_in("\n");
    }
    terminal.wait_for("code=00").finish();
    assert!(!terminal.shown().contains(SoftHsm::PIN), "{:?}", terminal.shown());
    assert_eq!(terminal.state(), before);
    assert_eq!(lab.server.requests().len(), 2);
}

#[test]
fn a_person_is_warned_once_of_a_pin_that_others_can_see() {
    let lab = lab();
    let mut command = lab.credential_process();
    let uri = format!("pkcs11:token=lab;object=laptop?pin-value={}", SoftHsm::PIN);
    command.args(["--key", &uri]).arg("--certificate").arg(lab.hsm.chain("laptop"));
    let mut terminal = Terminal::open();
    let output = terminal.start(&without_stdout(&bare(&command))).finish();
    let shown = terminal.shown();
    assert!(output.status.success(), "{shown}");
    assert_eq!(shown.matches("keyanchor: warning: ").count(), 1, "{shown}");
}

#[test]
fn a_person_is_not_asked_again_when_the_session_is_lost() {
    let lab = lab();
    let fault = crate::lab::fault(&lab, "C_SignInit 1 close");
    let mut command = asking(&lab);
    command.arg("--pkcs11-lib").arg(fault.module()).envs(fault.command_env());
    let mut terminal = Terminal::open();
    terminal.start_captured(&command).wait_for("PIN for token 'lab': ").type_in(&pin());
    granted(&mut terminal);
    let questions = terminal.shown().matches("PIN for token").count();
    assert_eq!((questions, fault.calls("C_Login")), (1, 2));
}
