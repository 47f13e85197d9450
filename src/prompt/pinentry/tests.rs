//! Shell scripts in the place of a pinentry, and the real ones of this computer.

use super::*;
use crate::prompt::program::tests::shell_with;
use crate::wire::failure::Tries;

const KEY: &str = "pkcs11:token=lab;id=%01";

const REQUEST: PinRequest<'_> = PinRequest {
    word: "PIN",
    of: "token '100 % <b>'",
    key: KEY,
    caller: Some("aws (process 5)"),
    tries: Tries::Few,
    why: None,
};

/// A pinentry that says OK to everything but what the script has its own answer for.
fn asked(case: &str, request: &PinRequest<'_>) -> (Result<String, NoPin>, String) {
    let heard = tempfile::NamedTempFile::new().expect("file");
    let script = format!(
        "echo OK hello; while read -r line; do echo \"$line\" >>{}; \
         case $line in {case} *) echo OK;; esac; done",
        heard.path().display()
    );
    let (program, _caller) = shell_with(&script, Stdio::piped());
    let answer = ask(program, request).map(|secret| secret.expose().to_owned());
    (answer, std::fs::read_to_string(heard.path()).expect("heard"))
}

fn answer(case: &str) -> Result<String, NoPin> {
    asked(case, &REQUEST).0
}

fn reason(case: &str) -> String {
    let Err(NoPin::Unusable(reason)) = answer(case) else { panic!("{case}") };
    reason.split_once(": ").expect("the program and the reason").1.to_owned()
}

#[test]
fn all_that_a_person_must_know_is_shown_in_the_manner_of_the_protocol() {
    let (answer, heard) = asked("GETPIN) echo 'D 12%2534'; echo OK;;", &REQUEST);
    assert_eq!(answer.as_deref(), Ok("12%34"));
    for line in [
        "OPTION no-grab",
        "SETTITLE keyanchor",
        "SETTIMEOUT 50",
        "SETPROMPT PIN:",
        "SETDESC aws (process 5) wants to sign with pkcs11:token=lab;id=%2501%0A\
         a wrong PIN was entered before; few tries are left%0APIN for token '100 %25 ‹b>'",
    ] {
        assert!(heard.lines().any(|said| said == line), "{line}: {heard}");
    }
    assert!(!heard.contains("SETERROR"), "{heard}");
}

#[test]
fn why_it_asks_again_is_shown_as_an_error_and_not_said_twice() {
    let request = PinRequest { why: Some("the PIN was wrong"), ..REQUEST };
    let (_, heard) = asked("GETPIN) echo OK;;", &request);
    assert!(heard.contains("\nSETERROR the PIN was wrong; few tries are left\n"), "{heard}");
    assert_eq!(heard.matches("the PIN was wrong").count(), 1);
}

#[test]
fn a_pin_may_come_in_pieces_and_among_status_lines() {
    let pieces = "echo 'S PASSWORD'; echo 'D 12'; echo '# why'; echo 'D 3%0a%'; echo 'OK done'";
    assert_eq!(answer(&format!("GETPIN) {pieces};;")).as_deref(), Ok("123\n%"));
    assert_eq!(answer("GETPIN) echo 'D %+f%zz'; echo OK;;").as_deref(), Ok("%+f%zz"));
    assert_eq!(answer("GETPIN) echo OK;;").as_deref(), Ok(""));
    assert_eq!(answer("GETPIN) echo 'D ä'; echo OK;;").as_deref(), Ok("ä"));
}

#[test]
fn who_closes_the_dialog_or_leaves_it_open_gives_up() {
    for code in ["83886179 Operation cancelled <Pinentry>", "83886278", "83886142 Timeout", "99"] {
        assert_eq!(
            answer(&format!("GETPIN) echo 'ERR {code}';;")),
            Err(NoPin::Cancelled),
            "{code}"
        );
    }
}

#[test]
fn what_it_does_not_know_is_no_obstacle_but_to_the_question() {
    let refuses = "OPTION*|SET*) echo 'ERR 536871187 Unknown IPC command';; \
                   GETPIN) echo 'D 1234'; echo OK;;";
    assert_eq!(answer(refuses).as_deref(), Ok("1234"));
    let none = "GETPIN) echo 'ERR 83918950 Inappropriate ioctl for device <Pinentry>';;";
    assert_eq!(reason(none), "inappropriate ioctl for device");
    for error in ["ERR 1", "ERR 1 ", "ERR 1  <x>"] {
        assert_eq!(reason(&format!("GETPIN) echo '{error}';;")), "it refuses without a reason");
    }
}

#[test]
fn a_program_that_is_no_pinentry_is_left() {
    assert_eq!(reason("GETPIN) echo hello;;"), "it does not speak as a pinentry does");
    assert_eq!(reason("GETPIN) exit;;"), "it ended without an answer");
    assert_eq!(reason("GETPIN) yes '# nothing';;"), "its answer has too many lines");
    assert_eq!(reason("GETPIN) yes | tr -d '\\n';;"), "its answer is longer than 1000 bytes");
    assert_eq!(reason("GETPIN) yes D $(printf %0900d 7);;"), "its answer is too long");
    let unfit = NoPin::Unfit("the PIN is not UTF-8 text".to_owned());
    assert_eq!(answer("GETPIN) printf 'D \\377\\nOK\\n';;"), Err(unfit));
}

#[test]
fn a_text_of_any_length_fits_into_a_line_of_the_protocol() {
    for text in ["%", "\n", "<", "ä", "a"] {
        let line = with_text("SETDESC", &[text.repeat(2000)]);
        assert!((997..=1000).contains(&line.len()), "{text}: {}", line.len());
        assert!(!line.contains('\n'));
    }
}

fn comes_true(what: &dyn Fn() -> bool) {
    let start = std::time::Instant::now();
    while !what() {
        assert!(start.elapsed().as_secs() < 20, "it has not come true in 20 s");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_notice_is_shown_until_it_is_over_and_nobody_waits_for_an_answer() {
    let heard = tempfile::NamedTempFile::new().expect("file");
    let script =
        format!("while read -r line; do echo \"$line\" >>{}; done", heard.path().display());
    let (program, caller) = shell_with(&script, Stdio::piped());
    let shown = show(program, &Notice::Touch("lab")).expect("written");
    let said = || std::fs::read_to_string(heard.path()).expect("heard");
    comes_true(&|| said().ends_with("SETDESC touch lab\nMESSAGE\n"));
    assert!(shown.is_awaited());
    drop(caller);
    // A program that another test starts at this moment may hold that end, too, until it runs.
    comes_true(&|| !shown.is_awaited());
}

#[test]
fn a_program_that_was_chosen_is_named_by_its_variable() {
    let program = "/no/such".into();
    let pinentry = Pinentry { program, setting: Some("KEYANCHOR_PINENTRY"), hidden: Vec::new() };
    let none = pinentry.start().map_err(|none| pinentry.named(none)).err();
    let reason = "KEYANCHOR_PINENTRY: /no/such: no such file or directory".to_owned();
    assert_eq!(none, Some(NoPin::Unusable(reason)));
}
