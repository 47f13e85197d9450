//! Runs a command-line tool to its end, or panics with what it said; puts a script where it can be run.

use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;

use crate::files::write;

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

/// Puts a script there, to be run at once. Another process makes the file: one that we write ourselves is still open
/// for writing in whatever a test beside this one starts in that moment, and cannot be run.
pub(crate) fn install(script: &str, path: &Path) {
    let text = path.with_extension("sh");
    write(&text, script);
    run(Command::new("install").args(["-m", "755"]).arg(text).arg(path));
}
