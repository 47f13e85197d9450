//! Where a PIN comes from, when it is sent, and what a person is told: each against a real token.

use std::process::Command;

use hsm_test::softhsm::SoftHsm;
use hsm_test::terminal::Terminal;

use crate::lab::{Ended, Lab, bare, ended};

mod doors;
mod memory;
mod page;
mod sources;
mod waits;

/// `credential-process` for a key whose URI says nothing about a PIN, without a terminal.
fn for_key(lab: &Lab, label: &str) -> Command {
    let mut command = lab.credential_process();
    command.args(["--key", &format!("pkcs11:token=lab;object={label}")]);
    command.arg("--certificate").arg(lab.hsm.chain(label));
    command
}

/// A wrong PIN in a file.
fn wrong_file(lab: &Lab) -> std::path::PathBuf {
    lab.write("wrong", "00000000\n")
}

/// The same command on a terminal, its stdout and stderr with us.
fn on_terminal(command: &Command) -> Terminal {
    let mut terminal = Terminal::open();
    terminal.start_captured(&bare(command));
    terminal
}

fn finish(terminal: &mut Terminal) -> Ended {
    ended(&terminal.finish())
}

/// The right PIN, and enter.
fn typed() -> String {
    format!("{}\n", SoftHsm::PIN)
}
