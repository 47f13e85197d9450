//! One caller at a time asks for the same credentials, and those who come meanwhile wait for what it
//! brings. A lock a session, whose file says who holds it and until when: a holder that was stopped is
//! overtaken, and one that has failed has failed for all who waited.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

use crate::cache::moment::boot;
use crate::cache::{Cache, Hash};
use crate::deadline::{Deadline, LATEST, jitter};
use crate::paths;

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
    Failed(Told),
    /// It has not come in time; the process that has it, if that is known.
    Late(Option<u32>),
    /// It has come.
    Ours(Flight),
    /// Nothing can be kept here: whoever was waited for has credentials, and each asks for their own.
    Unkept,
}

/// What is told of a failure.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Told {
    /// In words, which only those who wrote them need to understand.
    pub report: String,
    /// The leaf that was found before, if it came so far.
    pub leaf: Option<Hash>,
}

/// What stands in the file. Times are in milliseconds since the computer's start.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Record {
    process: u32,
    /// Which start that is: the file may outlive it.
    boot: String,
    until: u64,
    /// Whether a person is awaited.
    person: bool,
    /// When there were credentials that could not be kept.
    unkept: Option<u64>,
    failed: Option<Failed>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Failed {
    at: u64,
    told: Told,
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
        let own = queue.start.elapsed().saturating_sub(queue.persons);
        deadline.forgive(queue.persons);
        deadline.put_off(own.min(extra));
        if let Turn::Ours(flight) = &turn {
            flight.lasts(deadline);
        }
        Ok(turn)
    }
}

impl Flight {
    /// Tells those who wait how long this may take: until the deadline, which may be put off. What was
    /// told before stays there: some may not have seen it yet.
    fn lasts(&self, deadline: &Deadline) {
        let (file, failed) = (Arc::clone(&self.file), self.failed.clone());
        let tell = move |left: Duration, person| {
            let (until, failed) = (now() + milliseconds(left), failed.clone());
            // Those who wait cannot be told then, and wait as long as they would anyhow.
            let _ = Record { until, person, failed, ..Record::ours() }.write(&file);
        };
        tell(deadline.left(), false);
        deadline.watched_by(tell);
    }

    /// Ends it without credentials: those who wait are told this and do not try.
    pub fn fail(self, told: Told) {
        self.end_with(Failed { at: now(), told });
    }

    /// Ends it with credentials that cannot be kept: those who wait must ask for their own.
    pub fn keep_nothing(self) {
        let _ = Record { unkept: Some(now()), ..Record::ours() }.write(&self.file);
    }

    /// What was told by the last turn if it has failed, less than `ago` from now: nobody need try
    /// again so soon who can do without.
    #[must_use]
    pub fn failed_within(&self, ago: Duration) -> Option<&Told> {
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
    /// Whether somebody else had the turn.
    waited: bool,
    /// Since when the holder has been seen to be overdue.
    overdue: Option<Instant>,
    /// When the holder was looked at last, and how long persons were awaited until then.
    looked: Instant,
    persons: Duration,
}

impl<'a> Queue<'a> {
    fn at(path: &'a Path, patience: Duration) -> io::Result<Self> {
        let (file, start, came) = (paths::open_lock(path)?, Instant::now(), now());
        let (waited, overdue, looked, persons) = (false, None, start, Duration::ZERO);
        Ok(Self { path, file, start, came, patience, waited, overdue, looked, persons })
    }

    fn wait(&mut self, said: &mut dyn FnMut(u32)) -> io::Result<Turn> {
        let mut silent = true;
        loop {
            let holder = match self.file.try_lock() {
                Ok(()) if is_at(&self.file, self.path) => return self.come(),
                Ok(()) => {
                    self.file = paths::open_lock(self.path)?;
                    Record::default()
                }
                Err(TryLockError::Error(error)) => return Err(error),
                Err(TryLockError::WouldBlock) => {
                    self.waited = true;
                    Record::read(&self.file).unwrap_or_default()
                }
            };
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

    fn is_long(&self) -> bool {
        self.start.elapsed() > LONG
    }

    /// What others have left is for those who have seen them.
    fn come(&self) -> io::Result<Turn> {
        let before = Record::read(&self.file).unwrap_or_default();
        let is_for_us = |at: u64| self.waited && at >= self.came;
        if before.unkept.is_some_and(is_for_us) {
            return Ok(Turn::Unkept);
        }
        match before.failed {
            Some(failed) if is_for_us(failed.at) => Ok(Turn::Failed(failed.told)),
            // A lock belongs to what was opened, however many descriptors of it there are.
            failed => Ok(Turn::Ours(Flight { file: Arc::new(self.file.try_clone()?), failed })),
        }
    }

    /// A person's time is not counted, and ends.
    fn limit(&mut self, holder: &Record) -> Duration {
        if holder.person {
            self.persons += self.looked.elapsed();
        }
        self.looked = Instant::now();
        (self.patience + self.persons).min(self.patience.max(LATEST))
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
        let succession = paths::open_lock(&self.path.with_file_name("succession.lock"))?;
        match succession.try_lock() {
            // It has ended after all, and this is a turn like any other.
            Ok(()) if self.file.try_lock().is_ok() => return Ok(()),
            Ok(()) if is_at(&self.file, self.path) && self.is_still_overdue() => {
                fs::remove_file(self.path)?;
            }
            Ok(()) | Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(error),
        }
        self.file = paths::open_lock(self.path)?;
        Ok(())
    }

    fn is_still_overdue(&self) -> bool {
        Record::read(&self.file).is_some_and(|holder| holder.is_overdue(self.is_long()))
    }
}

impl Record {
    fn ours() -> Self {
        Self { process: std::process::id(), boot: boot().to_owned(), ..Self::default() }
    }

    /// `None` also while it is being written, and where it was written before the computer was started.
    fn read(file: &File) -> Option<Self> {
        let mut bytes = [0; 4096];
        let read = file.read_at(&mut bytes, 0).ok()?;
        let record: Self = serde_json::from_slice(bytes.get(..read)?).ok()?;
        Some(record).filter(|record| record.boot == boot())
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
