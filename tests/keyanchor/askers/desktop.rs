//! The same in the real dialogs and notifications of a desktop, by `make interop`.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use hsm_test::desktop::Desktop;
use hsm_test::softhsm::SoftHsm;

use super::{asks, waits};
use crate::golden::check;
use crate::lab::{Lab, ended, lab};

/// Programs, and the class of the window that each has: gnome3's is opened by another process.
const DIALOGS: [(&str, &str); 2] =
    [("pinentry-gtk-2", "pinentry-gtk-2"), ("pinentry-gnome3", "gcr-prompter")];

/// The journey on that desktop, by that pinentry.
fn asks_on(desktop: &Desktop, lab: &Lab, name: &str) -> Command {
    let mut command = asks(lab);
    command.envs(desktop.command_env()).env("KEYANCHOR_PINENTRY", name);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[test]
#[ignore = "make interop"]
fn a_pin_is_typed_into_each_real_dialog_or_not_given() {
    let desktop = Desktop::start();
    let lab = lab();
    for (name, class) in DIALOGS {
        let start = || asks_on(&desktop, &lab, name).spawn().expect("the program starts");
        let asked = start();
        assert_eq!(desktop.wait_for(class), "keyanchor", "{name}");
        desktop.type_in(SoftHsm::PIN);
        desktop.press("Return");
        let granted = asked.wait_with_output().expect("it ends");
        assert!(granted.status.success() && granted.stderr.is_empty(), "{name}: {granted:?}");
        desktop.wait_until_gone(class);
        let asked = start();
        desktop.wait_for(class);
        desktop.press("Escape");
        check("pin-not-given", &lab, &ended(&asked.wait_with_output().expect("it ends")));
        desktop.wait_until_gone(class);
    }
}

#[test]
#[ignore = "make interop"]
fn a_real_dialog_is_gone_with_whoever_waits_for_its_answer() {
    let desktop = Desktop::start();
    let lab = lab();
    for (name, class) in DIALOGS {
        let mut asked = asks_on(&desktop, &lab, name).spawn().expect("the program starts");
        desktop.wait_for(class);
        asked.kill().expect("it runs");
        asked.wait().expect("it ends");
        desktop.wait_until_gone(class);
    }
}

#[test]
#[ignore = "make interop"]
fn without_a_terminal_and_without_a_choice_the_desktops_own_dialog_asks() {
    let desktop = Desktop::start();
    let lab = lab();
    let mut command = asks(&lab);
    // Whichever of them this system calls `pinentry`.
    let class = match std::fs::canonicalize("/usr/bin/pinentry").expect("a pinentry") {
        path if path.ends_with("pinentry-gtk-2") => "pinentry-gtk-2",
        _ => "gcr-prompter",
    };
    let asked = command.envs(desktop.command_env()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let asked = asked.spawn().expect("the program starts");
    desktop.wait_for(class);
    desktop.type_in(SoftHsm::PIN);
    desktop.press("Return");
    let granted = asked.wait_with_output().expect("it ends");
    assert!(granted.status.success(), "{granted:?}");
}

#[test]
#[ignore = "make interop"]
fn a_real_notification_is_shown_while_it_is_waited_for_and_no_longer() {
    let desktop = Desktop::start();
    let lab = lab();
    let mut command = waits(&lab);
    let waits = command.envs(desktop.command_env()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut waits = waits.spawn().expect("the program starts");
    comes_true(&|| desktop.notifications() == ["keyanchor|keyanchor: insert token 'absent'|"]);
    assert_eq!(desktop.notifications_shown(), 1);
    waits.wait().expect("it ends");
    comes_true(&|| desktop.notifications_shown() == 0);
}

fn comes_true(what: &dyn Fn() -> bool) {
    let start = Instant::now();
    while !what() {
        assert!(start.elapsed().as_secs() < 20, "it has not come true in 20 s");
        std::thread::sleep(Duration::from_millis(20));
    }
}
