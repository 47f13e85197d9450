//! Builds a crate of the lab that is no member of the workspace, once for all test processes: minutes on one core, so
//! what was built is kept under a name that contains the hash of the crate's files.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::files::create_directory;
use crate::{openssl, target, tool};

/// What is wanted of a crate below `hsm-test/`.
pub(crate) struct Build {
    /// The crate's directory.
    pub(crate) source: &'static str,
    /// Tells the builds of one crate apart.
    pub(crate) name: &'static str,
    /// What cargo is told besides.
    pub(crate) options: &'static [&'static str],
    /// The files to keep, by their names in cargo's directory for releases.
    pub(crate) products: &'static [&'static str],
}

impl Build {
    /// The directory with the products; they are built where they are missing.
    ///
    /// # Panics
    /// When the crate cannot be built.
    pub(crate) fn directory(&self) -> PathBuf {
        let source = target::workspace().join("hsm-test").join(self.source);
        let name = format!("lab-{}-{}", self.name, fingerprint(&source));
        let directory = target::directory().join(&name);
        let _lock = target::lock(&format!("lab-{}", self.name), false);
        if !directory.exists() {
            self.build(&source, &directory);
        }
        directory
    }

    /// Builds in a directory that goes again: it is a hundred times as large as what comes out of it.
    fn build(&self, source: &Path, directory: &Path) {
        let building = target::directory().join(format!("lab-{}", self.name));
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        for name in env::vars_os().map(|(name, _)| name).filter(is_of_this_build) {
            cargo.env_remove(name);
        }
        cargo.args(["build", "--release", "--locked"]).args(self.options).current_dir(source);
        tool::run(cargo.arg("--target-dir").arg(&building));
        let kept = building.join("kept");
        create_directory(&kept);
        for product in self.products {
            fs::rename(building.join("release").join(product), kept.join(product))
                .unwrap_or_else(|error| panic!("cargo has not built {product}: {error}"));
        }
        fs::rename(&kept, directory).expect("both names are in the target directory");
        fs::remove_dir_all(&building)
            .unwrap_or_else(|error| panic!("{}: {error}", building.display()));
    }
}

/// The hash of all that a crate is built from.
fn fingerprint(source: &Path) -> String {
    let mut files = vec![source.join("Cargo.toml"), source.join("Cargo.lock")];
    collect(&source.join("src"), &mut files);
    files.sort();
    let mut content = Vec::new();
    for file in files {
        let name = file.strip_prefix(source).expect("it was found there");
        let text = fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        content.extend_from_slice(format!("{} {}\n", name.display(), text.len()).as_bytes());
        content.extend_from_slice(&text);
    }
    openssl::hex(&openssl::sha256(&content))[..16].into()
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(directory);
    let entries = entries.unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            collect(&path, files);
        } else {
            files.push(path);
        }
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
