//! Builds the crates of the lab that are no members of the workspace, for the first who asks. They take minutes: so
//! they share the target directory and the profile for development with keyanchor and with `make`, and nothing is built
//! twice.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use crate::{target, tool};

/// A crate below `hsm-test/`.
pub(crate) struct Crate {
    name: &'static str,
    built: OnceLock<PathBuf>,
}

impl Crate {
    /// The crate in the directory of that name.
    pub(crate) const fn new(name: &'static str) -> Self {
        Self { name, built: OnceLock::new() }
    }

    /// What cargo makes of it under that name, brought up to date once in the life of this process.
    ///
    /// # Panics
    /// When the crate cannot be built.
    pub(crate) fn product(&self, name: &str) -> PathBuf {
        self.built.get_or_init(|| self.build()).join(name)
    }

    /// Processes that ask at the same time wait for each other: cargo locks the directory.
    fn build(&self) -> PathBuf {
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        for name in env::vars_os().map(|(name, _)| name).filter(is_of_this_build) {
            cargo.env_remove(name);
        }
        let target = target::directory();
        cargo.current_dir(target::workspace().join("hsm-test").join(self.name));
        tool::run(cargo.args(["build", "--locked", "--target-dir"]).arg(&target));
        target.join("debug")
    }
}

/// What cargo told this test about its own build is not for another one; where crates come from is.
fn is_of_this_build(name: &OsString) -> bool {
    let name = name.to_string_lossy();
    let kept = ["CARGO_HOME", "CARGO_HTTP_", "CARGO_NET_", "CARGO_REGISTR", "CARGO_SOURCE_"];
    let told = ["CARGO_", "RUSTC", "RUSTDOC", "RUSTFLAGS"];
    told.iter().any(|prefix| name.starts_with(prefix))
        && !kept.iter().any(|prefix| name.starts_with(prefix))
}
