//! Runs a command-line tool to its end, or panics with what it said.

use std::io::ErrorKind;
use std::process::Command;

/// The standard output of a command that succeeded.
///
/// # Panics
/// When the tool is missing or fails, with its standard error.
pub(crate) fn run(command: &mut Command) -> String {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = match command.output() {
        Ok(output) => output,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            panic!("the lab needs {name}: softhsm/packages.sh installs it")
        }
        Err(error) => panic!("{name}: {error}"),
    };
    assert!(
        output.status.success(),
        "{command:?} failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}
