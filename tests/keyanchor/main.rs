//! The built program from outside, against real tokens and a server that verifies: journeys, exact
//! errors, and what is promised about calls, processes and streams.

#![allow(missing_docs, clippy::print_stderr, clippy::unwrap_used, reason = "tests")]

mod ahead;
mod calls;
mod clock;
mod errors;
mod faults;
mod floors;
mod foreign;
mod golden;
mod hosts;
mod journeys;
mod lab;
mod limits;
mod list;
mod modules;
mod network;
mod parsers;
mod prompts;
mod sdks;
mod streams;
mod tokens;
mod usage;
