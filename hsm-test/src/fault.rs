//! Real faults on order: a PKCS#11 module that passes everything to a real one, and fails where a script says so.
//!
//! The module is the crate in `hsm-test/fault`, where the words of a script are explained; the first who asks builds it.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::cargo::Crate;
use crate::files::write;

static MODULE: Crate = Crate::new("fault");

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
        let built = MODULE.product("libp11_fault.so");
        let fault = Self { directory: directory.into(), real: real.into() };
        // A name of its own: a running process may still have the old one loaded.
        let _ = fs::remove_file(fault.module());
        fs::copy(&built, fault.module())
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
