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

/// Does what may have to wait for a person, and tells them so if it does: so long after `work` has said
/// that the wait begins. The message is gone when it is over.
pub fn ring<T>(
    outbox: &Outbox,
    person: &(dyn Fn() -> Box<dyn Prompt> + Sync),
    notice: &Notice<'_>,
    after: Duration,
    work: impl FnOnce(&dyn Fn()) -> T,
) -> T {
    thread::scope(|scope| {
        let (working, over) = mpsc::channel::<()>();
        let (begin, begun) = mpsc::channel::<()>();
        let tell = move || {
            if begun.recv().is_ok() && waits(&over, after) {
                outbox.send(&Reply::Notice(wire::Notice::Waiting(notice.awaited())));
                person().notify(notice, &mut |time| waits(&over, time));
                // Whoever could not be told is waited for all the same.
                let _ = over.recv();
                outbox.send(&Reply::Notice(wire::Notice::Resumed));
            }
        };
        // Without a thread nobody is told, and the work is done.
        let _ = thread::Builder::new().spawn_scoped(scope, tell);
        // Nobody may listen: then nobody is told.
        let answer = work(&|| {
            let _ = begin.send(());
        });
        drop((begin, working));
        answer
    })
}

fn waits(over: &Receiver<()>, time: Duration) -> bool {
    over.recv_timeout(time) == Err(RecvTimeoutError::Timeout)
}
