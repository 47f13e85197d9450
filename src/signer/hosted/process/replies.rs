//! What a host says, read as it comes and no faster than it is asked for: what nobody waits for stays
//! in the pipe, and then the host waits.

use std::io::{self, ErrorKind, Read};
use std::process::ChildStdout;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

use crate::wire::Reply;
use crate::wire::frame::{self, Frame};

/// The pipe from a host, and the part of a frame that has come already.
pub(super) struct Replies {
    pipe: ChildStdout,
    read: Vec<u8>,
}

/// Why there is no reply.
pub(super) enum Silence {
    /// The host has closed its pipe, or says what is no reply.
    Closed,
    /// Nothing came in time.
    Late,
}

impl Replies {
    pub(super) fn of(pipe: ChildStdout) -> io::Result<Self> {
        fcntl_setfl(&pipe, fcntl_getfl(&pipe)? | OFlags::NONBLOCK)?;
        Ok(Self { pipe, read: Vec::new() })
    }

    /// The next reply, if it comes within that time.
    pub(super) fn next(&mut self, time: Duration) -> Result<Reply, Silence> {
        let until = Instant::now() + time;
        loop {
            match frame::take(&mut self.read).map_err(|_| Silence::Closed)? {
                Some(Frame::Message(json)) => {
                    return serde_json::from_slice(&json).map_err(|_| Silence::Closed);
                }
                Some(Frame::Secret(_)) => return Err(Silence::Closed),
                None => self.more(until)?,
            }
        }
    }

    /// Waits for more, and reads a piece of it.
    fn more(&mut self, until: Instant) -> Result<(), Silence> {
        let left = until.saturating_duration_since(Instant::now());
        // Far beyond any deadline where it does not fit.
        let left = Timespec::try_from(left).unwrap_or(Timespec { tv_sec: 3600, tv_nsec: 0 });
        match poll(&mut [PollFd::new(&self.pipe, PollFlags::IN)], Some(&left)) {
            Ok(0) => return Err(Silence::Late),
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => return Ok(()),
            Err(_) => return Err(Silence::Closed),
        }
        let mut piece = [0; 4096];
        match self.pipe.read(&mut piece) {
            Ok(0) => Err(Silence::Closed),
            Ok(length) => {
                self.read.extend(piece.iter().take(length));
                Ok(())
            }
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) =>
            {
                Ok(())
            }
            Err(_) => Err(Silence::Closed),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};
    use std::thread;

    use super::*;

    #[test]
    fn what_a_host_says_unasked_waits_in_its_pipe() {
        let notice = r#"m{"Notice":"Resumed"}"#;
        let frame = format!(r"printf '\000\000\000\{:03o}{notice}'", notice.len());
        let script = format!("n=0; while [ $n -lt 10000 ]; do {frame}; n=$((n+1)); done");
        let mut host = Command::new("sh").args(["-c", &script]).stdout(Stdio::piped()).spawn();
        let host = host.as_mut().expect("sh");
        let mut replies = Replies::of(host.stdout.take().expect("pipe")).expect("pipe");
        thread::sleep(Duration::from_millis(700));
        assert!(host.try_wait().expect("host").is_none(), "all that it said is in our memory");
        let all = std::iter::from_fn(|| replies.next(Duration::from_secs(60)).ok()).count();
        assert_eq!(all, 10_000);
        assert!(host.wait().expect("host").success());
    }

    #[test]
    fn half_a_reply_is_waited_for_and_then_given_up() {
        let mut host = Command::new("sh");
        host.args(["-c", r"printf '\000\000'; exec sleep 60"]).stdout(Stdio::piped());
        let mut host = host.spawn().expect("sh");
        let mut replies = Replies::of(host.stdout.take().expect("pipe")).expect("pipe");
        assert!(matches!(replies.next(Duration::from_millis(100)), Err(Silence::Late)));
        host.kill().expect("kill");
        host.wait().expect("wait");
    }
}
