//! What a module does beside its calls, and what the system says to it: a line in the log, `connect: 13`, with the
//! error's number, or 0.

use std::ffi::{CString, c_char, c_int, c_long, c_void};
use std::fs::File;
use std::io;
use std::net::TcpListener;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use crate::log;

/// tgkill(2)
const TGKILL: c_long = if cfg!(target_arch = "x86_64") { 234 } else { 131 };

unsafe extern "C" {
    /// Any system call, by its number.
    fn syscall(number: c_long, ...) -> c_long;
    fn fork() -> c_int;
    fn sleep(seconds: u32) -> u32;
    fn _exit(status: c_int) -> !;
    fn open(path: *const c_char, flags: c_int, ...) -> c_int;
    fn signal(number: c_int, handler: extern "C" fn(c_int)) -> *const c_void;
}

/// One thing that is tried.
pub(crate) enum Attempt {
    /// `call 425`: a system call with zeros.
    Call(u32),
    /// `connect`: a socket of the internet.
    Connect,
    /// `fork`: a child that runs nothing else, holds all that is open here, and ends after 20 s.
    Fork,
    /// `read PATH`
    Read(PathBuf),
    /// `rouse PATH`: every other task of the process is sent a signal whose handler opens it for reading.
    Rouse(PathBuf),
    /// `write PATH`
    Write(PathBuf),
}

impl Attempt {
    /// Tries it, and writes down what came of it.
    pub(crate) fn make(&self) {
        let (name, outcome) = match self {
            // SAFETY: with zeros no call that a script names reads or writes memory.
            Self::Call(number) => (format!("call {number}"), unsafe { call(*number) }),
            Self::Connect => ("connect".to_owned(), TcpListener::bind("127.0.0.1:0").map(drop)),
            Self::Fork => ("fork".to_owned(), fork_and_sleep()),
            Self::Rouse(path) => (format!("rouse {}", path.display()), rouse(path)),
            Self::Read(path) => (format!("read {}", path.display()), File::open(path).map(drop)),
            Self::Write(path) => {
                (format!("write {}", path.display()), File::create(path).map(drop))
            }
        };
        let number = outcome.err().map_or(0, |error| error.raw_os_error().unwrap_or(-1));
        log::write(&format!("{name}: {number}"));
    }
}

fn fork_and_sleep() -> io::Result<()> {
    // SAFETY: the child calls nothing but sleep and _exit.
    unsafe {
        match fork() {
            0 => {
                sleep(20);
                _exit(0)
            }
            ..0 => Err(io::Error::last_os_error()),
            _ => Ok(()),
        }
    }
}

/// What the handler opens, and the least error that any task had.
static WANTED: OnceLock<CString> = OnceLock::new();
static LEAST: AtomicI32 = AtomicI32::new(i32::MAX);

/// SIGUSR2
const SIGNAL: i32 = 12;

extern "C" fn opens(_: i32) {
    let Some(path) = WANTED.get() else { return };
    // SAFETY: a string with its end; open(2) is safe in a handler of signals.
    let outcome = match unsafe { open(path.as_ptr(), 0) } {
        ..0 => io::Error::last_os_error().raw_os_error().unwrap_or(-1),
        _ => 0,
    };
    LEAST.fetch_min(outcome, Ordering::SeqCst);
}

fn rouse(path: &Path) -> io::Result<()> {
    let _ = WANTED.set(CString::new(path.as_os_str().as_bytes())?);
    // SAFETY: a handler of this library, which is never unloaded while the process works.
    unsafe { signal(SIGNAL, opens) };
    for task in std::fs::read_dir("/proc/self/task")?.flatten() {
        let Some(task) = task.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else {
            continue;
        };
        let process = std::process::id().cast_signed();
        if task != process {
            // SAFETY: tgkill(2) takes three numbers.
            unsafe { syscall(TGKILL, process, task, SIGNAL) };
        }
    }
    std::thread::sleep(Duration::from_millis(300));
    match LEAST.load(Ordering::SeqCst) {
        0 => Ok(()),
        number => Err(io::Error::from_raw_os_error(number)),
    }
}

unsafe fn call(number: u32) -> io::Result<()> {
    // SAFETY: the caller's promise.
    let returned = unsafe { syscall(c_long::from(number), 0, 0, 0, 0, 0, 0) };
    if returned < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
