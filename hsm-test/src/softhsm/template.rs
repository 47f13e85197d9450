//! The template that provisioned tokens are copied from, made by the script once for all test processes.
//!
//! Its name contains the script's hash. A copy is taken under a shared lock, making it needs the lock alone: test
//! processes that start together wait for the first of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use crate::files::create_directory;
use crate::openssl::{self, Certificate, Validity};
use crate::{pem, target, tool};

const DAY: Duration = Duration::from_secs(86_400);

/// Copies the template, which is made where it is missing or about to expire.
pub(super) fn copy_to(directory: &Path) {
    let script = super::SoftHsm::provisioning_script();
    let text = fs::read(&script).unwrap_or_else(|error| panic!("{}: {error}", script.display()));
    let name = format!("lab-template-{}", &openssl::hex(&openssl::sha256(&text))[..16]);
    let template = target::directory().join(&name);
    loop {
        let copying = target::lock(&name, true);
        if is_fresh(&template) {
            copy_tree(&template, directory);
            return;
        }
        drop(copying);
        let _making = target::lock(&name, false);
        if !is_fresh(&template) {
            make(&script, &template);
        }
    }
}

/// Made to its end, and good for a day. The script issues the leaf of `always` last.
fn is_fresh(template: &Path) -> bool {
    let Ok(text) = fs::read_to_string(template.join("certs/always.pem")) else {
        return false;
    };
    let leaves = pem::certificates(&text);
    let leaf = leaves.first().and_then(|der| Certificate::from_der(der));
    leaf.is_some_and(|leaf| leaf.validity(SystemTime::now() + DAY) == Validity::Valid)
}

/// Runs the script beside the template and moves the outcome into place, so that a template is whole or absent.
fn make(script: &Path, template: &Path) {
    let mut making: PathBuf = template.into();
    making.set_extension("new");
    remove(&making);
    tool::run(Command::new(script).arg(&making));
    remove(template);
    fs::rename(&making, template).expect("both names are in the target directory");
}

fn remove(path: &Path) {
    if path.exists() {
        fs::remove_dir_all(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}

fn copy_tree(from: &Path, to: &Path) {
    create_directory(to);
    for entry in fs::read_dir(from).expect("the template is readable").flatten() {
        let (source, copy) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            copy_tree(&source, &copy);
        } else {
            fs::copy(&source, &copy)
                .unwrap_or_else(|error| panic!("{}: {error}", source.display()));
        }
    }
}
