//! Where the system does not let memory be locked: said to a person, and an error only for one who
//! asks for that.

use std::path::Path;
use std::process::Command;

use crate::golden::check;
use crate::hosts::own_programs;
use crate::lab::{granted, install, lab, on_terminal, run, under};

/// Nobody may lock memory there, not even root, who may do without a limit otherwise.
const NONE: [&str; 5] = ["setpriv", "--bounding-set", "-ipc_lock", "prlimit", "--memlock=0:0"];

fn unlockable(command: &Command) -> Command {
    under(command, &NONE)
}

#[test]
fn memory_that_cannot_be_locked_is_a_warning() {
    let lab = lab();
    let journey = unlockable(&lab.with_key("laptop"));
    granted(&mut unlockable(&lab.with_key("laptop")));
    let shown = on_terminal(&journey);
    assert_eq!(shown.matches("keyanchor: warning: secrets may be swapped to disk (").count(), 1);
    assert_eq!(on_terminal(&lab.with_key("laptop")), "");
}

#[test]
fn memory_that_cannot_be_locked_is_an_error_for_one_who_says_so() {
    let lab = lab();
    granted(lab.with_key("laptop").arg("--strict-memory"));
    let mut journey = unlockable(&lab.with_key("laptop"));
    check("memory-that-cannot-be-locked", &lab, &run(journey.arg("--strict-memory")));
}

#[test]
fn it_is_an_error_too_where_only_the_host_cannot_lock_it() {
    let lab = lab();
    let program = own_programs(&lab);
    let host = program.with_file_name("keyanchor-pkcs11");
    let script = format!(
        "#!/bin/sh\nexec {} '{}'\n",
        NONE.join(" "),
        env!("CARGO_BIN_EXE_keyanchor-pkcs11")
    );
    install(lab.write("host.sh", &script), Path::new(&host));
    let mut journey = lab.with_program(&program, "laptop");
    granted(&mut lab.with_program(&program, "laptop"));
    check("memory-that-cannot-be-locked", &lab, &run(journey.arg("--strict-memory")));
}
