//! Real faults on order: a PKCS#11 module that passes everything to a real one, and fails where a script says so.
//!
//! The module is the crate in `hsm-test/fault`, where the words of a script are explained; it is built once for
//! all test processes.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::files::write;
use crate::{target, tool};

/// The module with one script, in a directory of the caller's, who removes it.
#[derive(Debug)]
pub struct Fault {
    directory: PathBuf,
    real: PathBuf,
}

impl Fault {
    /// Puts the module into `directory`, where nothing but its own files is touched: a program may refuse to load one
    /// that lies where others could change it. `real` does what the script does not prevent. Counting begins anew.
    ///
    /// # Panics
    /// When the crate cannot be built.
    pub fn new(directory: &Path, real: &Path, script: &str) -> Self {
        static BUILT: OnceLock<PathBuf> = OnceLock::new();
        let built = BUILT.get_or_init(build);
        let fault = Self { directory: directory.into(), real: real.into() };
        // A name of its own: a running process may still have the old one loaded.
        let _ = fs::remove_file(fault.module());
        fs::copy(built, fault.module())
            .unwrap_or_else(|error| panic!("{}: {error}", built.display()));
        write(&fault.script(), script);
        let link = fault.module().with_extension("real");
        let _ = fs::remove_file(&link);
        symlink(real, &link).unwrap_or_else(|error| panic!("{}: {error}", link.display()));
        write(&fault.log(), "");
        fault
    }

    /// The module.
    pub fn module(&self) -> PathBuf {
        self.directory.join("p11-fault.so")
    }

    /// What a process that loads a copy of it from elsewhere needs in its environment.
    pub fn command_env(&self) -> Vec<(String, OsString)> {
        vec![
            ("P11_FAULT_MODULE".into(), self.real.clone().into()),
            ("P11_FAULT_SCRIPT".into(), self.script().into()),
            ("P11_FAULT_LOG".into(), self.log().into()),
        ]
    }

    /// How often a function was called so far, by all processes together.
    ///
    /// # Panics
    /// When the script made no sense: then nothing that happened means anything.
    pub fn calls(&self, function: &str) -> usize {
        let log = fs::read_to_string(self.log()).unwrap_or_default();
        let wrong = log.lines().find(|line| line.starts_with("p11-fault: "));
        assert_eq!(wrong, None, "the script of this fault");
        log.lines().filter(|line| *line == function).count()
    }

    /// The number of the error that the system had for an attempt of the script, or 0.
    ///
    /// # Panics
    /// When it was not made.
    pub fn outcome(&self, attempt: &str) -> i32 {
        let log = fs::read_to_string(self.log()).unwrap_or_default();
        let mut lines = log.lines().filter_map(|line| line.rsplit_once(": "));
        let (_, number) = lines.find(|(made, _)| *made == attempt).expect("it was attempted");
        number.parse().expect("the number of an error")
    }

    fn script(&self) -> PathBuf {
        self.directory.join("p11-fault.script")
    }

    fn log(&self) -> PathBuf {
        self.directory.join("p11-fault.log")
    }
}

/// Builds the crate into the target directory. Cargo's own variables are those of the crate that is being tested.
fn build() -> PathBuf {
    let _alone = target::lock("p11-fault", false);
    let directory = target::directory().join("p11-fault");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let of_cargo = text.starts_with("CARGO_") && text != "CARGO_HOME";
        if of_cargo || text.starts_with("RUSTC") || text.starts_with("RUSTFLAGS") {
            command.env_remove(&name);
        }
    }
    command.args(["build", "--quiet", "--locked", "--manifest-path"]);
    command.arg(target::workspace().join("hsm-test/fault/Cargo.toml"));
    tool::run(command.arg("--target-dir").arg(&directory));
    directory.join("debug/libp11_fault.so")
}
