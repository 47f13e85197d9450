//! The dialogues of a real desktop, without any product. `make interop` installs what they need, and runs them.

use std::process::Command;
use std::time::{Duration, Instant};

use hsm_test::assuan::{Client, Reply};
use hsm_test::desktop::Desktop;

/// Programs, and the class of the window that each has: gnome3's is opened by another process.
const DIALOGUES: [(&str, &str); 2] =
    [("pinentry-gtk-2", "pinentry-gtk-2"), ("pinentry-gnome3", "gcr-prompter")];

#[test]
#[ignore = "make interop"]
fn a_pin_is_typed_into_each_real_dialogue_and_each_can_be_cancelled() {
    let desktop = Desktop::start();
    for (program, class) in DIALOGUES {
        let mut client = Client::start(Command::new(program).envs(desktop.command_env()));
        client.set("SETTITLE", "Lab: 100%");
        client.set("SETDESC", "aws (process 42)\nwants to sign");
        client.set("SETPROMPT", "PIN:");
        client.say("GETPIN");
        assert_eq!(desktop.wait_for(class), "Lab: 100%", "{program}");
        desktop.type_in("5%a A\\");
        desktop.press("Return");
        let expected = Reply { data: Some("5%a A\\".into()), line: "OK".into() };
        assert_eq!(client.reply(), expected, "{program}");
        desktop.wait_until_gone(class);
        client.say("GETPIN");
        desktop.wait_for(class);
        desktop.press("Escape");
        assert_eq!(client.reply().line, "ERR 83886179 Operation cancelled <Pinentry>", "{program}");
        desktop.wait_until_gone(class);
    }
}

#[test]
#[ignore = "make interop"]
fn a_notification_is_shown_and_written_down() {
    let desktop = Desktop::start();
    let mut notify = Command::new("notify-send");
    notify.args(["--app-name=lab", "touch token 'lab'", "and wait"]).envs(desktop.command_env());
    assert!(notify.status().expect("notify-send").success());
    let until = Instant::now() + Duration::from_secs(20);
    while desktop.notifications() != ["lab|touch token 'lab'|and wait"] {
        assert!(Instant::now() < until, "{:?}", desktop.notifications());
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(desktop.notifications_shown(), 1);
}
