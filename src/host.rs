//! A device host: a small process that knows one device and its human, and neither network nor
//! AWS. It answers requests on stdin until stdin ends; then it lets the running call finish, and
//! is gone after five seconds at the latest.

use std::io::{self, IsTerminal, Read, Write};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};

use crate::device::held::left_to_this_thread;
use crate::device::{Device, Found};
use crate::key::public_key::Scheme;
use crate::key::uri::TokenFilter;
use crate::prompt::etiquette::{Etiquette, Waiting};
use crate::prompt::spawner::{self, Spawner};
use crate::prompt::{GUARD, Notice, Terminal, bell};
use crate::sandbox::Sandbox;
use crate::wire::frame::{self, Frame};
use crate::wire::outbox::Outbox;
use crate::wire::{
    self, Awaited, Bytes, Failure, Foreseen, Open, PinRules, PinSource, Reply, Request, VERSION,
};
use crate::{paths, process, secret};

mod doors;
mod reach;
mod token_lock;

use doors::{Bell, Parent, Signature, Token};
use token_lock::TokenLock;

/// How long a device call may go on after the main program has gone.
const GRACE: Duration = Duration::from_secs(5);

/// Runs a host to its end. Its exit code says only whether it ran at all: failures are answers.
#[must_use]
pub fn run<D: Device>() -> ExitCode {
    process::keep_to_itself();
    if io::stdin().is_terminal() {
        let told = writeln!(
            io::stderr(),
            "a device host is started by keyanchor, not by hand; see keyanchor --help"
        );
        return told.map_or(ExitCode::FAILURE, |()| ExitCode::from(2));
    }
    match std::env::args_os().nth(1) {
        Some(argument) if argument == GUARD => return Terminal::guard(),
        Some(argument) if argument == spawner::ARGUMENT => return spawner::run(),
        _ => {}
    }
    let Ok(outbox) = Outbox::on_stdout() else { return ExitCode::FAILURE };
    // There is one, as long as the process lives.
    let outbox: &'static Outbox = Box::leak(Box::new(outbox));
    outbox.send(&Reply::Hello { version: VERSION.to_owned() });
    let mut host = Host::<D> { outbox, device: None, session: None };
    let mut frames = io::stdin().lock();
    while let Ok(Some(frame)) = frame::read(&mut frames) {
        let answer = host.answer(frame, &mut frames);
        outbox.send(&answer.unwrap_or_else(Reply::Failed));
    }
    ExitCode::SUCCESS
}

/// Goes into a sandbox, where the main program wants one: no thread stays outside, because there is only
/// this one so far. What starts the user's programs is another process by then.
fn confine<D: Device>(open: &Open, outbox: &Outbox) -> Result<(), Failure> {
    if let Some(also) = &open.sandbox {
        let sandbox = Sandbox::enter(&reach::allowance::<D>(open, also));
        outbox.send(&Reply::Notice(wire::Notice::Sandboxed(sandbox)));
    }
    watch().map_err(resources)
}

fn resources(error: io::Error) -> Failure {
    Failure::Resources { reason: paths::reason(&error) }
}

/// Watches for the end of stdin on a thread of its own, so that it is seen while a device call runs.
fn watch() -> io::Result<()> {
    let watch = || {
        let stdin = io::stdin();
        // Without an event that is asked for, only the hang-up of the main program ends the wait.
        let mut hung_up = [PollFd::new(&stdin, PollFlags::empty())];
        while matches!(poll(&mut hung_up, None), Err(rustix::io::Errno::INTR)) {}
        thread::sleep(GRACE);
        end();
    };
    left_to_this_thread(|| thread::Builder::new().spawn(watch)).map(drop)
}

/// A device call hangs on the main thread, and nobody waits for it. An orderly exit would run the
/// destructors of the module, which may wait for the very call that hangs.
fn end() {
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
}

struct Host<D> {
    outbox: &'static Outbox,
    device: Option<D>,
    session: Option<Session>,
}

/// What came with [`Open`].
struct Session {
    etiquette: Etiquette,
    /// That towards the parent of a TPM's key, which has a password of its own.
    parent: Etiquette,
    /// Not held while a person types, nor after a signature.
    lock: TokenLock,
}

impl<D: Device> Host<D> {
    fn answer(&mut self, frame: Frame, frames: &mut impl Read) -> Result<Reply, Failure> {
        let Frame::Message(json) = frame else { return Err(Failure::Protocol) };
        if let Some(session) = &mut self.session {
            session.lock.take_again()?;
        }
        match serde_json::from_slice(&json).map_err(|_| Failure::Protocol)? {
            Request::Open(open) => self.open(open, frames),
            Request::Insert { token, pin, sandbox } => self.wait_for(&token, pin, sandbox),
            Request::Select(wanted) => Ok(match self.device()?.select(&wanted)? {
                Found::Visible(selected) => Reply::Selected(selected),
                Found::Hidden => Reply::Hidden,
            }),
            Request::Certificates(wanted) => Ok(match self.device()?.certificates(&wanted)? {
                Found::Visible(ders) => Reply::Certificates(ders.into_iter().map(Bytes).collect()),
                Found::Hidden => Reply::Hidden,
            }),
            Request::List(unlock) => self.list(unlock.as_deref()),
            Request::Foresee(token) => self.foresee(token.as_deref()).map(Reply::Foreseen),
            Request::Unlock => self.unlock().map(|()| Reply::Unlocked),
            Request::Sign { scheme, message } => {
                let signature = self.sign(scheme, &message.0)?;
                if let Some(session) = &mut self.session {
                    // Others may use the token while the cloud answers; we rarely sign again.
                    session.lock.give_up();
                }
                Ok(Reply::Signature(Bytes(signature)))
            }
        }
    }

    fn device(&mut self) -> Result<&mut D, Failure> {
        self.device.as_mut().ok_or(Failure::Protocol)
    }

    fn open(&mut self, open: Open, frames: &mut impl Read) -> Result<Reply, Failure> {
        let value = if matches!(open.pin.source, Some(PinSource::Value)) {
            let Ok(Some(Frame::Secret(value))) = frame::read(frames) else {
                return Err(Failure::Protocol);
            };
            Some(value)
        } else {
            None
        };
        let file = open.parent_pin.clone().map(PinSource::File);
        let parent = Etiquette::new(PinRules { source: file, ..open.pin.clone() }, None);
        let etiquette = Etiquette::new(open.pin.clone(), value);
        let programs = Spawner::where_needed(&open.pin).map_err(resources)?;
        let parent = parent.with_programs(programs.clone());
        let etiquette = etiquette.with_programs(programs);
        if open.strict_memory {
            let swappable = |error| Failure::Swappable { reason: paths::reason(&error) };
            secret::can_be_locked().map_err(swappable)?;
        }
        confine::<D>(&open, self.outbox)?;
        let patience = Duration::from_millis(open.patience);
        let mut lock = TokenLock::of(open.device.to_string(), patience);
        let device = D::open(open.device, patience, self.outbox, &mut |name| lock.take(name))?;
        self.device = Some(device);
        self.session = Some(Session { etiquette, parent, lock });
        Ok(Reply::Opened)
    }

    fn list(&mut self, unlock: Option<&TokenFilter>) -> Result<Reply, Failure> {
        let Some(token) = unlock else { return self.device()?.list() };
        self.device()?.aim(token)?;
        self.unlock()?;
        self.device()?.list_unlocked()
    }

    fn foresee(&mut self, token: Option<&TokenFilter>) -> Result<Foreseen, Failure> {
        let device = self.device.as_mut().ok_or(Failure::Protocol)?;
        let Session { etiquette, .. } = self.session.as_ref().ok_or(Failure::Protocol)?;
        token.map_or(Ok(()), |token| device.aim(token))?;
        etiquette.foresee(&mut Token(device))
    }

    /// Logs in, if a token wants that.
    fn unlock(&mut self) -> Result<(), Failure> {
        let device = self.device.as_mut().ok_or(Failure::Protocol)?;
        let Session { etiquette, lock, .. } = self.session.as_mut().ok_or(Failure::Protocol)?;
        if !device.wants_login() {
            return Ok(());
        }
        if !device.has_its_own_pad() {
            return etiquette.open(&mut Token(device), &mut waiting(self.outbox, lock));
        }
        etiquette.may_try(&mut Token(device))?;
        etiquette.may_ask(&mut Token(device))?;
        let token = device.holder().to_string();
        let notice = Notice::Type(&token);
        let unlock = |waits: &dyn Fn()| {
            waits();
            device.unlock(None)
        };
        bell::ring(self.outbox, &etiquette.way(), &notice, bell::PATIENCE, unlock)
    }

    /// One signature, for which some keys want a PIN: that of the token, if it was sent already.
    fn sign(&mut self, scheme: Scheme, message: &[u8]) -> Result<Vec<u8>, Failure> {
        self.unlock()?;
        let device = self.device.as_mut().ok_or(Failure::Protocol)?;
        let Session { etiquette, parent, lock } = self.session.as_mut().ok_or(Failure::Protocol)?;
        let (wants_pin, last_try) =
            (device.wants_pin_to_sign(etiquette.has_a_source())?, etiquette.last_try());
        let (token, person) = (device.holder().to_string(), etiquette.way());
        let (notice, after) = match device.touch_after() {
            _ if device.has_its_own_pad() => (Notice::Type(&token), Some(bell::PATIENCE)),
            after => (Notice::Touch(&token), after),
        };
        let (outbox, person): (_, &(dyn Fn() -> _ + Sync)) = (self.outbox, &person);
        let bell = after.map(|after| Bell { outbox, person, notice, after });
        let mut door = Signature { device, scheme, message, last_try, bell, made: Vec::new() };
        let costs = door.device.trying_may_cost();
        let wants_pin = wants_pin || (costs && etiquette.remembers(&door));
        let outcome = match wants_pin {
            true => etiquette.open(&mut door, &mut waiting(self.outbox, lock)),
            false => door.make(),
        };
        let outcome = match outcome {
            Err(Failure::ParentPassword { parent: name, .. }) => {
                let mut above = Parent { name, door: &mut door };
                parent.open(&mut above, &mut waiting(self.outbox, lock))
            }
            outcome => outcome,
        };
        let Err(failure) = outcome else { return Ok(door.made) };
        if !wants_pin && door.device.wants_pin_after_all() {
            if costs {
                etiquette.remember(&door);
            }
            etiquette.open(&mut door, &mut waiting(self.outbox, lock))?;
        } else {
            etiquette.second_pin(&mut door, failure, &mut waiting(self.outbox, lock))?;
        }
        Ok(door.made)
    }

    /// Tells a person what to put in, until the main program wants no more. Nothing is open here.
    fn wait_for(&self, token: &str, pin: PinRules, sandbox: bool) -> Result<Reply, Failure> {
        let etiquette = Etiquette::new(pin.clone(), None);
        let etiquette = etiquette.with_programs(Spawner::where_needed(&pin).map_err(resources)?);
        if sandbox {
            // Of what it holds nothing is worth more than a message.
            let _ = Sandbox::enter(&reach::of_no_device());
        }
        watch().map_err(resources)?;
        let stdin = io::stdin();
        let (person, notice) = (etiquette.way(), Notice::Insert(token));
        bell::ring(self.outbox, &person, &notice, bell::PATIENCE, |waits| {
            waits();
            let mut hung_up = [PollFd::new(&stdin, PollFlags::empty())];
            while matches!(poll(&mut hung_up, None), Err(rustix::io::Errno::INTR)) {}
        });
        Ok(Reply::Notice(wire::Notice::Resumed))
    }
}

/// The token is given up while somebody else is waited for.
fn waiting<'l>(outbox: &'l Outbox, lock: &'l mut TokenLock) -> Box<Waiting<'l>> {
    Box::new(|begins| {
        if begins {
            lock.give_up();
            outbox.send(&Reply::Notice(wire::Notice::Waiting(Awaited::Pin)));
            return Ok(());
        }
        outbox.send(&Reply::Notice(wire::Notice::Resumed));
        lock.take_again()
    })
}
