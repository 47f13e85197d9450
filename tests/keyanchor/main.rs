//! The built program from outside, against real tokens and a server that verifies: journeys, exact
//! errors, and what is promised about calls, processes and streams.

#![allow(missing_docs, clippy::print_stderr, clippy::unwrap_used, reason = "tests")]

mod ahead;
mod answers;
mod askers;
mod cache;
mod calls;
mod catalogue;
mod clock;
mod computer;
mod doctor;
mod errors;
mod explain;
mod fakes;
mod faults;
mod files;
mod floors;
mod foreign;
mod golden;
mod hardening;
mod hosts;
mod hygiene;
mod journeys;
mod lab;
mod limits;
mod list;
mod lockout;
mod modules;
mod network;
mod objects;
mod parsers;
mod pins;
mod piv;
mod prompts;
mod reach;
mod sdks;
mod secrecy;
mod shell;
mod streams;
mod stress;
mod terminal;
mod tls;
mod tokens;
mod tpm;
mod tpm_references;
mod usage;
mod values;
mod ways;
