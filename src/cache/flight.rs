//! One caller at a time asks for the same credentials, and those who come meanwhile wait for what it
//! brings. A lock a session, whose file says who holds it and until when: a holder that was stopped is
//! overtaken, and one that has failed has failed for all who waited.

use std::fs::{self, File, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

use crate::cache::{Cache, Hash};
use crate::deadline::{Deadline, LATEST, jitter};

/// After how long a wait is spoken of, and its cause looked into.
const LONG: Duration = Duration::from_secs(2);

/// How long a holder's own end may take after its time is up: its device host has two seconds.
const GRACE: u64 = 2500;

/// How long that must have been seen: one that has just got its turn finds what the one before wrote.
const CERTAIN: Duration = Duration::from_millis(500);

/// The turn to ask, for as long as this lives.
pub struct Flight {
    file: Arc<File>,
    /// What came of the turn before, if it has failed.
    failed: Option<Failed>,
}

/// What became of the wait for one's turn.
pub enum Turn {
    /// Whoever was waited for has failed; this is what they told.
    Failed(String),
    /// It has not come in time; the process that has it, if that is known.
    Late(Option<u32>),
    /// It has come.
    Ours(Flight),
}

/// What stands in the file. Times are in milliseconds since the computer's start.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Record {
    process: u32,
    until: u64,
    /// Whether a person is awaited.
    person: bool,
    failed: Option<Failed>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Failed {
    at: u64,
    told: String,
}

impl Cache {
    /// Waits for the turn to ask for the credentials of that key, as long as the deadline allows, and
    /// `extra` on top. `said` is called once, with the process that is waited for, when the wait
    /// becomes long. The time that was waited is put on the deadline where it was a person's or extra.
    ///
    /// # Errors
    /// When there can be no such lock: on a full disk, for instance.
    pub fn turn(
        &self,
        key: &Hash,
        deadline: &Deadline,
        extra: Duration,
        said: &mut dyn FnMut(u32),
    ) -> io::Result<Turn> {
        let path = self.folder().join(format!("{key}.lock"));
        let mut queue = Queue::at(&path, deadline.left() + extra)?;
        let turn = queue.wait(said)?;
        let waited = queue.start.elapsed();
        if queue.after_a_person {
            deadline.forgive(waited);
        } else {
            deadline.put_off(waited.min(extra));
        }
        if let Turn::Ours(flight) = &turn {
            flight.lasts(deadline);
        }
        Ok(turn)
    }
}

impl Flight {
    /// Tells those who wait how long this may take: until the deadline, which may be put off.
    fn lasts(&self, deadline: &Deadline) {
        let file = Arc::clone(&self.file);
        let tell = move |left: Duration, person| {
            let record = Record { until: now() + milliseconds(left), person, ..Record::ours() };
            // Those who wait cannot be told then, and wait as long as they would anyhow.
            let _ = record.write(&file);
        };
        tell(deadline.left(), false);
        deadline.watched_by(tell);
    }

    /// Ends it without credentials: those who wait are told this and do not try.
    pub fn fail(self, told: String) {
        self.end_with(Failed { at: now(), told });
    }

    /// What was told by the last turn if it has failed, less than `ago` from now: nobody need try
    /// again so soon who can do without.
    #[must_use]
    pub fn failed_within(&self, ago: Duration) -> Option<&str> {
        let failed = self.failed.as_ref()?;
        (now().saturating_sub(failed.at) < milliseconds(ago)).then_some(&failed.told)
    }

    /// Ends it as it was found, without a try.
    pub fn pass(mut self) {
        if let Some(failed) = self.failed.take() {
            self.end_with(failed);
        }
    }

    fn end_with(self, failed: Failed) {
        let _ = Record { failed: Some(failed), ..Record::ours() }.write(&self.file);
    }
}

/// The deadline may still hold the file, which must not keep others waiting.
impl Drop for Flight {
    fn drop(&mut self) {
        let _ = self.file.unlock();
    }
}

/// Removes a lock that nobody holds.
pub(super) fn remove(path: &Path) {
    let Ok(file) = File::options().append(true).open(path) else { return };
    if file.try_lock().is_ok() && is_at(&file, path) {
        let _ = fs::remove_file(path);
    }
}

/// One who waits.
struct Queue<'a> {
    path: &'a Path,
    file: File,
    start: Instant,
    came: u64,
    patience: Duration,
    /// Since when the holder has been seen to be overdue.
    overdue: Option<Instant>,
    /// Whether a person was asked for something meanwhile.
    after_a_person: bool,
}

impl<'a> Queue<'a> {
    fn at(path: &'a Path, patience: Duration) -> io::Result<Self> {
        let (file, start, came) = (open(path)?, Instant::now(), now());
        Ok(Self { path, file, start, came, patience, overdue: None, after_a_person: false })
    }

    fn wait(&mut self, said: &mut dyn FnMut(u32)) -> io::Result<Turn> {
        let mut silent = true;
        loop {
            match self.file.try_lock() {
                Ok(()) if is_at(&self.file, self.path) => return self.come(),
                Ok(()) => self.file = open(self.path)?,
                Err(TryLockError::Error(error)) => return Err(error),
                Err(TryLockError::WouldBlock) => {
                    let holder = Record::read(&self.file).unwrap_or_default();
                    if self.start.elapsed() > self.limit(&holder) {
                        return Ok(Turn::Late(holder.process()));
                    }
                    if let (true, Some(process)) = (silent && self.is_long(), holder.process()) {
                        silent = false;
                        said(process);
                    }
                    self.look_at(&holder)?;
                    thread::sleep(jitter(5, 50));
                }
            }
        }
    }

    fn is_long(&self) -> bool {
        self.start.elapsed() > LONG
    }

    fn come(&self) -> io::Result<Turn> {
        let failed = Record::read(&self.file).and_then(|before| before.failed);
        match failed {
            Some(failed) if failed.at >= self.came => Ok(Turn::Failed(failed.told)),
            // A lock belongs to what was opened, however many descriptors of it there are.
            failed => Ok(Turn::Ours(Flight { file: Arc::new(self.file.try_clone()?), failed })),
        }
    }

    /// A person's time is not counted, and ends.
    fn limit(&mut self, holder: &Record) -> Duration {
        self.after_a_person |= holder.person;
        if holder.person { self.patience.max(LATEST) } else { self.patience }
    }

    /// Overtakes a holder that has been overdue for long enough to be certain of it.
    fn look_at(&mut self, holder: &Record) -> io::Result<()> {
        if !holder.is_overdue(self.is_long()) {
            self.overdue = None;
            return Ok(());
        }
        let since = *self.overdue.get_or_insert_with(Instant::now);
        if since.elapsed() > CERTAIN {
            self.overdue = None;
            self.overtake()?;
        }
        Ok(())
    }

    /// Makes a new file take the old one's place, whose lock is worth nothing then. One does it; the
    /// others find the new one.
    fn overtake(&mut self) -> io::Result<()> {
        let succession = open(&self.path.with_file_name("succession.lock"))?;
        match succession.try_lock() {
            Ok(()) if is_at(&self.file, self.path) => fs::remove_file(self.path)?,
            Ok(()) | Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(error),
        }
        self.file = open(self.path)?;
        Ok(())
    }
}

impl Record {
    fn ours() -> Self {
        Self { process: std::process::id(), ..Self::default() }
    }

    /// `None` also while it is being written.
    fn read(file: &File) -> Option<Self> {
        let mut bytes = [0; 4096];
        let read = file.read_at(&mut bytes, 0).ok()?;
        serde_json::from_slice(bytes.get(..read)?).ok()
    }

    fn write(&self, file: &File) -> io::Result<()> {
        let json = serde_json::to_vec(self)?;
        file.set_len(0)?;
        file.write_all_at(&json, 0)
    }

    fn process(&self) -> Option<u32> {
        Some(self.process).filter(|process| *process != 0)
    }

    /// Whether its holder can be waited for no longer: its time is up, or, where it was waited for
    /// for long, it was stopped, as Ctrl-Z stops all that belongs to a command.
    fn is_overdue(&self, after_long: bool) -> bool {
        (self.until > 0 && now() > self.until + GRACE) || (after_long && is_stopped(self.process))
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    let file =
        options.create(true).truncate(false).read(true).write(true).mode(0o600).open(path)?;
    // Once more, where a umask took our own rights away: the next run must be able to open it.
    let _ = file.set_permissions(Permissions::from_mode(0o600));
    Ok(file)
}

/// Whether that is the file which others find there.
fn is_at(file: &File, path: &Path) -> bool {
    let (Ok(ours), Ok(theirs)) = (file.metadata(), fs::symlink_metadata(path)) else {
        return false;
    };
    (ours.dev(), ours.ino()) == (theirs.dev(), theirs.ino())
}

/// By the third field of `/proc/PID/stat` (proc_pid_stat(5)), after a name that may hold anything.
fn is_stopped(process: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T'))
}

/// Since the start of this computer, for all processes alike.
fn now() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    u64::try_from(now.tv_sec * 1000 + now.tv_nsec / 1_000_000).unwrap_or(0)
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX / 2)
}

#[cfg(test)]
mod tests;
