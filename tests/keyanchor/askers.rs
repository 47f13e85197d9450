//! Programs that ask in our place: a pinentry or an askpass that was chosen, and those of a desktop.
//! The lab's answer as a test says, and tell what they were told; two real ones use a terminal.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use hsm_test::askpass::{self, Askpass};
use hsm_test::pinentry::{Answer, Pinentry};
use hsm_test::softhsm::SoftHsm;
use hsm_test::terminal::Terminal;

use crate::golden::check;
use crate::lab::{Lab, granted, install, lab, run, under};

mod desktop;

/// A journey for which somebody has to be asked, without a terminal.
fn asks(lab: &Lab) -> Command {
    let mut command = lab.credential_process();
    command.args(["--key", "pkcs11:token=lab;object=laptop", "--certificate"]);
    command.arg(lab.hsm.chain("laptop"));
    command
}

/// The same with a pinentry that gives those answers.
fn asks_by(lab: &Lab, answers: &[Answer<'_>]) -> (Command, Pinentry) {
    let pinentry = Pinentry::new(lab.safe.path(), answers);
    let mut command = asks(lab);
    command.env("KEYANCHOR_PINENTRY", pinentry.program());
    (command, pinentry)
}

/// A program of these lines of shell.
fn program(lab: &Lab, name: &str, script: &str) -> std::path::PathBuf {
    let path = lab.safe.path().join(name);
    install(lab.write(name, &format!("#!/bin/sh\n{script}\n")), &path);
    path
}

/// Waits until as many processes as that have this in their environment.
fn are_left(count: usize, text: &str) {
    let start = Instant::now();
    let left = || {
        let processes = std::fs::read_dir("/proc").expect("/proc").flatten();
        let environments =
            processes.filter_map(|process| std::fs::read(process.path().join("environ")).ok());
        environments.filter(|all| String::from_utf8_lossy(all).contains(text)).count()
    };
    while left() != count {
        assert!(start.elapsed().as_secs() < 20, "{} processes are left", left());
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn wait_for(pinentry: &Pinentry, line: &str) {
    let start = Instant::now();
    while !pinentry.received().iter().any(|received| received == line) {
        assert!(start.elapsed().as_secs() < 20, "{:?}", pinentry.received());
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_pinentry_is_told_who_wants_what_and_given_nothing_of_ours() {
    let lab = lab();
    let (mut command, pinentry) = asks_by(&lab, &[Answer::Pin(SoftHsm::PIN)]);
    granted(&mut command);
    let description = pinentry.told("SETDESC").concat();
    for text in ["wants to sign with pkcs11:token=lab;object=laptop", "\nPIN for token 'lab'"] {
        assert!(description.contains(text), "{description}");
    }
    assert_eq!(pinentry.told("SETPROMPT"), ["PIN:"]);
    assert_eq!(pinentry.told("SETTIMEOUT"), ["50"]);
    let options = pinentry.told("OPTION");
    assert!(!options.iter().any(|option| option.starts_with("tty")), "{options:?}");
    assert_eq!(pinentry.received().iter().filter(|line| *line == "GETPIN").count(), 1);
}

#[test]
fn a_program_that_asks_has_no_file_of_ours() {
    let lab = lab();
    let (mut command, pinentry) = asks_by(&lab, &[Answer::Pin(SoftHsm::PIN)]);
    let seen = lab.hsm.dir().join("seen");
    let list = format!("ls -l /proc/self/fd >'{}'; exec", seen.display());
    let list = program(&lab, "list", &format!("{list} '{}'", pinentry.program().display()));
    granted(command.env("KEYANCHOR_PINENTRY", list));
    let open_here = std::fs::read_dir("/proc/self/fd").expect("/proc").flatten();
    let open_here = open_here.filter_map(|open| std::fs::read_link(open.path()).ok());
    // What the caller of this test has left open is not ours.
    let inherited: Vec<_> = open_here.map(|file| file.display().to_string()).collect();
    let listed = std::fs::read_to_string(seen).expect("seen");
    let more = listed.lines().filter_map(|line| line.split_once(" -> ")).filter(|(name, file)| {
        !["0", "1", "2"].iter().any(|number| name.ends_with(&format!(" {number}")))
            && !file.starts_with("/proc/")
            && !inherited.iter().any(|open| open == file)
    });
    assert_eq!(more.count(), 0, "{listed}");
}

#[test]
fn whoever_closes_the_dialog_or_does_not_answer_gives_up() {
    for answer in [Answer::Cancel, Answer::Timeout] {
        let lab = lab();
        let (mut command, _pinentry) = asks_by(&lab, &[answer]);
        check("pin-not-given", &lab, &run(&mut command));
        assert!(lab.server.requests().is_empty());
    }
}

#[test]
fn a_pinentry_that_was_chosen_is_used_or_named() {
    let lab = lab();
    let missing = lab.safe.path().join("missing");
    let open = program(&lab, "open", "");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o757);
    std::fs::set_permissions(&open, mode).expect("chmod");
    let silent = program(&lab, "silent", "exit 0");
    for (name, chosen) in [
        ("pinentry-that-ends", silent.as_path()),
        ("pinentry-that-is-missing", &missing),
        ("pinentry-that-is-not-in-path", Path::new("no-such-pinentry")),
        ("pinentry-that-others-can-change", &open),
        ("pinentry-with-a-relative-path", Path::new("bin/pinentry")),
    ] {
        check(name, &lab, &run(asks(&lab).env("KEYANCHOR_PINENTRY", chosen)));
    }
}

#[test]
fn what_a_pinentry_says_is_not_believed() {
    let lab = lab();
    for (name, says) in [
        ("pinentry-that-answers-without-an-end", "yes '# nothing'"),
        (
            "pinentry-that-cannot-ask",
            "echo 'ERR 83918950 Inappropriate ioctl for device <Pinentry>'",
        ),
        ("pinentry-that-gives-no-text", r"printf 'D \377\nOK\n'"),
        ("pinentry-that-gives-too-much", "yes \"D $(printf %0900d 7)\""),
        ("pinentry-that-refuses", "echo ERR 1"),
        ("pinentry-that-says-something-else", "echo 'PIN: '"),
        ("pinentry-with-an-endless-line", "yes | tr -d '\\n'"),
    ] {
        let lines = format!(
            "echo OK hello; while read -r line; do case $line in \
             GETPIN) {says};; *) echo OK;; esac; done"
        );
        let chosen = program(&lab, "pinentry", &lines);
        check(name, &lab, &run(asks(&lab).env("KEYANCHOR_PINENTRY", chosen)));
    }
}

/// As pinentry-curses is where there is no terminal.
const NO_WINDOW: &str = "echo OK hello; while read -r line; do case $line in \
     GETPIN) echo 'ERR 83918950 Inappropriate ioctl for device <Pinentry>';; *) echo OK;; esac; done";

#[test]
fn on_a_desktop_the_next_pinentry_is_tried_where_one_has_no_window() {
    let lab = lab();
    program(&lab, "pinentry", NO_WINDOW);
    let answers = [askpass::Answer::Say(SoftHsm::PIN)];
    let askpass = Askpass::new(lab.safe.path(), "ssh-askpass", &answers);
    let mut command = asks(&lab);
    command.env("DISPLAY", ":4242").env("PATH", format!("{}:/bin", lab.safe.path().display()));
    let by_both = |command: &mut Command| {
        command.env("SSH_ASKPASS", askpass.program());
        granted(command);
    };
    // /bin has real ones here and there, which have no window either: there is no such display.
    by_both(&mut command);
    assert_eq!(askpass.started().len(), 1);
    assert!(askpass.started().concat().contains("PIN for token 'lab': "), "{askpass:?}");
    let refused = run(command.env("SSH_ASKPASS_REQUIRE", "never"));
    assert!(
        refused.code == 4 && refused.stderr.contains("inappropriate ioctl"),
        "{}",
        refused.stderr
    );
    assert_eq!(askpass.started().len(), 1);
}

/// A run that waits for a token which nobody puts in, on a desktop with programs of the test.
fn waits(lab: &Lab) -> Command {
    let mut command = lab.credential_process();
    command.args(["--key", "pkcs11:token=absent", "--wait", "3s", "--certificate"]);
    command.arg(lab.hsm.chain("laptop")).env("DISPLAY", ":4242");
    command.env("PATH", format!("{}:/usr/bin:/bin", lab.safe.path().display()));
    command
}

#[test]
fn a_desktop_is_told_what_is_waited_for_and_the_notification_is_taken_away() {
    let lab = lab();
    let answers = [askpass::Answer::Say("7"), askpass::Answer::Say("7")];
    let notifier = Askpass::new(lab.safe.path(), "notify-send", &answers);
    let ended = run(&mut waits(&lab));
    assert!(ended.stderr.contains("token=absent"), "{}", ended.stderr);
    let started = notifier.started();
    assert_eq!(started.len(), 2, "{started:?}");
    assert!(started[0].contains("--print-id\n"), "{started:?}");
    assert!(started[0].ends_with("\nkeyanchor: insert token 'absent'\n"), "{started:?}");
    assert!(started[1].contains("--replace-id=7\n--expire-time=1\n"), "{started:?}");
}

#[test]
fn a_desktop_without_notifications_is_told_by_a_message_that_goes_away() {
    let lab = lab();
    Askpass::new(lab.safe.path(), "notify-send", &[askpass::Answer::Cancel]);
    let pinentry = Pinentry::new(lab.safe.path(), &[Answer::Hang]);
    let mark = format!("PATH={}:", lab.safe.path().display());
    run(&mut waits(&lab));
    assert_eq!(pinentry.told("MESSAGE"), [""]);
    assert_eq!(pinentry.told("SETDESC"), ["insert token 'absent'"]);
    are_left(0, &mark);
}

#[test]
fn a_pin_for_another_program_or_token_is_no_affair_of_who_tells_what_is_waited_for() {
    let lab = lab();
    let seen = lab.hsm.dir().join("seen");
    let show = format!("{{ env; ls -l /proc/$$/fd; }} >>'{}'; echo 7", seen.display());
    program(&lab, "notify-send", &show);
    let file = lab.hsm.pin_file().display().to_string();
    run(waits(&lab).args(["--pin-env", "PIN_OF_LAB"]).env("PIN_OF_LAB", SoftHsm::PIN));
    let line = format!("exec \"$@\" --pin-fd 7 7<'{file}'");
    run(&mut under(&waits(&lab), &["sh", "-c", &line, "sh"]));
    let seen = std::fs::read_to_string(seen).expect("notifications");
    assert!(seen.matches("DISPLAY=").count() >= 2, "{seen}");
    assert!(!seen.contains("PIN_OF_LAB") && !seen.contains(&file), "{seen}");
}

#[test]
fn nobody_is_asked_where_that_is_said() {
    let lab = lab();
    let (mut command, pinentry) = asks_by(&lab, &[Answer::Pin(SoftHsm::PIN)]);
    let ended = run(command.arg("--no-prompt").env("SSH_ASKPASS_REQUIRE", "force"));
    assert!(ended.code == 4 && ended.stderr.contains("--no-prompt"), "{}", ended.stderr);
    assert!(pinentry.received().is_empty());
}

#[test]
fn a_wrong_pin_is_asked_for_again_and_the_dialog_says_why() {
    let lab = lab();
    let (mut command, pinentry) =
        asks_by(&lab, &[Answer::Pin("000000"), Answer::Pin(SoftHsm::PIN)]);
    granted(&mut command);
    assert_eq!(pinentry.told("SETERROR"), ["wrong PIN; few tries are left"]);
    assert_eq!(pinentry.told("SETDESC").len(), 2);
    assert!(!pinentry.told("SETDESC").concat().contains("wrong PIN"));
}

#[test]
fn an_askpass_that_is_required_needs_no_display_and_may_be_refused() {
    let lab = lab();
    let answers = [askpass::Answer::Say(SoftHsm::PIN), askpass::Answer::Cancel];
    let askpass = Askpass::new(lab.safe.path(), "ssh-askpass", &answers);
    let mut command = asks(&lab);
    command.env("SSH_ASKPASS", askpass.program());
    check("no-terminal-for-the-pin", &lab, &run(&mut command));
    command.env("SSH_ASKPASS_REQUIRE", "force");
    granted(&mut command);
    check("pin-not-given", &lab, &run(&mut command));
    check("askpass-that-is-missing", &lab, &run(command.env("SSH_ASKPASS", "/no/such/askpass")));
}

#[test]
fn a_dialog_is_gone_with_whoever_waits_for_its_answer() {
    let lab = lab();
    let (mut command, pinentry) = asks_by(&lab, &[Answer::Hang]);
    let mut started = command.spawn().expect("the program starts");
    wait_for(&pinentry, "GETPIN");
    started.kill().expect("it runs");
    started.wait().expect("it ends");
    are_left(0, &format!("KEYANCHOR_PINENTRY={}", pinentry.program().display()));
}

#[test]
fn a_dialog_that_does_not_answer_is_given_up_before_the_sdk_gives_up() {
    let lab = lab();
    let (mut command, pinentry) = asks_by(&lab, &[Answer::Hang]);
    check("pin-not-given-in-time", &lab, &run(&mut command));
    are_left(0, &format!("KEYANCHOR_PINENTRY={}", pinentry.program().display()));
}

#[test]
fn two_dialogs_do_not_lie_on_top_of_each_other() {
    let lab = lab();
    let here = lab.hsm.dir().display().to_string();
    let script = format!(
        "echo OK hello; while read -r line; do case $line in \
         GETPIN) mkdir '{here}/shown' || echo two >'{here}/at-once'; sleep 1; \
         rmdir '{here}/shown'; echo 'D {}'; echo OK;; *) echo OK;; esac; done",
        SoftHsm::PIN
    );
    let slow = program(&lab, "slow", &script);
    let run_beside = || {
        let mut command = asks(&lab);
        command.env("KEYANCHOR_PINENTRY", &slow).stdout(std::process::Stdio::null());
        command.spawn().expect("the program starts")
    };
    let both = [run_beside(), run_beside()];
    for mut each in both {
        assert!(each.wait().expect("it ends").success());
    }
    assert!(!lab.hsm.dir().join("at-once").exists());
}

/// The same command on a terminal, started by a shell that outlives it; and the number of its process.
fn on(terminal: &mut Terminal, lab: &Lab, pinentry: &str) -> std::path::PathBuf {
    let number = lab.hsm.dir().join("number");
    let command = asks(lab);
    let mut shell = Command::new("sh");
    shell.args([
        "-c",
        r#"sh -c 'echo $$ >"$0"; exec "$@"' "$@"; echo "code=$?"; read -r line"#,
        "sh",
    ]);
    shell.arg(&number).args(command.get_args().skip(1));
    shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell.env("KEYANCHOR_PINENTRY", pinentry).env("TERM", "xterm").env("LC_ALL", "C.UTF-8");
    terminal.start(&shell).wait_for("PIN for token 'lab'").wait_for("PIN:");
    number
}

#[test]
fn a_real_pinentry_on_a_terminal_leaves_it_as_it_was() {
    let lab = lab();
    for name in ["pinentry-curses", "pinentry-tty"] {
        let mut terminal = Terminal::open();
        let before = terminal.state();
        on(&mut terminal, &lab, name);
        terminal.type_in(&format!("{}\r", SoftHsm::PIN)).wait_for("code=0");
        assert!(!terminal.shown().contains(SoftHsm::PIN), "what is typed is not shown");
        assert_eq!(terminal.state(), before, "{name}");
    }
}

#[test]
fn a_real_pinentry_that_is_ended_leaves_the_terminal_as_it_was() {
    let lab = lab();
    for name in ["pinentry-curses", "pinentry-tty"] {
        let mut terminal = Terminal::open();
        let before = terminal.state();
        let number = std::fs::read_to_string(on(&mut terminal, &lab, name)).expect("a number");
        assert!(!terminal.state().echoes(), "{name} reads what is typed by itself");
        assert!(run(Command::new("kill").args(["-KILL", number.trim()])).code == 0);
        let start = Instant::now();
        while terminal.state() != before {
            assert!(start.elapsed().as_secs() < 20, "{name}: {:?}", terminal.state());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
