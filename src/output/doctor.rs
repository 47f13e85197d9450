//! The answer of `keyanchor doctor`: what a program gets is this document as JSON, and a person a
//! line a step. `docs/doctor.md` describes every member; a change to one is a new version.

use std::io;

use serde::Serialize;

use crate::output::print;

mod facts;
mod table;
mod told;

pub use facts::{Cache, Facts, Host};

/// The version of the JSON document.
const VERSION: u8 = 1;

/// All that was tried.
#[derive(Serialize)]
pub struct Report<'a> {
    version: u8,
    steps: &'a [Step],
}

/// One thing that a run needs.
#[derive(Serialize)]
pub struct Step {
    /// Which.
    pub step: Name,
    /// What became of it.
    pub status: Status,
    /// What was seen, also where it failed.
    pub facts: Option<Facts>,
    /// What failed: the first line of the error that a run would end with.
    pub error: Option<String>,
    /// Why; of a warning what it is about, and of what was not tried why not.
    pub cause: Option<String>,
    /// What to do.
    pub hint: Option<String>,
}

/// The steps, in their order: those of this computer, of the device, of the pair, of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Name {
    /// The device hosts.
    Installation,
    /// The folder for what is ours alone.
    PrivateDirectory,
    /// How much memory may be kept from the disk.
    MemoryLock,
    /// The PKCS#11 module.
    Module,
    /// The token, the card or the TPM.
    Token,
    /// Its PIN, without one being sent.
    Pin,
    /// The private key.
    Key,
    /// The leaf, and the service's rules for it.
    Certificate,
    /// Whether the two belong together.
    Pair,
    /// What leads on from the leaf.
    Chain,
    /// A login and a signature.
    Signature,
    /// What stands between.
    Proxy,
    /// The name of the service's host.
    Name,
    /// TCP, or a proxy's tunnel.
    Connection,
    /// Whether the server is who it should be.
    Tls,
    /// Whether it is the service.
    Endpoint,
    /// This computer's clock, by the service's.
    Clock,
}

/// What became of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// A run would end here.
    Failed,
    /// It needs another one that failed, or something that was not given.
    NotTried,
    /// It is as it should be.
    Ok,
    /// A run would go on; somebody should know.
    Warning,
}

/// Prints the document for programs.
///
/// # Errors
/// When stdout is closed or full.
pub fn json(steps: &[Step]) -> io::Result<()> {
    let mut text = serde_json::to_vec_pretty(&Report { version: VERSION, steps })?;
    text.push(b'\n');
    print(&text)
}

/// Prints the table for people.
///
/// # Errors
/// When stdout is closed or full.
pub fn table(steps: &[Step], colour: bool) -> io::Result<()> {
    print(table::of(steps, colour).as_bytes())
}
