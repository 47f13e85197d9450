//! The line itself: what passes, what is kept of it, and what is done instead.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::ops::RangeBounds;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use super::fault::{Fault, Order};
use crate::swtpm::wire::{code_of, receive, refusal};

/// What all connections share.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// The TPM's port for commands.
    tpm: AtomicU16,
    record: Mutex<Record>,
    /// Held by the client whose turn it is, on either port.
    turn: Mutex<()>,
    control_turn: Mutex<()>,
}

/// What was on the line so far.
#[derive(Debug, Default)]
pub(super) struct Record {
    pub(super) commands: Vec<u32>,
    pub(super) sent: Vec<u8>,
    pub(super) answered: Vec<u8>,
    /// Both directions of the control channel.
    pub(super) control: Vec<u8>,
    orders: Vec<Order>,
    clients: BTreeMap<usize, TcpStream>,
    connections: usize,
    ended: bool,
}

impl Line {
    pub(super) fn record(&self) -> MutexGuard<'_, Record> {
        open(&self.record)
    }

    /// Leads connections to come to that port and the next one.
    pub(super) fn lead_to(&self, port: u16) {
        self.tpm.store(port, Ordering::SeqCst);
    }

    pub(super) fn order(&self, code: u32, which: impl RangeBounds<usize>, fault: Fault) {
        self.record().orders.push(Order::new(code, which, fault));
    }

    pub(super) fn has_ended(&self) -> bool {
        self.record().ended
    }

    /// Ends every connection, and takes no further ones.
    pub(super) fn end(&self) {
        let mut record = self.record();
        record.ended = true;
        for client in record.clients.values() {
            let _ = client.shutdown(Shutdown::Both);
        }
    }

    /// Serves a client, whom [`end`](Self::end) can reach meanwhile, and hangs up.
    pub(super) fn with(&self, client: &TcpStream, serve: impl FnOnce(&TcpStream)) {
        let Some(connection) = self.enter(client) else { return };
        serve(client);
        let _ = client.shutdown(Shutdown::Both);
        self.record().clients.remove(&connection);
    }

    fn enter(&self, client: &TcpStream) -> Option<usize> {
        let mut record = self.record();
        let client = client.try_clone().ok().filter(|_| !record.ended)?;
        record.connections += 1;
        let connection = record.connections;
        record.clients.insert(connection, client);
        Some(connection)
    }

    /// Passes commands on, and answers back, until one of the sides has hung up.
    pub(super) fn pass_commands(&self, mut client: &TcpStream) {
        let _turn = open(&self.turn);
        let _ = client.set_nodelay(true);
        let mut tpm = Upstream { port: self.tpm.load(Ordering::SeqCst), stream: None };
        while let Ok(command) = receive(&mut client) {
            let fault = self.note(&command);
            if self.answer(fault, &command, &mut tpm, client).is_err() {
                return;
            }
        }
    }

    /// Passes octets on, both ways.
    pub(super) fn pass_control(&self, client: &TcpStream) {
        let _turn = open(&self.control_turn);
        let Ok(1..) = client.peek(&mut [0]) else { return };
        let Ok(tpm) = connect(self.tpm.load(Ordering::SeqCst) + 1) else { return };
        thread::scope(|scope| {
            scope.spawn(|| self.pump(client, &tpm));
            self.pump(&tpm, client);
        });
    }

    fn pump(&self, mut from: &TcpStream, mut to: &TcpStream) {
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            self.record().control.extend(&buffer[..length]);
            if to.write_all(&buffer[..length]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
    }

    /// Keeps a command, and says what shall be done with it.
    fn note(&self, command: &[u8]) -> Option<Fault> {
        let mut record = self.record();
        record.sent.extend(command);
        record.commands.push(code_of(command));
        record.orders.iter().find_map(|order| order.applies(&record.commands)).cloned()
    }

    /// An error where the connection is over.
    fn answer(
        &self,
        fault: Option<Fault>,
        command: &[u8],
        tpm: &mut Upstream,
        mut client: &TcpStream,
    ) -> io::Result<()> {
        let heard =
            matches!(fault, None | Some(Fault::After(_) | Fault::Late(_) | Fault::Truncate(_)));
        let answer = if heard { tpm.ask(command)? } else { Vec::new() };
        self.record().answered.extend(&answer);
        match fault {
            None => client.write_all(&answer),
            Some(Fault::After(code) | Fault::Refuse(code)) => client.write_all(&refusal(code)),
            Some(Fault::Close) => Err(ErrorKind::ConnectionAborted.into()),
            Some(Fault::Late(time)) => {
                thread::sleep(time);
                client.write_all(&answer)
            }
            Some(Fault::Octets(octets)) => client.write_all(&octets),
            Some(Fault::Silence) => wait_until_gone(client),
            Some(Fault::Truncate(length)) => {
                client.write_all(&answer[..answer.len().min(length)])?;
                Err(ErrorKind::ConnectionAborted.into())
            }
        }
    }
}

/// The TPM's side of a connection.
struct Upstream {
    port: u16,
    stream: Option<TcpStream>,
}

impl Upstream {
    fn ask(&mut self, command: &[u8]) -> io::Result<Vec<u8>> {
        let tpm = match &mut self.stream {
            Some(tpm) => tpm,
            none => none.insert(connect(self.port)?),
        };
        tpm.write_all(command)?;
        receive(tpm)
    }
}

/// To be called when there is something to say: connections that end without a word take places in swtpm's queue, and
/// it has two.
fn connect(port: u16) -> io::Result<TcpStream> {
    let tpm = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    tpm.set_nodelay(true)?;
    Ok(tpm)
}

fn wait_until_gone(mut client: &TcpStream) -> io::Result<()> {
    while client.read(&mut [0; 256])? > 0 {}
    Err(ErrorKind::ConnectionAborted.into())
}

fn open<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
