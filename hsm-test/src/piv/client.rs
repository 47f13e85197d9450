//! Another client of a card, which is in the way of ours: a process of its own, `hsm-test/src/bin/pcsc-client.rs`, under
//! any name.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use super::card::Card;
use super::process::Process;
use crate::openssl;
use crate::tool;

/// A client of PC/SC that does what it is told, ended when dropped; the card is reset then, as pcscd does when a client
/// is gone.
#[derive(Debug)]
pub struct Client {
    process: Process,
}

/// Whether others may connect too.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Share {
    /// Nobody else.
    Exclusive,
    /// All that do not want it for themselves.
    Shared,
}

/// What becomes of the card when a client goes, or a transaction ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Disposition {
    /// Nothing.
    Leave,
    /// It is reset.
    Reset,
    /// Its power goes off.
    Unpower,
}

/// `SELECT` by name.
const SELECT: [u8; 4] = [0x00, 0xA4, 0x04, 0x00];
const PIV: [u8; 5] = [0xA0, 0x00, 0x00, 0x03, 0x08];
const OPENPGP: [u8; 6] = [0xD2, 0x76, 0x00, 0x01, 0x24, 0x01];
/// `VERIFY` of the PIN of the PIV application.
const VERIFY: [u8; 4] = [0x00, 0x20, 0x00, 0x80];

impl Client {
    /// A client that is not connected yet.
    ///
    /// # Panics
    /// When the program was not built.
    pub fn of(card: &Card) -> Self {
        Self::named(card, "pcsc-client")
    }

    /// The same under another name, such as `scdaemon`.
    ///
    /// # Panics
    /// When the program was not built.
    pub fn named(card: &Card, name: &str) -> Self {
        let program = card.dir().join(name);
        // another process makes the file: what we have open for writing ourselves cannot be run
        tool::run(Command::new("install").args(["-m", "755"]).arg(program_file()).arg(&program));
        let mut command = card.command(&program);
        Self { process: Process::start(command.arg(card.reader())) }
    }

    /// A client of that name that holds the card for itself until it is dropped.
    ///
    /// # Panics
    /// When somebody else is connected.
    pub fn holding(card: &Card, name: &str) -> Self {
        let client = Self::named(card, name);
        client.connect(Share::Exclusive).expect("nobody else is connected");
        client
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Connects; an error is PC/SC's sentence.
    pub fn connect(&self, share: Share) -> Result<(), String> {
        self.obeyed(&format!("connect {}", share.word()))
    }

    /// Connects once more, as who wants to reset the card does, as soon as nobody else is in a transaction.
    pub fn reconnect(&self, share: Share, disposition: Disposition) -> Result<(), String> {
        self.obeyed(&format!("reconnect {} {}", share.word(), disposition.word()))
    }

    /// Disconnects, as soon as nobody else is in a transaction.
    pub fn disconnect(&self, disposition: Disposition) -> Result<(), String> {
        self.obeyed(&format!("disconnect {}", disposition.word()))
    }

    /// Begins a transaction, as soon as nobody else is in one.
    pub fn begin(&self) -> Result<(), String> {
        self.obeyed("begin")
    }

    /// Ends it.
    pub fn end(&self, disposition: Disposition) -> Result<(), String> {
        self.obeyed(&format!("end {}", disposition.word()))
    }

    /// Sends a command, and gives the answer with its status word.
    pub fn transmit(&self, command: &[u8]) -> Result<Vec<u8>, String> {
        let answer = self.process.try_order(&format!("transmit {}", openssl::hex(command)))?;
        Ok(octets(&answer))
    }

    /// Connects, resets the card as soon as nobody else is in a transaction, and is gone.
    ///
    /// # Panics
    /// When it cannot.
    pub fn reset(&self) {
        self.connect(Share::Shared).expect("the card is there for all");
        self.disconnect(Disposition::Reset).expect("the card is still there");
    }

    /// Selects another application, in a transaction, and leaves the card so: whose PIN was verified has to say it
    /// again.
    ///
    /// # Panics
    /// When it cannot.
    pub fn select_another_application(&self) {
        self.transact(&[select(&OPENPGP)]);
    }

    /// Selects the PIV application, in a transaction, and leaves the card so.
    ///
    /// # Panics
    /// When it cannot.
    pub fn select_piv(&self) {
        self.transact(&[select(&PIV)]);
    }

    /// Verifies a PIN, in a transaction, leaves the card so, and gives the status word.
    ///
    /// # Panics
    /// When it cannot.
    pub fn verify(&self, pin: &str) -> u16 {
        let mut padded = [0xFF; 8];
        padded[..pin.len()].copy_from_slice(pin.as_bytes());
        let answer = self.transact(&[select(&PIV), [&VERIFY[..], &[8], &padded].concat()]);
        let (_, status) = answer.split_last_chunk().expect("an answer has a status word");
        u16::from_be_bytes(*status)
    }

    /// The answer to the last of some commands.
    fn transact(&self, commands: &[Vec<u8>]) -> Vec<u8> {
        let alone = self.connect(Share::Shared).and_then(|()| self.begin());
        alone.expect("the card is there for all");
        let answers = commands.iter().map(|command| self.transmit(command));
        let answers: Result<Vec<_>, String> = answers.collect();
        let left = self.end(Disposition::Leave).and_then(|()| self.disconnect(Disposition::Leave));
        let answers = left.and(answers).expect("the card is still there");
        answers.into_iter().next_back().unwrap_or_default()
    }

    fn obeyed(&self, order: &str) -> Result<(), String> {
        self.process.try_order(order).map(|_| ())
    }
}

impl Share {
    fn word(self) -> &'static str {
        match self {
            Self::Exclusive => "exclusive",
            Self::Shared => "shared",
        }
    }
}

impl Disposition {
    fn word(self) -> &'static str {
        match self {
            Self::Leave => "leave",
            Self::Reset => "reset",
            Self::Unpower => "unpower",
        }
    }
}

fn select(name: &[u8]) -> Vec<u8> {
    let length = u8::try_from(name.len()).expect("a name has at most 16 octets");
    [&SELECT[..], &[length], name].concat()
}

fn octets(hex: &str) -> Vec<u8> {
    let pairs = (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16));
    pairs.collect::<Result<_, _>>().expect("the client answers in hexadecimal")
}

/// The program, beside the one that runs or above its `deps`.
fn program_file() -> PathBuf {
    let own = env::current_exe().expect("a program knows where it is");
    let places = own.ancestors().skip(1).take(2).map(|place| place.join("pcsc-client"));
    let mut built = places.filter(|path| path.is_file());
    built.next().expect("the lab needs pcsc-client: cargo build -p hsm-test --bin pcsc-client")
}
