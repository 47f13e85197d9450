//! The process of a device host: started, spoken to with a deadline on every answer, told what
//! killed it, and never left behind.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdin, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::Signal;
use tracing::debug;

use crate::deadline::Deadline;
use crate::sandbox::Sandbox;
use crate::secret::Secret;
use crate::signer::hosted::program::Program;
use crate::signer::hosted::{Error, Settings, holder};
use crate::wire::frame;
use crate::wire::{
    Address, Awaited, Failure, FilePath, Notice, Open, PinRules, Reply, Request, VERSION,
};

mod replies;

use replies::{Replies, Silence};

/// How long one function of a device may take.
pub(super) const CALL: Duration = Duration::from_secs(10);
/// How long a host may wait for other processes that use the same device, as a part of the time for
/// a call: less than all of it, so that the host can still say so.
const PATIENCE: f32 = 0.9;
/// How long a host may take to end once it is told to.
const GRACE: Duration = Duration::from_secs(2);
/// How long the guard of a terminal may take to put it in order once its host has died.
const ORDER: Timespec = Timespec { tv_sec: 2, tv_nsec: 0 };

/// What a host does before it calls the first function of a module.
const START: &str = "its start";

/// What a person is waited for, and since when.
type Wait = Option<(Awaited, Instant)>;

/// A host's process that has been told nothing yet: it starts while we look what to tell it.
pub(super) struct Standby(Option<Child>);

/// A running host.
pub(super) struct Host {
    child: Child,
    stdin: Option<ChildStdin>,
    replies: Replies,
    device: Address,
    function: String,
    /// How long one function may take.
    pub(super) call: Duration,
    deadline: Deadline,
    /// Whether a PIN may be sent.
    login: bool,
    /// Whether the module is known to be open.
    opened: bool,
    /// Whether it is in a sandbox that limits anything.
    sandboxed: bool,
    /// Whether a person was asked for something.
    pub(super) asked_a_person: bool,
}

impl Standby {
    pub(super) fn start(program: Program, settings: &Settings) -> Result<Self, Error> {
        program.spawn(settings.debug).map(|child| Self(Some(child)))
    }

    /// Whether it starts at all, and is of this build: it greets before it is told anything.
    pub(super) fn greets(mut self, program: Program) -> Result<(), Error> {
        let child = self.0.as_mut().ok_or_else(out_of_order)?;
        let stdout = child.stdout.take().ok_or_else(out_of_order)?;
        match Replies::of(stdout).map_err(Error::System)?.next(CALL) {
            Ok(Reply::Hello { version }) => fits(&version),
            Ok(_) => Err(out_of_order()),
            Err(Silence::Late) => Err(program.unfit("says nothing")),
            Err(Silence::Closed) => match child.wait() {
                Ok(status) => Err(program.unfit(&how(status))),
                Err(error) => Err(Error::System(error)),
            },
        }
    }
}

/// It has loaded nothing and holds nothing: there is nothing that it would have to end in order.
impl Drop for Standby {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A host that has nothing open and tells a person what to put in, until this is dropped.
pub(super) struct Messenger(Standby);

impl Messenger {
    pub(super) fn ask_for(
        token: String,
        program: Program,
        settings: &Settings,
    ) -> Result<Self, Error> {
        let pin = settings.pin.clone().withholding();
        let mut standby = Standby::start(program, settings)?;
        let stdin = standby.0.as_mut().and_then(|child| child.stdin.as_mut());
        let told = stdin.map(|stdin| {
            frame::write(
                stdin,
                &Request::Insert { token, pin, sandbox: settings.sandbox.is_some() },
            )
        });
        // One that has died tells nobody, and the token is waited for all the same.
        drop(told);
        Ok(Self(standby))
    }
}

/// It takes its message away before it ends.
impl Drop for Messenger {
    fn drop(&mut self) {
        let Some(child) = &mut self.0.0 else { return };
        child.stdin = None;
        let until = Instant::now() + GRACE;
        while matches!(child.try_wait(), Ok(None)) && Instant::now() < until {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Host {
    /// Tells a host which module to load; what comes of that is seen at the first question, which
    /// need not wait for it.
    pub(super) fn open(
        mut standby: Standby,
        device: Address,
        settings: &Settings,
        call: Duration,
        pin: PinRules,
        value: Option<&Secret>,
        parent_pin: Option<FilePath>,
    ) -> Result<Self, Error> {
        let mut child = standby.0.take().ok_or_else(out_of_order)?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(out_of_order());
        };
        let mut host = Self {
            child,
            stdin: Some(stdin),
            replies: Replies::of(stdout).map_err(Error::System)?,
            device: device.clone(),
            function: START.to_owned(),
            call,
            deadline: settings.deadline.clone(),
            login: settings.login,
            opened: false,
            sandboxed: false,
            asked_a_person: false,
        };
        let patience = call.min(settings.deadline.left()).mul_f32(PATIENCE);
        let patience = u64::try_from(patience.as_millis()).unwrap_or(0);
        let also = settings.sandbox.clone();
        let sandbox = also.map(|folders| folders.into_iter().map(FilePath).collect());
        let strict_memory = settings.strict_memory;
        let open = Open { device, patience, pin, parent_pin, sandbox, strict_memory };
        host.write(|stdin| {
            frame::write(stdin, &Request::Open(open))?;
            value.map_or(Ok(()), |value| frame::write_secret(stdin, value))
        })?;
        Ok(host)
    }

    /// Sends a request and waits for its answer. A failure is an error.
    pub(super) fn ask(&mut self, request: &Request) -> Result<Reply, Error> {
        if !self.login && matches!(request, Request::Unlock | Request::Sign { .. }) {
            return Err(Error::LoginNeeded);
        }
        self.write(|stdin| frame::write(stdin, request))?;
        if !self.opened {
            self.greet()?;
            match self.answer()? {
                Reply::Opened => self.opened = true,
                _ => return Err(out_of_order()),
            }
        }
        self.answer()
    }

    /// Whether it was let go.
    pub(super) fn is_released(&self) -> bool {
        self.stdin.is_none()
    }

    /// Lets the host end; what it still has to do it does while we go on.
    pub(super) fn release(&mut self) {
        self.stdin = None;
    }

    fn greet(&mut self) -> Result<(), Error> {
        match self.answer()? {
            Reply::Hello { version } => fits(&version),
            _ => Err(out_of_order()),
        }
    }

    fn write(
        &mut self,
        write: impl FnOnce(&mut ChildStdin) -> io::Result<()>,
    ) -> Result<(), Error> {
        let stdin = self.stdin.as_mut().ok_or_else(out_of_order)?;
        // Where the host has died the answer tells why.
        match write(stdin) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(Error::Unfit { reason: error.to_string() })
            }
            _ => Ok(()),
        }
    }

    /// Waits for an answer. Each function that is announced has its own time; a person's time is
    /// not counted against the run.
    fn answer(&mut self) -> Result<Reply, Error> {
        let mut waiting = None;
        loop {
            let time = match waiting {
                Some(_) => self.deadline.left_for_a_person(),
                None => self.call.min(self.deadline.left()),
            };
            match self.replies.next(time) {
                // What is announced after the end must not put it off.
                Ok(Reply::Notice(_)) if time.is_zero() => return Err(self.late(waiting)),
                Ok(Reply::Notice(notice)) => self.heed(notice, &mut waiting),
                Ok(Reply::Failed(failure)) => return Err(self.failed(failure)),
                Ok(reply) => return Ok(reply),
                Err(Silence::Late) => return Err(self.late(waiting)),
                Err(Silence::Closed) => return Err(self.lost(waiting)),
            }
        }
    }

    fn failed(&self, mut failure: Failure) -> Error {
        holder::find(&mut failure);
        match self.sandboxed && may_be_the_sandbox(&failure) {
            true => Error::Sandboxed(failure),
            false => Error::Device(failure),
        }
    }

    fn heed(&mut self, notice: Notice, waiting: &mut Wait) {
        match notice {
            Notice::Calling(function) => {
                debug!("{}: {function}", self.device);
                self.function = function;
            }
            Notice::Sandboxed(sandbox) => {
                let Sandbox { files, calls } = sandbox;
                debug!("{}: sandbox: files {files}, system calls {calls}", self.device);
                self.sandboxed = sandbox.holds();
            }
            Notice::Waiting(awaited) => {
                self.asked_a_person = true;
                self.deadline.a_person_is_asked();
                *waiting = Some((awaited, Instant::now()));
            }
            Notice::Resumed => {
                let since = waiting.take().map_or(Duration::ZERO, |(_, since)| since.elapsed());
                self.deadline.forgive(since);
            }
        }
    }

    fn late(&mut self, waiting: Wait) -> Error {
        match waiting {
            Some((awaited, _)) => Error::NobodyAnswered { awaited, waited: self.deadline.person() },
            None => self.hung(),
        }
    }

    /// The module is to blame, unless a person was asked: that is our own affair.
    fn lost(&mut self, waiting: Wait) -> Error {
        match waiting {
            Some((Awaited::Pin, _)) => self.lost_with_the_question(),
            _ => self.crashed(),
        }
    }

    fn hung(&mut self) -> Error {
        // It may not even react to the end of its stdin; Drop would wait for that.
        let _ = self.child.kill();
        let waited = self.call.min(self.deadline.allowed());
        Error::Hung { device: self.device.to_string(), function: self.function.clone(), waited }
    }

    fn crashed(&mut self) -> Error {
        self.stdin = None;
        let status = self.ended(GRACE);
        let how = status.map_or_else(|| "closed its pipe".to_owned(), how);
        if self.function == START {
            // The module was not even loaded: it is the host that cannot run here.
            return Program::of(&self.device).unfit(&how);
        }
        let (device, function) = (self.device.to_string(), self.function.clone());
        // No module does that to itself.
        if status.and_then(|status| status.signal()) == Some(Signal::KILL.as_raw()) {
            return Error::Killed { device, function };
        }
        Error::Crashed { device, how, function, sandboxed: self.sandboxed }
    }

    /// Somebody ended the host while a person was asked: no module is to blame. A shell keeps the
    /// terminal as we leave it, so that we stay until it is in order: its guard has the other end of
    /// the host's stdin until then.
    fn lost_with_the_question(&mut self) -> Error {
        if let Some(stdin) = self.stdin.take() {
            // That nobody has the other end is always reported.
            let _ = poll(&mut [PollFd::new(&stdin, PollFlags::empty())], Some(&ORDER));
        }
        let how = match self.ended(GRACE).map(|status| (status.signal(), status)) {
            Some((Some(signal), _)) => format!("was ended (signal {signal})"),
            Some((None, status)) => how(status),
            None => "closed its pipe".to_owned(),
        };
        Error::LostWithTheQuestion { how }
    }

    /// Waits for the process to end; the end of its stdout comes first and needs no polling.
    fn ended(&mut self, grace: Duration) -> Option<ExitStatus> {
        let until = Instant::now() + grace;
        let left = || until.saturating_duration_since(Instant::now());
        while self.replies.next(left()).is_ok() && !left().is_zero() {}
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return Some(status),
                Err(_) => return None,
                Ok(None) if Instant::now() >= until => return None,
                Ok(None) => thread::sleep(Duration::from_micros(200)),
            }
        }
    }
}

/// The end of stdin ends the host, which needs a moment for C_Finalize. If it takes longer than
/// the grace it is killed: no process stays behind.
impl Drop for Host {
    fn drop(&mut self) {
        self.stdin = None;
        if self.ended(GRACE).is_none() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

fn fits(version: &str) -> Result<(), Error> {
    if version == VERSION {
        return Ok(());
    }
    let reason = format!("it is of version {version}, and keyanchor of {VERSION}");
    Err(Error::Unfit { reason })
}

/// A host that speaks out of order is of another build, or not one of ours.
pub(super) fn out_of_order() -> Error {
    Error::Unfit { reason: "it answers out of order".to_owned() }
}

/// Whether it fails so where a module is refused a file or a connection: most say no more.
fn may_be_the_sandbox(failure: &Failure) -> bool {
    const VAGUE: [&str; 3] = ["CKR_DEVICE_ERROR", "CKR_FUNCTION_FAILED", "CKR_GENERAL_ERROR"];
    /// What a module says at its start for another reason.
    const CLEAR: [&str; 2] = ["CKR_ARGUMENTS_BAD", "CKR_HOST_MEMORY"];
    match failure {
        Failure::Call { function, code, .. } => {
            let starts = function == "C_Initialize" && !CLEAR.contains(&code.as_str());
            starts || VAGUE.contains(&code.as_str())
        }
        // As the loader has it, of the module or of a library that it needs.
        Failure::Module { reason, .. } => reason.contains("cannot open"),
        Failure::NoToken { present, .. } => present.is_empty(),
        _ => false,
    }
}

fn how(status: ExitStatus) -> String {
    match (status.signal(), status.code()) {
        (Some(signal), _) => format!("crashed (signal {signal})"),
        (None, Some(code)) => format!("ended its process (status {code})"),
        (None, None) => "ended its process".to_owned(),
    }
}
