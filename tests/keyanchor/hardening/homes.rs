//! A module may lie anywhere, and so may a home: what is in the home is closed to modules wherever that is.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::lab::{Lab, fault, granted, install, lab, run};

/// A home with credentials, in a folder that only its owner may change.
fn home_in(folder: &Path) -> (TempDir, PathBuf) {
    let home = tempfile::Builder::new().prefix(".keyanchor-test-").tempdir_in(folder);
    let home = home.expect("a home");
    let credentials = home.path().join(".aws/credentials");
    fs::create_dir(home.path().join(".aws")).expect("a folder");
    fs::write(&credentials, "[default]\n").expect("credentials");
    (home, credentials)
}

/// Lets a module, wherever `command` says it is, read that file: what the system says to it.
fn read_by_a_module(
    lab: &Lab,
    home: &Path,
    file: &Path,
    options: &[&str],
    place: impl Fn(&Path, &mut std::process::Command),
) -> i32 {
    let read = format!("read {}", file.display());
    let fault = fault(lab, &format!("C_OpenSession 1 {read}"));
    let mut command = lab.with_key("laptop");
    command.args(options).env("HOME", home).envs(fault.command_env());
    command.arg("--pkcs11-lib").arg(fault.module());
    place(&fault.module(), &mut command);
    let ended = run(&mut command);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    fault.outcome(&read)
}

const REFUSED: i32 = 13;

#[test]
fn the_home_of_a_service_below_var_lib_is_closed() {
    let (home, credentials) = home_in(Path::new("/var/lib"));
    for (options, outcome) in [(&[][..], REFUSED), (&["--no-sandbox"], 0)] {
        let lab = lab();
        let read = read_by_a_module(&lab, home.path(), &credentials, options, |_, _| {});
        assert_eq!(read, outcome, "{options:?}");
    }
}

#[test]
fn a_module_that_lies_in_the_home_does_not_open_it() {
    let above = std::env::home_dir().expect("home").canonicalize().expect("home");
    let (home, credentials) = home_in(&above);
    let lab = lab();
    let read = read_by_a_module(&lab, home.path(), &credentials, &[], |module, command| {
        let there = home.path().join("module.so");
        install(module, &there);
        command.env("KEYANCHOR_PKCS11_LIB", &there);
        let mut words: Vec<_> = command.get_args().map(ToOwned::to_owned).collect();
        let place = words.iter().position(|word| word == "--pkcs11-lib").expect("the option");
        words[place + 1] = there.into();
        let environment: Vec<_> = command
            .get_envs()
            .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
            .collect();
        *command = std::process::Command::new(command.get_program());
        command.args(words).env_clear().envs(environment);
    });
    assert_eq!(read, REFUSED);
}

#[test]
fn a_variable_of_the_loader_or_of_a_module_does_not_open_the_home() {
    let above = std::env::home_dir().expect("home").canonicalize().expect("home");
    for variable in ["LD_LIBRARY_PATH", "PKCS11SPY", "PKCS11SPY_OUTPUT"] {
        let (home, credentials) = home_in(&above);
        let lab = lab();
        let value = match variable {
            "LD_LIBRARY_PATH" => home.path().to_owned(),
            _ => home.path().join("file"),
        };
        let read = read_by_a_module(&lab, home.path(), &credentials, &[], |_, command| {
            command.env(variable, &value);
        });
        assert_eq!(read, REFUSED, "{variable}");
    }
}

/// A FIFO that nobody writes to, and a file without an end, in the place of a module's configuration.
#[test]
fn a_configuration_that_is_no_file_is_not_waited_for() {
    let lab = lab();
    let fifo = lab.hsm.dir().join("fifo");
    crate::lab::tool("mkfifo", &[fifo.as_os_str()]);
    for place in [fifo.as_path(), Path::new("/dev/zero")] {
        let start = std::time::Instant::now();
        granted(lab.with_key("laptop").env("KRYOPTIC_CONF", place));
        assert!(start.elapsed() < std::time::Duration::from_secs(9), "{}", place.display());
    }
}
