//! A desktop without a screen: an X server, a session bus and a notification daemon, all of its own, and the hands of
//! somebody who types into whatever dialogue is open.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::files::{create_directory, read, write};
use crate::tool;

/// How long something on the screen is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// Between a window that is there and its first key: it draws itself and takes the keyboard in the meantime, and nothing
/// tells when it has.
const SETTLING: Duration = Duration::from_secs(1);

/// What runs until the desktop is dropped.
#[derive(Debug)]
pub struct Desktop {
    display: String,
    bus: String,
    /// In the order in which they were started.
    running: Vec<Child>,
    directory: TempDir,
}

impl Desktop {
    /// Starts all of it, on a display that nobody else has.
    ///
    /// # Panics
    /// When something is missing: `softhsm/packages.sh interop` installs it.
    pub fn start() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let (display, bus) = (String::new(), String::new());
        let mut desktop = Self { display, bus, running: Vec::new(), directory };
        let screen = ["-screen", "0", "1024x768x24", "-nolisten", "tcp"];
        let number = desktop.told_by(Command::new("Xvfb").args(["-displayfd", "1"]).args(screen));
        desktop.display = format!(":{number}");
        let bus = ["--session", "--nofork", "--nopidfile", "--print-address"];
        create_directory(&desktop.runtime());
        desktop.bus = desktop.told_by(desktop.command("dbus-daemon").args(bus));
        desktop.watch_notifications();
        desktop
    }

    /// What a program on this desktop has in its environment.
    pub fn command_env(&self) -> [(String, String); 3] {
        [
            ("DISPLAY".into(), self.display.clone()),
            ("DBUS_SESSION_BUS_ADDRESS".into(), self.bus.clone()),
            ("XDG_RUNTIME_DIR".into(), self.runtime().display().to_string()),
        ]
    }

    /// Waits for a dialogue of that kind of program, and gives its title.
    ///
    /// # Panics
    /// When there is none.
    pub fn wait_for(&self, class: &str) -> String {
        let until = Instant::now() + PATIENCE;
        loop {
            if let [window, ..] = &self.windows(class)[..] {
                std::thread::sleep(SETTLING);
                return self.xdotool(&["getwindowname", window]).trim().to_owned();
            }
            assert!(Instant::now() < until, "no window of {class}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until there is none any more.
    ///
    /// # Panics
    /// When it stays.
    pub fn wait_until_gone(&self, class: &str) {
        let until = Instant::now() + PATIENCE;
        while !self.windows(class).is_empty() {
            assert!(Instant::now() < until, "a window of {class} stays");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Types a text where the keyboard is.
    ///
    /// # Panics
    /// When there is no desktop any more.
    pub fn type_in(&self, text: &str) {
        self.xdotool(&["type", "--delay", "20", "--", text]);
    }

    /// Presses one key: `Return`, `Escape`.
    ///
    /// # Panics
    /// When there is no desktop any more.
    pub fn press(&self, key: &str) {
        self.xdotool(&["key", key]);
    }

    /// Every notification so far, as `program|summary|body`.
    ///
    /// # Panics
    /// When the directory is gone.
    pub fn notifications(&self) -> Vec<String> {
        read(&self.log()).lines().map(str::to_owned).collect()
    }

    /// How many of them are on the screen.
    ///
    /// # Panics
    /// When the daemon has ended.
    pub fn notifications_shown(&self) -> usize {
        let count = tool::run(self.command("dunstctl").args(["count", "displayed"]));
        count.trim().parse().expect("dunstctl counts")
    }

    fn windows(&self, class: &str) -> Vec<String> {
        let mut search = self.command("xdotool");
        search.args(["search", "--onlyvisible", "--class", class]);
        // it fails where it finds nothing
        let found = search.output().expect("xdotool: softhsm/packages.sh interop installs it");
        String::from_utf8_lossy(&found.stdout).split_whitespace().map(str::to_owned).collect()
    }

    fn xdotool(&self, words: &[&str]) -> String {
        tool::run(self.command("xdotool").args(words))
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.envs(self.command_env());
        command
    }

    /// Starts a program that goes on, and waits for its first line.
    fn told_by(&mut self, command: &mut Command) -> String {
        let mut line = String::new();
        let stdout = self.go_on(command.stdout(Stdio::piped()));
        BufReader::new(stdout.expect("a pipe")).read_line(&mut line).expect("a line of text");
        assert!(!line.is_empty(), "{command:?} has ended");
        line.trim().to_owned()
    }

    fn go_on(&mut self, command: &mut Command) -> Option<ChildStdout> {
        let log = File::options().append(true).create(true).open(self.directory.path().join("log"));
        let started = command.stdin(Stdio::null()).stderr(log.expect("a log")).spawn();
        let mut child = started.unwrap_or_else(|error| {
            panic!("{command:?}: {error}: softhsm/packages.sh interop installs it")
        });
        let stdout = child.stdout.take();
        self.running.push(child);
        stdout
    }

    /// dunst runs a script for each, which writes it down.
    fn watch_notifications(&mut self) {
        let script = self.directory.path().join("notified");
        let (log, settings) = (self.log(), self.directory.path().join("dunstrc"));
        let line = "\"$DUNST_APP_NAME|$DUNST_SUMMARY|$DUNST_BODY\"";
        tool::install(
            &format!("#!/bin/sh\nprintf '%s\\n' {line} >>'{}'\n", log.display()),
            &script,
        );
        write(&settings, &format!("[all]\nsummary = \"*\"\nscript = \"{}\"\n", script.display()));
        write(&log, "");
        let mut dunst = self.command("dunst");
        self.go_on(dunst.arg("-conf").arg(&settings).stdout(Stdio::null()));
        let until = Instant::now() + PATIENCE;
        while !self.command("dunstctl").arg("count").output().expect("dunstctl").status.success() {
            assert!(
                Instant::now() < until,
                "no dunst: {}",
                read(&self.directory.path().join("log"))
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn log(&self) -> PathBuf {
        self.directory.path().join("notifications")
    }

    fn runtime(&self) -> PathBuf {
        self.directory.path().join("run")
    }
}

impl Drop for Desktop {
    fn drop(&mut self) {
        for mut child in self.running.drain(..).rev() {
            // it may have ended with the one that it needs
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
