//! The built program from outside, against real tokens and a server that verifies: journeys, exact
//! errors, and what is promised about calls, processes and streams.

#![allow(missing_docs, clippy::print_stderr, clippy::unwrap_used, reason = "tests")]

mod answers;
mod calls;
mod catalogue;
mod computer;
mod errors;
mod fakes;
mod files;
mod floors;
mod golden;
mod hosts;
mod journeys;
mod lab;
mod modules;
mod network;
mod prompts;
mod reach;
mod sdks;
mod streams;
mod tls;
mod tokens;
mod usage;
mod values;
