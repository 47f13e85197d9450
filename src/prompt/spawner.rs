//! The process that starts the user's programs: a pinentry, an askpass, `notify-send`, the program of
//! `--pin-command`. A dialog needs a display, and a program that knows a PIN its files and a network;
//! a device host has none of these in its sandbox. So a host that may need one starts its own program once
//! more before it goes in, and asks it over a socketpair. It is asked in a fixed vocabulary: which programs
//! there are is settled by options and environment before a module is loaded, and a question is a text in
//! one of them. It opens no device, keeps no PIN, and ends with its host.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use crate::paths;
use crate::prompt::program::GLANCE;
use crate::prompt::{NoPin, Notice, PinRequest, Prompt, person};
use crate::secret::Secret;
use crate::wire::failure::Tries;
use crate::wire::frame::{self, Frame};
use crate::wire::{PinRules, PinSource};

mod served;

/// The argument that makes a host's program a spawner.
pub const ARGUMENT: &str = "start-programs";

/// What a host asks for.
#[derive(Serialize, Deserialize)]
enum Order {
    /// The first one, with all that decides which programs there are.
    Begin(Settings),
    /// Ask for a PIN. Answered by the PIN, or by [`Answer::None`].
    Ask(Question),
    /// Show a notice until [`Order::Over`], which is answered by [`Answer::Done`].
    Show(Shown),
    /// What the notice was about is over.
    Over,
    /// Run the program of `--pin-command`. Answered by its output, or by [`Answer::Failed`].
    RunPinCommand,
}

/// What decides which programs there are, beside the environment.
#[derive(Serialize, Deserialize)]
struct Settings {
    /// Nobody may be asked, and notices are shown without a dialog.
    no_prompt: bool,
    /// The variables that may hold a PIN.
    hidden: Vec<String>,
    /// The words of `--pin-command`.
    pin_command: Option<Vec<String>>,
}

/// A [`PinRequest`].
#[derive(Serialize, Deserialize)]
struct Question {
    word: String,
    of: String,
    key: String,
    caller: Option<String>,
    tries: Tries,
    why: Option<String>,
}

/// A [`Notice`].
#[derive(Serialize, Deserialize)]
enum Shown {
    Insert(String),
    Touch(String),
    Type(String),
}

/// What is answered, where it is no secret.
#[derive(Serialize, Deserialize)]
enum Answer {
    /// To [`Order::Begin`]: whether there is a program that can ask.
    Ready {
        asks: bool,
    },
    None(NoPin),
    Failed(String),
    Done,
}

/// A running spawner, as its host sees it.
pub struct Spawner {
    line: Mutex<Line>,
}

struct Line {
    socket: UnixStream,
    child: Child,
    /// Whether a program can ask, once it has said so.
    asks: Option<bool>,
}

impl Spawner {
    /// Starts one where those rules, or the way to the user, may need a program: before the process
    /// goes into its sandbox.
    ///
    /// # Errors
    /// When no process can be started.
    pub fn where_needed(rules: &PinRules) -> io::Result<Option<Arc<Self>>> {
        let pin_command = match &rules.source {
            Some(PinSource::Command(words)) => Some(words.clone()),
            _ => None,
        };
        if pin_command.is_none() && !person::is_reached_by_a_program(rules.no_prompt) {
            return Ok(None);
        }
        let hidden = rules.source.iter().chain(&rules.withheld).filter_map(|source| match source {
            PinSource::Environment(name) => Some(name.clone()),
            _ => None,
        });
        let settings =
            Settings { no_prompt: rules.no_prompt, hidden: hidden.collect(), pin_command };
        Self::start(settings).map(Arc::new).map(Some)
    }

    fn start(settings: Settings) -> io::Result<Self> {
        let (mut socket, theirs) = UnixStream::pair()?;
        // By this name it is our own build, even if another one was installed meanwhile.
        let mut command = Command::new("/proc/self/exe");
        command.arg0("keyanchor-spawner").arg(ARGUMENT);
        for variable in &settings.hidden {
            command.env_remove(variable);
        }
        command.stdin(OwnedFd::from(theirs)).stdout(Stdio::null());
        let child = command.spawn()?;
        // One that has died already is noticed where it is needed.
        let _ = frame::write(&mut socket, &Order::Begin(settings));
        Ok(Self { line: Mutex::new(Line { socket, child, asks: None }) })
    }

    /// Runs the program of `--pin-command`, whose output is the PIN.
    ///
    /// # Errors
    /// When it fails: why.
    pub fn pin_from_command(&self) -> Result<Secret, String> {
        match self.line().ask(&Order::RunPinCommand) {
            Ok(Frame::Secret(pin)) => Ok(pin),
            Ok(Frame::Message(json)) => match serde_json::from_slice(&json) {
                Ok(Answer::Failed(reason)) => Err(reason),
                _ => Err(gone()),
            },
            Err(NoPin::Unusable(reason)) => Err(reason),
            Err(_) => Err("nobody waits for its answer any more".to_owned()),
        }
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    /// Sends an order and waits for the answer, as long as the main program waits for ours.
    fn ask(&mut self, order: &Order) -> Result<Frame, NoPin> {
        self.begun()?;
        self.send(order)?;
        self.answer()
    }

    /// Whether a program can ask.
    fn begun(&mut self) -> Result<bool, NoPin> {
        if let Some(asks) = self.asks {
            return Ok(asks);
        }
        match self.message()? {
            Answer::Ready { asks } => Ok(*self.asks.insert(asks)),
            _ => Err(NoPin::Unusable(gone())),
        }
    }

    fn send(&mut self, order: &Order) -> Result<(), NoPin> {
        frame::write(&mut self.socket, order)
            .map_err(|error| NoPin::Unusable(format!("{}: {}", gone(), paths::reason(&error))))
    }

    fn message(&mut self) -> Result<Answer, NoPin> {
        let Frame::Message(json) = self.answer()? else { return Err(NoPin::Unusable(gone())) };
        serde_json::from_slice(&json).map_err(|_| NoPin::Unusable(gone()))
    }

    fn answer(&mut self) -> Result<Frame, NoPin> {
        let stdin = io::stdin();
        let caller = PollFd::new(&stdin, PollFlags::empty());
        let mut waited = [PollFd::new(&self.socket, PollFlags::IN), caller];
        while matches!(poll(&mut waited, None), Err(Errno::INTR)) {}
        if waited[0].revents().is_empty() {
            // The main program is gone: programs end when the line does.
            let _ = self.socket.shutdown(std::net::Shutdown::Both);
            return Err(NoPin::Cancelled);
        }
        match frame::read(&mut self.socket) {
            Ok(Some(frame)) => Ok(frame),
            Ok(None) | Err(_) => Err(NoPin::Unusable(gone())),
        }
    }
}

/// It ends with the line, and is waited for: what it started has ended by then.
impl Drop for Line {
    fn drop(&mut self) {
        let _ = self.socket.shutdown(std::net::Shutdown::Both);
        let _ = self.child.wait();
    }
}

fn gone() -> String {
    "the process that starts programs has ended".to_owned()
}

/// The user, asked and told by programs that the spawner starts.
pub struct Programs(pub Arc<Spawner>);

impl Prompt for Programs {
    fn pin(&self, request: &PinRequest<'_>) -> Result<Secret, NoPin> {
        let text = |text: &str| text.to_owned();
        let question = Question {
            word: text(request.word),
            of: text(request.of),
            key: text(request.key),
            caller: request.caller.map(text),
            tries: request.tries,
            why: request.why.map(text),
        };
        match self.0.line().ask(&Order::Ask(question))? {
            Frame::Secret(pin) => Ok(pin),
            Frame::Message(json) => match serde_json::from_slice(&json) {
                Ok(Answer::None(none)) => Err(none),
                _ => Err(NoPin::Unusable(gone())),
            },
        }
    }

    fn notify(&self, notice: &Notice<'_>, waiting: &mut dyn FnMut(Duration) -> bool) {
        let shown = match notice {
            Notice::Insert(token) => Shown::Insert((*token).to_owned()),
            Notice::Touch(token) => Shown::Touch((*token).to_owned()),
            Notice::Type(token) => Shown::Type((*token).to_owned()),
        };
        let mut line = self.0.line();
        // The work goes on, whether or not the user can be told.
        if line.begun().and_then(|_| line.send(&Order::Show(shown))).is_err() {
            return;
        }
        while waiting(GLANCE) {}
        let _ = line.ask(&Order::Over);
    }

    fn interactive(&self) -> bool {
        self.0.line().begun().unwrap_or(false)
    }
}

/// The life of a spawner: see [`ARGUMENT`].
#[must_use]
pub fn run() -> ExitCode {
    // Not through Rust's stdin, which reads ahead: it is looked whether an order waits.
    let line = io::stdin().as_fd().try_clone_to_owned().map(UnixStream::from);
    match line.and_then(served::until_the_end) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
