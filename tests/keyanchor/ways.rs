//! The ways in which a PIN comes, other than typed on a terminal: what is promised about PINs is
//! promised for each. A further way joins by one more entry.

use std::process::Command;

use hsm_test::askpass::{self, Askpass};
use hsm_test::pinentry::{self, Pinentry};

use crate::lab::{Lab, bare};

/// One way, and the programs that hand the PIN to the host: it is theirs to write it.
pub(crate) struct Way {
    pub(crate) name: &'static str,
    /// Gives a command that has none this PIN.
    pub(crate) give: fn(&Lab, Command, &str) -> Command,
    pub(crate) by: &'static [&'static str],
}

/// The process of ours that has started such a program, and hands on to the host what it says.
const SPAWNER: &str = "exe";

/// Where it is kept, and can be read again without a person.
pub(crate) const STORED: [Way; 6] = [
    Way { name: "--pin-file", give: file, by: &[] },
    Way { name: "KEYANCHOR_PIN_FILE", give: file_of_the_environment, by: &[] },
    Way { name: "--pin-fd", give: descriptor, by: &[] },
    Way { name: "--pin-credential", give: credential, by: &[] },
    Way { name: "--pin-command", give: command, by: &["cat", SPAWNER] },
    Way { name: "--pin-env", give: variable, by: &["strace", "keyanchor"] },
];

/// In the URI, and so in the main program and on its command line.
pub(crate) const IN_THE_URI: Way = Way { name: "pin-value", give: value, by: &[] };

/// Where a program asks a person.
pub(crate) const ASKED: [Way; 2] = [
    Way { name: "pinentry", give: pinentry, by: &["pinentry", "head", "sed", "tr", SPAWNER] },
    Way { name: "askpass", give: askpass, by: &["askpass", "head", "sed", SPAWNER] },
];

fn file(lab: &Lab, mut command: Command, pin: &str) -> Command {
    command.arg("--pin-file").arg(lab.write("a-pin", &format!("{pin}\n")));
    command
}

fn file_of_the_environment(lab: &Lab, mut command: Command, pin: &str) -> Command {
    command.env("KEYANCHOR_PIN_FILE", lab.write("a-pin", &format!("{pin}\n")));
    command
}

fn descriptor(lab: &Lab, command: Command, pin: &str) -> Command {
    let file = lab.write("a-pin", &format!("{pin}\n"));
    let command = bare(&command);
    let mut shell = Command::new("setsid");
    let open = format!("exec \"$@\" 3<'{}'", file.display());
    shell.args(["--wait", "sh", "-c", &open, "sh"]).arg(command.get_program());
    shell.args(command.get_args()).args(["--pin-fd", "3"]).env_clear();
    shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell
}

fn credential(lab: &Lab, mut command: Command, pin: &str) -> Command {
    lab.write("a-pin", &format!("{pin}\n"));
    command.args(["--pin-credential", "a-pin"]).env("CREDENTIALS_DIRECTORY", lab.hsm.dir());
    command
}

fn command(lab: &Lab, mut command: Command, pin: &str) -> Command {
    let file = lab.write("a-pin", &format!("{pin}\n"));
    command.args(["--pin-command", &format!("/bin/cat {}", file.display())]);
    command
}

fn variable(_: &Lab, mut command: Command, pin: &str) -> Command {
    command.args(["--pin-env", "LAB_PIN"]).env("LAB_PIN", pin);
    command
}

fn value(_: &Lab, command: Command, pin: &str) -> Command {
    let mut with_it = Command::new(command.get_program());
    with_it.args(command.get_args().map(|word| match word.to_str() {
        Some(uri) if uri.starts_with("pkcs11:") => format!("{uri}?pin-value={pin}").into(),
        _ => word.to_owned(),
    }));
    with_it.env_clear();
    with_it.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    with_it
}

fn pinentry(lab: &Lab, mut command: Command, pin: &str) -> Command {
    let pinentry = Pinentry::new(lab.safe.path(), &[pinentry::Answer::Pin(pin)]);
    command.env("KEYANCHOR_PINENTRY", pinentry.program());
    command
}

fn askpass(lab: &Lab, mut command: Command, pin: &str) -> Command {
    let askpass = Askpass::new(lab.safe.path(), "askpass", &[askpass::Answer::Say(pin)]);
    command.env("SSH_ASKPASS", askpass.program()).env("SSH_ASKPASS_REQUIRE", "force");
    command
}
