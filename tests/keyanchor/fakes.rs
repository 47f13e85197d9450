//! Programs in the place of a device host that are not ours, or cannot run.

use std::path::Path;

use crate::golden::check;
use crate::lab::{Ended, Lab, install, lab, run};

/// A run with a shell script in the host's place.
fn with_host(lab: &Lab, script: &str) -> Ended {
    let folder = lab.safe.path().join("bin");
    std::fs::create_dir_all(&folder).unwrap();
    install(env!("CARGO_BIN_EXE_keyanchor"), &folder.join("keyanchor"));
    let host = folder.join("keyanchor-pkcs11");
    install(lab.write("host.sh", &format!("#!/bin/sh\n{script}\n")), &host);
    run(&mut lab.with_program(&folder.join("keyanchor"), "laptop"))
}

/// A line of the script that sends a frame.
fn frame(json: &str) -> String {
    format!(r"printf '\000\000\000\{:03o}m%s' '{json}'", json.len() + 1)
}

fn hello() -> String {
    frame(concat!(r#"{"Hello":{"version":""#, env!("CARGO_PKG_VERSION"), r#""}}"#))
}

#[test]
fn a_host_that_is_out_of_threads_says_so() {
    let lab = lab();
    let host = Path::new(env!("CARGO_BIN_EXE_keyanchor-pkcs11")).display();
    let ended = with_host(&lab, &format!("RUST_MIN_STACK={} exec '{host}'", 1_u64 << 46));
    check("host-out-of-threads", &lab, &ended);
}

#[test]
fn a_host_that_is_not_ours_is_said() {
    let lab = lab();
    let closed = with_host(&lab, "exec >&-; exec sleep 5");
    check("host-closes-its-pipe", &lab, &closed);
    let twice = with_host(&lab, &format!("{0}; {0}; read _", hello()));
    check("host-answers-out-of-order", &lab, &twice);
    let broken = with_host(&lab, "kill -11 $$");
    check("host-crashes-at-its-start", &lab, &broken);
}

#[test]
fn a_host_that_cannot_be_started_is_said() {
    let lab = lab();
    let folder = lab.safe.path().join("bin");
    std::fs::create_dir_all(&folder).unwrap();
    install(env!("CARGO_BIN_EXE_keyanchor"), &folder.join("keyanchor"));
    std::fs::write(folder.join("keyanchor-pkcs11"), "").unwrap();
    let ended = run(&mut lab.with_program(&folder.join("keyanchor"), "laptop"));
    check("host-is-not-executable", &lab, &ended);
}
