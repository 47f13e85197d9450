//! A card in a slot of a pcscd's reader: pulled, inserted, touched and disturbed as a test says, and asked what has
//! become of it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::log::{Log, Mark};
use super::pcscd::{self, Pcscd};
use super::process::Process;
use super::readers::{self, Reader};
use super::state::State;
use super::wait;
use super::yubikey::{Management, PlainCard, Touch, YubiKey};
use crate::cargo::Crate;
use crate::files::read;
use crate::pki::Pki;

/// The virtual YubiKey, the card that is none, and a program that provisions real ones.
static PROGRAMS: Crate = Crate::new("card");

/// One card, with its keys gone for good when dropped. It is in its slot from the start.
#[derive(Debug)]
pub struct Card {
    process: Process,
    reader: String,
    /// Of its pcscd, and what that writes about itself.
    socket: PathBuf,
    events: PathBuf,
    directory: TempDir,
    pki: Pki,
    pub(super) serial: u32,
    pub(super) management: Management,
}

impl YubiKey {
    /// Puts such a card into its slot, and gives it its PIN and PUK.
    ///
    /// # Panics
    /// When the program cannot be built, or there is a card in that slot that was not dropped.
    pub fn insert(&self, pcscd: &Pcscd) -> Card {
        let directory = fresh_directory(pcscd);
        let mut program = pcscd.card(&PROGRAMS.product("virtual-yubikey"), self.slot);
        program.args(self.arguments()).arg("--root").arg(attestation_root(directory.path()));
        let mut card = Card::start(pcscd, self.slot, directory, program);
        (card.serial, card.management) = (self.serial, self.management());
        if self.pin != Self::FACTORY_PIN {
            card.change_pin(Self::FACTORY_PIN, self.pin);
        }
        if self.puk != Self::FACTORY_PUK {
            card.change_puk(Self::FACTORY_PUK, self.puk);
        }
        card
    }
}

impl PlainCard {
    /// Puts such a card into its slot, and gives it its PIN.
    ///
    /// # Panics
    /// When the program cannot be built, or there is a card in that slot that was not dropped.
    pub fn insert(&self, pcscd: &Pcscd) -> Card {
        let program = pcscd.card(&PROGRAMS.product("plain-piv-card"), self.slot);
        let card = Card::start(pcscd, self.slot, fresh_directory(pcscd), program);
        card.change_pin(YubiKey::FACTORY_PIN, self.pin);
        card
    }
}

impl Card {
    fn start(pcscd: &Pcscd, slot: u8, directory: TempDir, mut program: Command) -> Self {
        let reader = pcscd.slot(slot);
        let is_empty = |slot: &Reader| slot.name == reader && slot.card.is_none();
        let free = wait::holds_soon(|| pcscd.readers().iter().any(is_empty));
        assert!(free, "no empty slot: {reader}");
        let card = Self {
            process: Process::start(program.arg("--log").arg(directory.path().join("log"))),
            reader,
            socket: pcscd.socket(),
            events: pcscd.log_file(),
            directory,
            pki: pcscd.pki(),
            serial: 0,
            management: Management::TripleDes,
        };
        card.await_insertion();
        card
    }

    /// A directory with all of its files.
    pub fn dir(&self) -> &Path {
        self.directory.path()
    }

    /// The name of the slot it is in, which PC/SC calls a reader.
    pub fn reader(&self) -> &str {
        &self.reader
    }

    /// The root of the attestations of a YubiKey, a PEM certificate: another one for each card.
    pub fn attestation_root(&self) -> PathBuf {
        attestation_root(self.dir())
    }

    /// The process id, for what no method here does.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// The PKI that issues the certificates of its keys; cards of one pcscd have the same.
    pub fn pki(&self) -> &Pki {
        &self.pki
    }

    /// Pulls it; PC/SC has seen it when this returns. Keys and counters stay.
    pub fn remove(&self) {
        self.process.order("remove");
        self.await_removal();
    }

    /// Inserts it; PC/SC has seen it when this returns.
    pub fn insert(&self) {
        self.process.order("insert");
        self.await_insertion();
    }

    /// Waits until PC/SC has seen that it was pulled, by a fault for example.
    ///
    /// # Panics
    /// When it was not.
    pub fn await_removal(&self) {
        wait::until("the card is out", || self.seen().is_none() && self.is_missed());
    }

    /// Waits until PC/SC has seen that it is in: it comes back by itself after a fault that says so, and when pcscd
    /// was started again.
    ///
    /// # Panics
    /// When it is not.
    pub fn await_insertion(&self) {
        wait::until("the card is in", || self.is_in());
    }

    /// Whether PC/SC says that it is in and has answered to a reset.
    pub fn is_in(&self) -> bool {
        self.seen().is_some_and(|atr| !atr.is_empty())
    }

    /// What the person does about touches from now on, one that is awaited included.
    pub fn touch(&self, touch: Touch) {
        self.process.order(&format!("touch {}", touch.word()));
    }

    /// Adds a line to the fault script, such as `VERIFY 1 sw 6F00`; calls are counted from now on.
    ///
    /// # Panics
    /// When the line makes no sense.
    pub fn script(&self, line: &str) {
        self.process.order(&format!("script {line}"));
    }

    /// Takes all lines of the fault script away.
    pub fn clear(&self) {
        self.process.order("clear");
    }

    /// How it stands, by its own account.
    pub fn state(&self) -> State {
        State::parse(&self.process.order("state"))
    }

    /// All that has happened to it.
    pub fn log(&self) -> Log {
        self.log_since(Mark(0))
    }

    /// What has happened to it since a mark.
    pub fn log_since(&self, mark: Mark) -> Log {
        Log::parse(&read(&self.dir().join("log")), mark)
    }

    /// Waits until something of that name has happened to it since a mark.
    ///
    /// # Panics
    /// When it does not.
    pub fn await_log(&self, mark: Mark, name: &str) {
        wait::until(name, || self.log_since(mark).count(name) > 0);
    }

    /// The present end of its log.
    pub fn mark(&self) -> Mark {
        Mark(self.log().0.len())
    }

    /// A client of PC/SC that finds this card's pcscd.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.envs(pcscd::environment(&self.socket));
        command
    }

    /// The ATR of what is in the slot, empty if it gave none.
    fn seen(&self) -> Option<Vec<u8>> {
        let readers = readers::ask(&self.socket).unwrap_or_default();
        readers.into_iter().find(|reader| reader.name == self.reader)?.card
    }

    /// Whether pcscd has looked for it since it was pulled, as it does every 400 ms. Clients may be told before that it
    /// is out, where a command or a reset was in vain; but a card that is back before pcscd looks is never seen again.
    fn is_missed(&self) -> bool {
        let events = read(&self.events);
        let [inserted, removed] = ["Card inserted into", "Card Removed From"]
            .map(|event| events.rfind(&format!("{event} {}\n", self.reader)));
        removed >= inserted
    }

    /// Where the program is that does what yubico-piv-tool cannot.
    pub(super) fn provisioner() -> PathBuf {
        PROGRAMS.product("piv-provision")
    }
}

fn fresh_directory(pcscd: &Pcscd) -> TempDir {
    let directory = tempfile::Builder::new().prefix("card-").tempdir_in(pcscd.dir());
    directory.expect("the target directory is writable")
}

fn attestation_root(directory: &Path) -> PathBuf {
    directory.join("attestation-root.pem")
}
