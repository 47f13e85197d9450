//! Work that blocks, done beside the event loop: what a device does must not hold up a connection.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::oneshot::{self, Receiver};

use crate::deadline::Deadline;

/// The threads that were started.
static STARTED: Mutex<Vec<JoinHandle<()>>> = Mutex::new(Vec::new());

/// Runs it on a thread of its own. (The runtime's own threads end the program where none can be
/// started.)
///
/// # Errors
/// When no thread can be started, or it ended without a result.
pub async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    let (thread, result) = start(work)?;
    started().push(thread);
    result.await.map_err(|_| lost())
}

/// The same for work that the system may keep for long, and that is in no library of ours: the end of
/// the program does not wait for it.
///
/// # Errors
/// As above.
pub async fn adrift<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    let (_, result) = start(work)?;
    result.await.map_err(|_| lost())
}

fn start<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<(JoinHandle<()>, Receiver<T>)> {
    let (sender, receiver) = oneshot::channel();
    let thread = thread::Builder::new().spawn(move || {
        // Nobody waits for it any more where the run has ended.
        let _ = sender.send(work());
    })?;
    Ok((thread, receiver))
}

fn lost() -> io::Error {
    io::Error::other("a thread ended without a result")
}

/// Waits until those threads have ended, for so long at most. At the end of the program: a thread
/// that is inside the cryptographic library while its parts are taken down ends it by a signal.
pub fn finish(patience: Duration) {
    let deadline = Deadline::after(patience);
    for thread in started().drain(..) {
        while !thread.is_finished() && !deadline.passed() {
            thread::sleep(Duration::from_micros(200));
        }
        if thread.is_finished() {
            // Whoever waited for its result has been told of a panic.
            let _ = thread.join();
        }
    }
}

fn started() -> MutexGuard<'static, Vec<JoinHandle<()>>> {
    STARTED.lock().unwrap_or_else(PoisonError::into_inner)
}
