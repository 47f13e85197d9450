//! What a module does beside its calls, and what the system says to it: a line in the log, `connect: 13`, with the
//! error's number, or 0.

use std::ffi::c_long;
use std::fs::File;
use std::io;
use std::net::TcpListener;
use std::path::PathBuf;

use crate::log;

unsafe extern "C" {
    /// Any system call, by its number.
    fn syscall(number: c_long, ...) -> c_long;
}

/// One thing that is tried.
pub(crate) enum Attempt {
    /// `call 425`: a system call with zeros.
    Call(u32),
    /// `connect`: a socket of the internet.
    Connect,
    /// `read PATH`
    Read(PathBuf),
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
            Self::Read(path) => (format!("read {}", path.display()), File::open(path).map(drop)),
            Self::Write(path) => {
                (format!("write {}", path.display()), File::create(path).map(drop))
            }
        };
        let number = outcome.err().map_or(0, |error| error.raw_os_error().unwrap_or(-1));
        log::write(&format!("{name}: {number}"));
    }
}

unsafe fn call(number: u32) -> io::Result<()> {
    // SAFETY: the caller's promise.
    let returned = unsafe { syscall(c_long::from(number), 0, 0, 0, 0, 0, 0) };
    if returned < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
