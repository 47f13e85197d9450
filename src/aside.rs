//! Work that blocks, done beside the event loop: what a device does must not hold up a connection.

use std::io;
use std::thread;

use tokio::sync::oneshot;

/// Runs it on a thread of its own. (The runtime's own threads end the program where none can be
/// started.)
///
/// # Errors
/// When no thread can be started, or it ended without a result.
pub async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    let (sender, receiver) = oneshot::channel();
    thread::Builder::new().spawn(move || {
        // Nobody waits for it any more where the run has ended.
        let _ = sender.send(work());
    })?;
    receiver.await.map_err(|_| io::Error::other("a thread ended without a result"))
}
