//! Runs of a program, and the manners that each of them must keep: its exit status is one of the documented, and
//! what it says is short.

use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, Output, Stdio};

use super::Row;

/// The exit codes that are documented.
const CODES: [i32; 6] = [0, 2, 3, 4, 5, 6];

/// Longest text on stderr, in bytes.
const LONGEST: usize = 1024;

/// How all runs have behaved that nobody has killed.
#[derive(Debug, Default)]
pub(super) struct Manners {
    runs: usize,
    /// Those that a signal ended, or with a status that is not documented.
    odd: Vec<String>,
    longest: usize,
}

impl Manners {
    pub(super) fn note(&mut self, output: &Output) {
        self.runs += 1;
        self.longest = self.longest.max(output.stderr.len());
        let documented = output.status.code().is_some_and(|code| CODES.contains(&code));
        if !documented || output.status.signal().is_some() {
            self.odd.push(format!("{}", output.status));
        }
    }

    pub(super) fn row(&self) -> Row {
        let found = format!(
            "{} runs, {} of them odd {:?}; longest stderr {} bytes",
            self.runs,
            self.odd.len(),
            self.odd.iter().take(3).collect::<Vec<_>>(),
            self.longest
        );
        let wanted = format!("no signal, no 101; at most {LONGEST} bytes");
        let met = self.odd.is_empty() && self.longest <= LONGEST;
        Row::new("§1", "Exit status and stderr of all these runs", found, wanted, met)
    }
}

/// Starts it; what it says is kept.
pub(super) fn start(command: &mut Command) -> Child {
    let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// Awaits it.
pub(super) fn end(child: Child) -> Output {
    child.wait_with_output().expect("a child of ours can be awaited")
}

/// Runs it to its end, with an eye on its manners.
pub(super) fn run(command: &mut Command, manners: &mut Manners) -> Output {
    let output = end(start(command));
    manners.note(&output);
    output
}

/// Whether a run has printed credentials, and no line but them.
pub(super) fn granted(output: &Output) -> bool {
    let document = serde_json::from_slice::<serde_json::Value>(&output.stdout);
    output.status.success() && document.is_ok_and(|document| document["Version"] == 1)
}
