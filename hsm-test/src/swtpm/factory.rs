//! What all TPMs here share: the state of one that was just manufactured, and the keys that were made in its copies.
//!
//! A TPM wraps its keys with secrets that come from its seeds, so a key of one copy loads in every other, except under
//! the null hierarchy, whose seed is new with each start.

use std::fs;
use std::path::{Path, PathBuf};

use super::process::Process;
use crate::files::create_directory;
use crate::target;

/// To be counted up when what is in there is no longer what it was.
const NAME: &str = "lab-tpm-1";
/// Where swtpm keeps what survives a power cut.
const STATE: &str = "tpm2-00.permall";

/// Copies the state, which is made by the first who asks.
pub(super) fn copy_state(to: &Path) {
    let factory = target::directory().join(NAME);
    if !factory.exists() {
        let _making = target::lock(NAME, false);
        if !factory.exists() {
            manufacture(&factory);
        }
    }
    copy(&factory.join("state").join(STATE), &to.join(STATE));
}

/// Copies a key of that fingerprint to a directory, if there is one.
pub(super) fn take(fingerprint: &str, directory: &Path) -> bool {
    let kept = keys().join(fingerprint);
    let found = kept.is_dir();
    if found {
        copy_files(&kept, directory);
    }
    found
}

/// Keeps a key for others. It appears there whole; where somebody was faster, theirs stays.
pub(super) fn keep(fingerprint: &str, directory: &Path) {
    create_directory(&keys());
    let unfinished = tempfile::tempdir_in(keys()).expect("the target directory is writable").keep();
    copy_files(directory, &unfinished);
    if fs::rename(&unfinished, keys().join(fingerprint)).is_err() {
        fs::remove_dir_all(&unfinished).expect("it was made a moment ago");
    }
}

fn keys() -> PathBuf {
    target::directory().join(NAME).join("keys")
}

fn manufacture(factory: &Path) {
    let making = factory.with_extension("new");
    if making.exists() {
        fs::remove_dir_all(&making).unwrap_or_else(|error| panic!("{}: {error}", making.display()));
    }
    create_directory(&making.join("state"));
    Process::start(&making.join("state"), None).shut_down();
    fs::rename(&making, factory).expect("both names are in the target directory");
}

fn copy_files(from: &Path, to: &Path) {
    create_directory(to);
    for entry in fs::read_dir(from).expect("the directory is readable").flatten() {
        copy(&entry.path(), &to.join(entry.file_name()));
    }
}

fn copy(from: &Path, to: &Path) {
    fs::copy(from, to).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
}
