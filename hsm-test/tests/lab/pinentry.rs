//! The lab's pinentry against a real one: the same words get the same answers.

use std::process::Command;

use hsm_test::askpass::{self, Askpass};
use hsm_test::assuan::{Client, Reply, decoded, encoded};
use hsm_test::pinentry::{Answer, Pinentry};
use hsm_test::terminal::Terminal;
use tempfile::TempDir;

const CANCELLED: &str = "ERR 83886179 Operation cancelled <Pinentry>";

/// A PIN with everything that has a meaning in Assuan, and in the file of answers.
const HARD: &str = "50 %25|#é\\n %";

fn fake(answers: &[Answer<'_>]) -> (TempDir, Pinentry, Client) {
    let directory = tempfile::tempdir().expect("a directory");
    let pinentry = Pinentry::new(directory.path(), answers);
    let client = Client::start(Command::new(pinentry.program()).arg("--timeout=50"));
    (directory, pinentry, client)
}

fn real(terminal: &Terminal) -> Client {
    let mut command = Command::new("pinentry-tty");
    let mut client = Client::start(command.env("LC_ALL", "C.UTF-8"));
    client.set("OPTION", &format!("ttyname={}", terminal.path().display()));
    client.set("OPTION", "ttytype=dumb");
    client
}

fn pin(text: &str) -> Reply {
    Reply { data: Some(text.into()), line: "OK".into() }
}

#[test]
fn a_real_pinentry_and_ours_answer_the_same_to_the_same_words() {
    let words = [
        "OPTION no-grab",
        "OPTION lc-ctype=C.UTF-8",
        "OPTION foo=bar",
        "GETINFO nothing",
        "SETTIMEOUT 50",
        "SETTITLE a title",
        "SETDESC two%0Alines, 100%25",
        "SETPROMPT PIN:",
        "SETERROR wrong PIN",
        "SETOK yes",
        "FROBNICATE",
        "NOP",
        "RESET",
    ];
    let terminal = Terminal::open();
    let (_directory, _pinentry, mut ours) = fake(&[]);
    let mut theirs = real(&terminal);
    for word in words {
        assert_eq!(ours.ask(word), theirs.ask(word), "{word}");
    }
    assert_eq!(ours.ask("BYE"), theirs.ask("BYE"));
    assert!(ours.wait() && theirs.wait());
}

#[test]
fn a_pin_that_is_typed_into_a_real_pinentry_is_its_answer() {
    let mut terminal = Terminal::open();
    let before = terminal.state();
    let mut client = real(&terminal);
    client.set("SETDESC", "keyanchor wants 100%\nof it");
    client.set("SETPROMPT", "PIN for token 'lab':");
    client.say("GETPIN");
    terminal.wait_for("keyanchor wants 100%\r\nof it").wait_for("PIN for token 'lab':");
    terminal.type_in(&format!("{HARD}\n"));
    assert_eq!(client.reply(), pin(HARD));
    assert_eq!(terminal.state(), before);
    client.say("GETPIN");
    terminal.wait_for("PIN for token 'lab':").type_in("\x04");
    assert_eq!(client.reply().line, CANCELLED);
    assert_eq!(terminal.state(), before);
}

#[test]
fn answers_are_given_in_their_order_and_what_was_said_is_kept() {
    let script = [Answer::Pin(HARD), Answer::Cancel, Answer::Timeout, Answer::Error(83_918_950)];
    let (_directory, pinentry, mut client) = fake(&script);
    client.set("SETDESC", "two\nlines, 100%");
    client.set("OPTION", "display=:7");
    assert_eq!(client.ask("GETPIN"), pin(HARD));
    assert_eq!(client.ask("GETPIN"), Reply { data: None, line: CANCELLED.into() });
    assert!(client.ask("GETPIN").line.starts_with("ERR 83886142 "));
    assert_eq!(pinentry.answers_left(), 1);
    assert!(client.ask("CONFIRM --one-button").line.starts_with("ERR 83918950 "));
    assert_eq!(client.ask("BYE").line, "OK closing connection");
    assert_eq!(pinentry.told("SETDESC"), ["two\nlines, 100%"]);
    assert_eq!(
        (pinentry.told("OPTION"), pinentry.told("GETPIN").len()),
        (vec!["display=:7".into()], 3)
    );
    let received = pinentry.received();
    assert_eq!(received[0], "# started with: --timeout=50");
    let descriptors = received.iter().filter(|line| line.starts_with("# descriptor ")).count();
    assert!(descriptors >= 3, "{received:?}");
}

#[test]
fn a_pinentry_can_die_or_hang_and_says_when_it_has_no_answer() {
    let (_directory, _pinentry, mut client) = fake(&[Answer::Die]);
    client.say("GETPIN");
    assert!(!client.wait());
    let (_directory, pinentry, mut client) = fake(&[Answer::Pin(""), Answer::Ok]);
    let ok = || Reply { data: None, line: "OK".into() };
    assert_eq!((client.ask("GETPIN"), client.ask("MESSAGE")), (ok(), ok()));
    client.say("GETPIN");
    assert!(!client.wait());
    assert_eq!(pinentry.received().last().map(String::as_str), Some("# no answer is left"));
    let (_directory, pinentry, mut client) = fake(&[Answer::Hang]);
    client.say("GETPIN");
    while pinentry.answers_left() > 0 {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    drop(client);
}

#[test]
fn an_askpass_is_asked_with_its_argument() {
    let directory = tempfile::tempdir().expect("a directory");
    let answers = [askpass::Answer::Say("50 %s\\n"), askpass::Answer::Cancel];
    let askpass = Askpass::new(directory.path(), "askpass", &answers);
    let ask = || Command::new(askpass.program()).arg("two\nlines").output().expect("it starts");
    let (first, second) = (ask(), ask());
    assert_eq!((first.status.code(), first.stdout), (Some(0), b"50 %s\\n\n".to_vec()));
    assert_eq!((second.status.code(), second.stdout), (Some(1), Vec::new()));
    assert_eq!(askpass.started(), ["two\nlines\n", "two\nlines\n"]);
}

#[test]
fn what_is_encoded_is_decoded() {
    assert_eq!(encoded("a\nb\r%"), "a%0Ab%0D%25");
    assert_eq!(decoded("a%0ab%0D%25%zz%4"), "a\nb\r%%zz%4");
    assert_eq!(decoded(&encoded(HARD)), HARD);
}
