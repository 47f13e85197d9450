//! Credentials that outlive a run: what is a hit, what it costs, what becomes of failures and of files
//! that somebody has spoiled, and of many who ask at once.

use std::path::PathBuf;
use std::process::Command;

use hsm_test::softhsm::SoftHsm;

use crate::calls::{Calls, spy};
use crate::lab::{Ended, Lab, run, under};

mod commands;
mod crowds;
mod failures;
mod files;
mod hits;
mod page;

/// A command that keeps credentials, as it does for users.
fn kept(mut command: Command) -> Command {
    command.env_remove("KEYANCHOR_CACHE");
    command
}

/// The usual journey, with the cache.
fn journey(lab: &Lab) -> Command {
    kept(lab.with_key("laptop"))
}

/// The same with a key in a file, which is quick; always the same key.
fn file_journey(lab: &Lab) -> Command {
    let (key, leaf) = (lab.hsm.dir().join("key.pem"), lab.hsm.dir().join("leaf.pem"));
    if !key.exists() {
        let (private, public) = lab.pki().software_key("EC:P-256");
        lab.write("key.pem", &private);
        lab.write("leaf.pem", &lab.pki().leaf(&hsm_test::pki::Leaf::of(&public)));
    }
    let mut command = kept(lab.credential_process());
    command.arg("--key").arg(key).arg("--certificate").arg(leaf);
    command.arg("--intermediates").arg(lab.pki().intermediate_pem_path());
    command
}

/// The same, and what is called of SoftHSM.
fn spied(lab: &Lab) -> Command {
    let mut command = journey(lab);
    command.arg("--pkcs11-lib").arg(spy()).env("PKCS11SPY", SoftHsm::module());
    command.env("PKCS11SPY_OUTPUT", lab.hsm.dir().join("spy.log"));
    command
}

fn calls(lab: &Lab) -> Calls {
    Calls(std::fs::read_to_string(lab.hsm.dir().join("spy.log")).unwrap_or_default())
}

/// The same command when that much time has passed.
fn later(command: &Command, time: &str) -> Command {
    let mut command = under(command, &["faketime", "-f", time]);
    // Time-outs go by the other clock, which is right.
    command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    command
}

/// A run that must have been answered, whatever it said; what it printed.
fn answered(command: &mut Command) -> Ended {
    let ended = run(command);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let document: serde_json::Value = serde_json::from_str(&ended.stdout).expect("JSON");
    assert_eq!(document["Version"], 1);
    ended
}

fn folder(lab: &Lab) -> PathBuf {
    lab.hsm.dir().join("run/cache")
}

/// The files of the cache with that extension.
fn found(lab: &Lab, extension: &str) -> Vec<PathBuf> {
    let files = std::fs::read_dir(folder(lab)).into_iter().flatten().flatten();
    let files = files.map(|file| file.path());
    files.filter(|path| path.extension().is_some_and(|found| found == extension)).collect()
}

/// The one entry.
fn entry(lab: &Lab) -> PathBuf {
    let entries = found(lab, "json");
    let [entry] = entries.as_slice() else { panic!("{entries:?}") };
    entry.clone()
}
