//! Tells a person what is waited for, once it has been waited for a while: most touches and
//! insertions are quicker than any message. From then on the time is theirs.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use crate::prompt::{Notice, Prompt};
use crate::wire::outbox::Outbox;
use crate::wire::{self, Reply};

/// How long nothing is said, where nothing else is known.
pub const PATIENCE: Duration = Duration::from_millis(500);

/// Does what may have to wait for a person, and tells them so if it does. The message is gone when it
/// is over.
pub fn ring<T>(
    outbox: &Outbox,
    person: &(dyn Fn() -> Box<dyn Prompt> + Sync),
    notice: &Notice<'_>,
    after: Duration,
    work: impl FnOnce() -> T,
) -> T {
    thread::scope(|scope| {
        let (working, over) = mpsc::channel::<()>();
        let tell = move || {
            if waits(&over, after) {
                outbox.send(&Reply::Notice(wire::Notice::Waiting(notice.awaited())));
                person().notify(notice, &mut |time| waits(&over, time));
                // Whoever could not be told is waited for all the same.
                let _ = over.recv();
                outbox.send(&Reply::Notice(wire::Notice::Resumed));
            }
        };
        // Without a thread nobody is told, and the work is done.
        let _ = thread::Builder::new().spawn_scoped(scope, tell);
        let answer = work();
        drop(working);
        answer
    })
}

fn waits(over: &Receiver<()>, time: Duration) -> bool {
    over.recv_timeout(time) == Err(RecvTimeoutError::Timeout)
}
