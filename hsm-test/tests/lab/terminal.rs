//! The terminal of the lab: programs see a real one, and what is done to it is seen from outside.

use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;

use hsm_test::terminal::Terminal;

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

#[test]
fn a_question_is_read_and_answered_without_an_echo() {
    let mut terminal = Terminal::open();
    let before = terminal.state();
    assert!(before.echoes() && before.is_canonical() && before.has_signals());
    let ask =
        "stty -echo; printf 'Word: '; read word; stty echo; echo; echo \"it was $word\" | rev";
    terminal.start(&shell(ask)).wait_for("Word: ");
    assert!(!terminal.state().echoes() && terminal.state() != before);
    terminal.type_in("sesame\n").wait_for("emases saw ti");
    assert!(terminal.finish().status.success());
    assert!(!terminal.shown().contains("sesame"), "{:?}", terminal.shown());
    assert_eq!(terminal.state(), before);
}

#[test]
fn an_echo_is_seen_where_there_is_one() {
    let mut terminal = Terminal::open();
    terminal.start(&shell("printf 'Word: '; read word")).wait_for("Word: ").type_in("sesame\n");
    terminal.finish();
    assert_eq!(terminal.shown(), "Word: sesame\r\n");
}

#[test]
fn streams_that_are_captured_are_not_the_terminal() {
    let mut terminal = Terminal::open();
    let script = "echo out; echo err >&2; echo shown >/dev/tty; exit 3";
    let output = terminal.start_captured(&shell(script)).finish();
    assert_eq!(output.status.code(), Some(3));
    assert_eq!((output.stdout, output.stderr), (b"out\n".to_vec(), b"err\n".to_vec()));
    assert_eq!(terminal.shown(), "shown\r\n");
    // and it can be used again
    terminal.start(&shell("echo again")).wait_for("again");
    assert!(terminal.finish().stdout.is_empty());
}

#[test]
fn a_text_is_waited_for_after_the_one_before_it() {
    let mut terminal = Terminal::open();
    terminal.start(&shell("echo one; read a; echo one; read b; echo two"));
    terminal.wait_for("one\r\n").type_in("\n").wait_for("one").type_in("\n").wait_for("two");
    terminal.finish();
    assert_eq!(terminal.shown_since(), "\r\n");
}

#[test]
fn ctrl_c_is_a_signal_to_what_runs_there() {
    let mut terminal = Terminal::open();
    terminal.start(&shell("echo ready; exec sleep 600")).wait_for("ready").type_in("\x03");
    assert_eq!(terminal.finish().status.signal(), Some(2));
}

#[test]
fn a_window_has_a_size_and_closing_it_hangs_up() {
    let mut terminal = Terminal::open();
    terminal.resize(40, 10);
    terminal.start(&shell("stty size; exec sleep 600")).wait_for("10 40");
    assert_eq!(terminal.hang_up().finish().status.signal(), Some(1));
}

#[test]
#[should_panic(expected = "no \"more\" before the end: \"all\\r\\n\"")]
fn a_text_that_never_comes_is_a_panic_that_says_what_came() {
    Terminal::open().start(&shell("echo all")).wait_for("more");
}
