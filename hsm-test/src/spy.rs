//! pkcs11-spy, OpenSC's witness between a program and a PKCS#11 module, and what it has written down. (It writes PINs too.)

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The log of the spy.
#[derive(Debug)]
pub struct Calls(pub String);

impl Calls {
    /// How often a function was called.
    pub fn of(&self, function: &str) -> usize {
        self.functions().filter(|name| *name == function).count()
    }

    /// All calls.
    pub fn all(&self) -> usize {
        self.functions().count()
    }

    /// Calls are numbered: `7: C_Login`.
    fn functions(&self) -> impl Iterator<Item = &str> {
        let numbered = self.0.lines().filter_map(|line| line.split_once(": "));
        let calls = numbered
            .filter(|(number, name)| number.parse::<u32>().is_ok() && name.starts_with("C_"));
        calls.map(|(_, name)| name)
    }
}

/// The spy's module.
///
/// # Panics
/// When it is not installed.
pub fn module() -> PathBuf {
    let places = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib"];
    let mut paths = places.iter().map(|place| Path::new(place).join("pkcs11-spy.so"));
    paths.find(|path| path.exists()).expect("pkcs11-spy.so: install opensc-pkcs11 (make test does)")
}

/// What a process that loads the spy needs in its environment, to get through to `module` and to write to `log`.
pub fn command_env(module: &Path, log: &Path) -> [(String, OsString); 2] {
    [("PKCS11SPY".into(), module.into()), ("PKCS11SPY_OUTPUT".into(), log.into())]
}
