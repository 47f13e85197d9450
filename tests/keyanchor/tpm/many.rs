//! Many at once on one TPM without a resource manager, which has three places for keys: each comes to
//! its turn, and all are served.

use std::process::{Command, Stdio};

use hsm_test::swtpm::Template;

use super::runs::{BY_HANDLE, NO_DA, PASSWORD};
use super::{TpmLab, lab};
use crate::lab::ended;

const MANY: usize = 20;

/// Starts so many runs before the first is waited for; all must have given credentials.
fn all_at_once(lab: &TpmLab, count: usize, command: impl Fn(usize) -> Command) {
    let start = |number| {
        let mut command = command(number);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts")
    };
    let runs: Vec<_> = (0..count).map(start).collect();
    for run in runs {
        let ended = ended(&run.wait_with_output().expect("a child"));
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    }
    assert_eq!(lab.tpm.left_behind(), Vec::<u32>::new());
}

#[test]
fn twenty_runs_at_once_are_all_served() {
    for password in [Some(PASSWORD), None] {
        let lab = lab();
        let (key, chain) = lab.persistent(Template { password, ..NO_DA });
        let file = lab.password(PASSWORD);
        for reference in [BY_HANDLE, &lab.file(&key)] {
            all_at_once(&lab, MANY, |_| {
                let mut command = lab.with(reference, &chain);
                if password.is_some() {
                    command.arg("--pin-file").arg(&file);
                }
                command
            });
        }
        assert_eq!(lab.server.requests().len(), 2 * MANY);
    }
}
