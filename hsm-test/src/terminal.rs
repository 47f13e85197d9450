//! A pseudo-terminal and the person before it: reads what a program shows, types, changes the window, closes it, and
//! looks at the terminal's state from outside.
//!
//! `setsid` makes it the controlling terminal of what is started, whatever stdout and stderr are.

use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pty::{self, OpenptFlags};
use rustix::termios::{self, LocalModes, Termios, Winsize};

/// How long something is waited for that must come: long enough for a busy machine and for a person's 50 seconds.
const PATIENCE: Duration = Duration::from_secs(120);

/// A terminal, and what was started on it last. Dropped, it hangs up and ends that program.
#[derive(Debug)]
pub struct Terminal {
    /// Until it hangs up.
    master: Option<File>,
    slave: PathBuf,
    shown: Vec<u8>,
    /// How much of that `wait_for` has gone past.
    read: usize,
    child: Option<Child>,
    captured: Option<[File; 2]>,
}

/// All of a terminal's settings, to be compared with those of another moment.
#[derive(Clone, Debug)]
pub struct State(Termios);

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        // modes, control characters and speeds: all that there is
        format!("{:?}", self.0) == format!("{:?}", other.0)
    }
}

impl State {
    /// Whether what is typed is shown.
    pub fn echoes(&self) -> bool {
        self.0.local_modes.contains(LocalModes::ECHO)
    }

    /// Whether lines are edited by the terminal, and handed out when they are whole.
    pub fn is_canonical(&self) -> bool {
        self.0.local_modes.contains(LocalModes::ICANON)
    }

    /// Whether Ctrl-C is a signal.
    pub fn has_signals(&self) -> bool {
        self.0.local_modes.contains(LocalModes::ISIG)
    }
}

impl Terminal {
    /// A terminal of 80 columns and 24 rows.
    ///
    /// # Panics
    /// When the system has no pseudo-terminals.
    pub fn open() -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let master = pty::openpt(flags).expect("a pseudo-terminal");
        pty::grantpt(&master).and_then(|()| pty::unlockpt(&master)).expect("a terminal of our own");
        let name = pty::ptsname(&master, Vec::new()).expect("a terminal has a name");
        let slave = PathBuf::from(name.into_string().expect("/dev/pts/N is ASCII"));
        let master = Some(File::from(master));
        let terminal =
            Self { master, slave, shown: Vec::new(), read: 0, child: None, captured: None };
        terminal.resize(80, 24);
        terminal
    }

    /// Its name, for programs that are told one.
    pub fn path(&self) -> &Path {
        &self.slave
    }

    /// Changes the size of the window, in characters.
    ///
    /// # Panics
    /// When it was closed.
    pub fn resize(&self, columns: u16, rows: u16) {
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        termios::tcsetwinsize(self.master(), size).expect("an open terminal has a size");
    }

    /// Starts a program on the terminal, with stdin, stdout and stderr there too. Its environment is what the command
    /// sets, and a PATH.
    ///
    /// # Panics
    /// When it cannot be started, or the one before it has not been waited for.
    pub fn start(&mut self, command: &Command) -> &mut Self {
        let [stdout, stderr] = [(); 2].map(|()| self.open_slave().into());
        self.spawn(command, stdout, stderr)
    }

    /// The same with stdout and stderr elsewhere, as an SDK has them: only /dev/tty leads here.
    ///
    /// # Panics
    /// When it cannot be started, or the one before it has not been waited for.
    pub fn start_captured(&mut self, command: &Command) -> &mut Self {
        let files = [(); 2].map(|()| tempfile::tempfile().expect("a temporary file"));
        let copy = |file: &File| file.try_clone().expect("an open file").into();
        self.spawn(command, copy(&files[0]), copy(&files[1]));
        self.captured = Some(files);
        self
    }

    fn spawn(&mut self, command: &Command, stdout: Stdio, stderr: Stdio) -> &mut Self {
        assert!(self.child.is_none(), "what was started before has not been waited for");
        let mut setsid = Command::new("setsid");
        // A test that runs in the background of a shell, or under nohup, has signals that are ignored, and so would
        // have what it starts.
        setsid.args(["--ctty", "--wait", "env", "--default-signal"]);
        setsid.arg(command.get_program()).args(command.get_args());
        let environment = command.get_envs().filter_map(|(name, value)| Some((name, value?)));
        setsid.env_clear().env("PATH", "/usr/bin:/bin").envs(environment);
        setsid.stdin(self.open_slave()).stdout(stdout).stderr(stderr);
        self.child = Some(setsid.spawn().expect("the lab needs setsid: util-linux"));
        self
    }

    /// Waits until that text is shown, after what was waited for before.
    ///
    /// # Panics
    /// When it does not come, with what was shown instead.
    pub fn wait_for(&mut self, text: &str) -> &mut Self {
        let until = Instant::now() + PATIENCE;
        loop {
            let unread = &self.shown[self.read..];
            if let Some(at) = unread.windows(text.len()).position(|part| part == text.as_bytes()) {
                self.read += at + text.len();
                return self;
            }
            let ended = self.has_ended();
            let nothing = !self.read_some();
            assert!(!(ended && nothing), "no {text:?} before the end: {:?}", self.shown());
            assert!(Instant::now() < until, "no {text:?} in time: {:?}", self.shown());
        }
    }

    /// Presses keys: `\n` is enter, `\x03` Ctrl-C, `\x7f` the backspace key.
    ///
    /// # Panics
    /// When the terminal was closed.
    pub fn type_in(&mut self, keys: &str) -> &mut Self {
        self.master().write_all(keys.as_bytes()).expect("an open terminal takes keys");
        self
    }

    /// Everything that was shown so far, control characters included.
    pub fn shown(&mut self) -> String {
        while self.read_at_once() {}
        String::from_utf8_lossy(&self.shown).into_owned()
    }

    /// What was shown after the last text that was waited for.
    pub fn shown_since(&mut self) -> String {
        while self.read_at_once() {}
        String::from_utf8_lossy(&self.shown[self.read..]).into_owned()
    }

    /// The terminal's settings, as any program on it sees them.
    ///
    /// # Panics
    /// When it was closed.
    pub fn state(&self) -> State {
        State(termios::tcgetattr(self.master()).expect("an open terminal has settings"))
    }

    /// The process that was started last: the leader of the terminal's session.
    ///
    /// # Panics
    /// When none is running.
    pub fn leader(&self) -> u32 {
        self.child.as_ref().expect("a program was started").id()
    }

    /// Closes the window: every process on the terminal is told, and whoever reads from it is at an end.
    pub fn hang_up(&mut self) -> &mut Self {
        self.master = None;
        self
    }

    /// Waits until the program has ended, and reads to the end. Its streams are empty where they were the terminal.
    ///
    /// # Panics
    /// When it does not end, with what was shown.
    pub fn finish(&mut self) -> Output {
        let until = Instant::now() + PATIENCE;
        loop {
            let ended = self.has_ended();
            let more = self.read_some();
            if ended && !more {
                break;
            }
            assert!(ended || Instant::now() < until, "it does not end: {:?}", self.shown());
        }
        let status = self.child.take().expect("a program was started").wait().expect("a child");
        let [stdout, stderr] =
            self.captured.take().map(|files| files.map(whole)).unwrap_or_default();
        Output { status, stdout, stderr }
    }

    fn master(&self) -> &File {
        self.master.as_ref().expect("the terminal has not hung up")
    }

    fn open_slave(&self) -> OwnedFd {
        // not ours: it is the program that gets it
        let flags =
            rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY | rustix::fs::OFlags::CLOEXEC;
        let slave = rustix::fs::open(&self.slave, flags, rustix::fs::Mode::empty());
        slave.unwrap_or_else(|error| panic!("{}: {error}", self.slave.display()))
    }

    /// Whether what was started has ended; what others started and told the terminal's name goes on.
    fn has_ended(&mut self) -> bool {
        let ended = |child: &mut Child| child.try_wait().expect("it is our child").is_some();
        self.child.as_mut().is_some_and(ended)
    }

    /// Reads what is there, or waits a moment for it; whether there was something.
    fn read_some(&mut self) -> bool {
        let moment = Duration::from_millis(20);
        let found = self.read_within(moment);
        if !found && self.is_closed() {
            // such a terminal is always ready, and never has anything
            std::thread::sleep(moment);
        }
        found
    }

    fn read_at_once(&mut self) -> bool {
        self.read_within(Duration::ZERO)
    }

    fn read_within(&mut self, time: Duration) -> bool {
        let Some(mut master) = self.master.as_ref() else { return false };
        let time = Timespec { tv_sec: 0, tv_nsec: i64::from(time.subsec_nanos()) };
        let mut waited = [PollFd::new(master, PollFlags::IN)];
        if poll(&mut waited, Some(&time)).is_err() || !waited[0].revents().contains(PollFlags::IN) {
            return false;
        }
        let mut piece = [0; 4096];
        // an error is how the end is told, once no program has it open any more
        let length = master.read(&mut piece).unwrap_or_default();
        self.shown.extend_from_slice(&piece[..length]);
        length > 0
    }

    /// Whether no program has the terminal open, or its window was closed.
    fn is_closed(&self) -> bool {
        let Some(master) = self.master.as_ref() else { return true };
        let mut waited = [PollFd::new(master, PollFlags::empty())];
        let _ = poll(&mut waited, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }));
        waited[0].revents().contains(PollFlags::HUP)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.master = None;
        if let Some(child) = &mut self.child {
            // it may have ended by itself, and there is nobody to tell
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn whole(mut file: File) -> Vec<u8> {
    let mut bytes = Vec::new();
    file.rewind().and_then(|()| file.read_to_end(&mut bytes)).expect("a readable file");
    bytes
}
