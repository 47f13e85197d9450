//! A tap in the line between clients and a TPM: it keeps every octet, counts the commands, and answers some of them
//! itself where a test asks for it.
//!
//! Clients that come at once wait here for their turn, as they do at the TPM, whose own queue is so short that the
//! system turns most of twenty away, to come back a second later, then two, then four.

use std::ffi::OsString;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::ops::RangeBounds;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use super::process::{pair, port_of};
use super::{Swtpm, command_env, tcti};

mod fault;
mod line;

pub use fault::Fault;

use line::Line;

/// A tap with two ports of its own, as a TPM has; dropping it ends it, and every connection through it.
#[derive(Debug)]
pub struct Tap {
    port: u16,
    line: Arc<Line>,
    threads: Vec<JoinHandle<()>>,
}

impl Tap {
    /// Taps the line to a TPM, which may be switched off and on behind it.
    ///
    /// # Panics
    /// When no two ports can be had.
    pub fn start(tpm: &Swtpm) -> Self {
        let mut tries = (0..100).filter_map(|_| pair(None));
        let (data, control) = tries.next().expect("two free ports, one after the other");
        let port = port_of(&data);
        let line = Arc::<Line>::default();
        line.lead_to(tpm.port());
        let threads = vec![
            accept(data, &line, Line::pass_commands),
            accept(control, &line, Line::pass_control),
        ];
        Self { port, line, threads }
    }

    /// Leads all connections to come to another TPM, as if somebody had exchanged it.
    pub fn exchange(&self, tpm: &Swtpm) {
        self.line.lead_to(tpm.port());
    }

    /// The port that takes commands; control is on the one after it.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// How TPM libraries are told of it: `swtpm:host=127.0.0.1,port=PORT`.
    pub fn tcti(&self) -> String {
        tcti(self.port)
    }

    /// What tpm2-tools and OpenSSL's tpm2 provider need in their environment.
    pub fn command_env(&self) -> Vec<(String, OsString)> {
        command_env(self.port)
    }

    /// Misbehaves at some of the commands of a code, counted from 1 since the tap was started: `2..=2`, `3..`, `..`.
    /// What was ordered first is done first.
    pub fn order(&self, code: u32, which: impl RangeBounds<usize>, fault: Fault) {
        self.line.order(code, which, fault);
    }

    /// The codes of all commands so far, in their order, whoever answered them.
    pub fn commands(&self) -> Vec<u32> {
        self.line.record().commands.clone()
    }

    /// How many of them had that code.
    pub fn count(&self, code: u32) -> usize {
        self.commands().iter().filter(|command| **command == code).count()
    }

    /// All octets that clients have sent for the TPM.
    pub fn sent(&self) -> Vec<u8> {
        self.line.record().sent.clone()
    }

    /// All octets that the TPM has answered.
    pub fn answered(&self) -> Vec<u8> {
        self.line.record().answered.clone()
    }

    /// Whether something went over the line in clear, in either direction.
    ///
    /// # Panics
    /// When asked for nothing.
    pub fn saw(&self, marker: &[u8]) -> bool {
        let record = self.line.record();
        let directions = [&record.sent, &record.answered, &record.control];
        directions.into_iter().any(|octets| octets.windows(marker.len()).any(|at| at == marker))
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.line.end();
        for port in [self.port, self.port + 1] {
            // wakes the thread, which waits for a connection
            drop(TcpStream::connect((Ipv4Addr::LOCALHOST, port)));
        }
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// Serves each connection of a port in a thread of its own, until the line has ended.
fn accept(listener: TcpListener, line: &Arc<Line>, serve: fn(&Line, &TcpStream)) -> JoinHandle<()> {
    let line = Arc::clone(line);
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            if line.has_ended() {
                return;
            }
            let line = Arc::clone(&line);
            thread::spawn(move || line.with(&client, |client| serve(&line, client)));
        }
    })
}
