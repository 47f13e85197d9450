//! The main program: no C library of a device, no PIN. It parses, runs one verb, and reports once.

#![forbid(unsafe_code)]

use std::io::{self, Write};
use std::process::ExitCode;

use keyanchor::cli::{self, Cli, Parsed};
use keyanchor::error::Error;
use keyanchor::process;

fn main() -> ExitCode {
    process::keep_to_itself();
    let outcome = cli::contained(|| match Cli::read(std::env::args_os()) {
        Parsed::Arguments(cli) => cli.run(),
        Parsed::Text(text) => io::stdout().write_all(text.as_bytes()).map_err(Error::Output),
        Parsed::Wrong(error) => Err(error),
    });
    let Err(error) = outcome else { return ExitCode::SUCCESS };
    let report = error.report();
    // Where stderr is closed the exit code still tells.
    let _ = writeln!(io::stderr(), "{report}");
    ExitCode::from(report.code())
}
