//! A device host: a small process that knows one device and its human, and neither network nor
//! AWS. It answers requests on stdin until stdin ends; then it lets the running call finish, and
//! is gone after five seconds at the latest.

use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{DumpableBehavior, Resource, Rlimit};
use sha2::{Digest, Sha256};

use crate::deadline::Deadline;
use crate::device::pkcs11::{Device, Found};
use crate::key::uri::TokenFilter;
use crate::lock::Lock;
use crate::paths;
use crate::prompt::{GUARD, Nobody, Pin, PinRequest, Prompt, Sources, Terminal, etiquette};
use crate::wire::frame::{self, Frame};
use crate::wire::list::Listed;
use crate::wire::outbox::Outbox;
use crate::wire::{Bytes, Failure, Notice, Open, Reply, Request, VERSION};

/// How long a device call may go on after the main program has gone.
const GRACE: Duration = Duration::from_secs(5);

/// Runs a host to its end. Its exit code says only whether it ran at all: failures are answers.
#[must_use]
pub fn run() -> ExitCode {
    if io::stdin().is_terminal() {
        let told = writeln!(
            io::stderr(),
            "keyanchor-pkcs11: started by keyanchor, not by hand; see keyanchor --help"
        );
        return told.map_or(ExitCode::FAILURE, |()| ExitCode::from(2));
    }
    if std::env::args_os().nth(1).is_some_and(|argument| argument == GUARD) {
        return Terminal::guard();
    }
    keep_out_of_dumps();
    let Ok(outbox) = Outbox::on_stdout() else { return ExitCode::FAILURE };
    outbox.send(&Reply::Hello { version: VERSION.to_owned() });
    let mut host = Host { outbox: &outbox, device: None, session: None };
    if let Err(error) = watch() {
        outbox.send(&Reply::Failed(Failure::Resources { reason: paths::reason(&error) }));
        return ExitCode::FAILURE;
    }
    let mut frames = io::stdin().lock();
    while let Ok(Some(frame)) = frame::read(&mut frames) {
        let answer = host.answer(frame, &mut frames);
        outbox.send(&answer.unwrap_or_else(Reply::Failed));
    }
    ExitCode::SUCCESS
}

/// PINs live here: no core file, and no other process of this user may look inside. Neither is
/// worth failing for where the system does not have it.
fn keep_out_of_dumps() {
    let _ = rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable);
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let _ = rustix::process::setrlimit(Resource::Core, none);
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
    thread::Builder::new().spawn(watch).map(drop)
}

/// A device call hangs on the main thread, and nobody waits for it. An orderly exit would run the
/// destructors of the module, which may wait for the very call that hangs.
fn end() {
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
}

/// One lock a module: SoftHSM's files and many a card break when two programs use them at once. It
/// is the host's, so that a killed front frees nothing that its host still uses.
fn token_lock(module: &Path, patience: Duration) -> Result<Lock, Failure> {
    let hash = Sha256::digest(module.as_os_str().as_encoded_bytes());
    let hash: String = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let deadline = Deadline::after(patience);
    let lock = Lock::take(&format!("pkcs11-{hash}"), &mut |pause| {
        thread::sleep(pause.min(deadline.left()));
        !deadline.passed()
    });
    let lock = lock.map_err(|error| Failure::Lock { reason: error.to_string() })?;
    lock.ok_or_else(|| Failure::Busy { module: module.display().to_string() })
}

struct Host<'a> {
    outbox: &'a Outbox,
    device: Option<Device<'a>>,
    session: Option<Session>,
}

/// What came with [`Open`].
struct Session {
    module: PathBuf,
    patience: Duration,
    sources: Sources,
    last_try: bool,
    /// Not held while a person types, nor after a signature.
    lock: Option<Lock>,
}

impl<'a> Host<'a> {
    fn answer(&mut self, frame: Frame, frames: &mut impl Read) -> Result<Reply, Failure> {
        let Frame::Message(json) = frame else { return Err(Failure::Protocol) };
        if let Some(session) = &mut self.session {
            session.lock_again()?;
        }
        match serde_json::from_slice(&json).map_err(|_| Failure::Protocol)? {
            Request::Open(open) => self.open(open, frames),
            Request::Select(wanted) => Ok(match self.device()?.select(&wanted)? {
                Found::Visible(selected) => Reply::Selected(selected),
                Found::Hidden => Reply::Hidden,
            }),
            Request::Certificates(wanted) => Ok(match self.device()?.certificates(&wanted)? {
                Found::Visible(ders) => Reply::Certificates(ders.into_iter().map(Bytes).collect()),
                Found::Hidden => Reply::Hidden,
            }),
            Request::List(unlock) => self.list(unlock.as_deref()).map(Reply::Listed),
            Request::Unlock => self.unlock().map(|()| Reply::Unlocked),
            Request::Sign { scheme, message } => {
                self.unlock()?;
                let last_try = self.session.as_ref().is_some_and(|session| session.last_try);
                let signature = self.device()?.sign(scheme, &message.0, last_try)?;
                if let Some(session) = &mut self.session {
                    // Others may use the token while the cloud answers; we rarely sign again.
                    session.lock = None;
                }
                Ok(Reply::Signature(Bytes(signature)))
            }
        }
    }

    fn device(&mut self) -> Result<&mut Device<'a>, Failure> {
        self.device.as_mut().ok_or(Failure::Protocol)
    }

    fn open(&mut self, open: Open, frames: &mut impl Read) -> Result<Reply, Failure> {
        let value = if open.pin.value {
            let Ok(Some(Frame::Secret(value))) = frame::read(frames) else {
                return Err(Failure::Protocol);
            };
            Some(value)
        } else {
            None
        };
        let patience = Duration::from_millis(open.patience);
        let module = open.module.0;
        let lock = token_lock(&module, patience)?;
        self.device = Some(Device::open(&module, open.init_args, self.outbox)?);
        self.session = Some(Session {
            module,
            patience,
            sources: Sources { value, file: open.pin.file.map(|file| file.0) },
            last_try: open.pin.last_try,
            lock: Some(lock),
        });
        Ok(Reply::Opened)
    }

    fn list(&mut self, unlock: Option<&TokenFilter>) -> Result<Listed, Failure> {
        let Some(token) = unlock else { return self.device()?.list() };
        self.device()?.aim(token)?;
        self.unlock()?;
        self.device()?.list_unlocked()
    }

    /// Logs in, if a token wants that: its state is read, then one PIN is sent, once. A key that
    /// wants a PIN with its signature only gets it then.
    fn unlock(&mut self) -> Result<(), Failure> {
        let device = self.device.as_mut().ok_or(Failure::Protocol)?;
        if device.wants_login() {
            let pin = self.pin()?;
            let device = self.device.as_mut().ok_or(Failure::Protocol)?;
            let own_pad = pin.is_none();
            if own_pad {
                self.outbox.send(&Reply::Notice(Notice::Waiting));
            }
            let answer = device.unlock(pin);
            if own_pad {
                self.outbox.send(&Reply::Notice(Notice::Resumed));
            }
            return answer;
        }
        if device.has_key() && device.wants_pin_to_sign()? {
            let pin = self.pin()?;
            if let (Some(device), Some(pin)) = (&mut self.device, pin) {
                device.keep_pin(pin);
            }
        }
        Ok(())
    }

    /// The PIN from its source, once the token's state allows to send one; none where it is typed
    /// on the device. A PIN that was configured for the key's token is never for another.
    fn pin(&mut self) -> Result<Option<Pin>, Failure> {
        let device = self.device.as_mut().ok_or(Failure::Protocol)?;
        let session = self.session.as_mut().ok_or(Failure::Protocol)?;
        let state = device.pin_state()?;
        etiquette::may_try(&device.token(), state, session.last_try)?;
        if device.has_its_own_pad() {
            return Ok(None);
        }
        let (token, key) = (device.token(), device.key());
        let tries = state.tries;
        let request = PinRequest { token: &token, key: &key, caller: None, tries, why: None };
        if !session.sources.need_a_person() && !device.is_not_the_keys_token() {
            return session.sources.pin(&request, &Nobody).map(Some);
        }
        let pin = session.ask(&request, self.outbox)?;
        etiquette::may_try(&token, device.pin_state()?, session.last_try)?;
        Ok(Some(pin))
    }
}

impl Session {
    /// Asks the person, who may take their time: others may use the token meanwhile.
    fn ask(&mut self, request: &PinRequest<'_>, outbox: &Outbox) -> Result<Pin, Failure> {
        let prompt: Box<dyn Prompt> = match Terminal::open() {
            Some(terminal) => Box::new(terminal),
            None => Box::new(Nobody),
        };
        self.lock = None;
        outbox.send(&Reply::Notice(Notice::Waiting));
        let pin = Sources::default().pin(request, &*prompt);
        outbox.send(&Reply::Notice(Notice::Resumed));
        let pin = pin?;
        self.lock_again()?;
        Ok(pin)
    }

    fn lock_again(&mut self) -> Result<(), Failure> {
        if self.lock.is_none() {
            self.lock = Some(token_lock(&self.module, self.patience)?);
        }
        Ok(())
    }
}
