//! Whole pages of memory, beside which nothing else lies: locked against swapping, left out of core
//! files, and empty in a forked process. One of the two places with `unsafe`: the system's calls for
//! memory take addresses. Where it refuses to lock a page the secret lives there all the same;
//! [`can_be_locked`] says so beforehand.

#![allow(unsafe_code, reason = "mmap, mlock and madvise take addresses")]

use std::ffi::c_void;
use std::io;
use std::ptr::{self, NonNull};
use std::slice;

use rustix::mm::{
    Advice, MapFlags, MlockFlags, ProtFlags, madvise, mlock_with, mmap_anonymous, munmap,
};
use rustix::param::page_size;

/// What a run needs at most, in bytes: a PIN on its way takes a page a step.
const NEEDED: usize = 64 * 1024;

/// Pages of our own, all of them readable and writable as long as this lives.
pub(super) struct Pages {
    start: NonNull<u8>,
    length: usize,
}

// SAFETY: the memory belongs to this value alone, and is reached through its borrows only.
unsafe impl Send for Pages {}
// SAFETY: as above; a shared borrow only reads.
unsafe impl Sync for Pages {}

/// Whether memory for the secrets of a run can be locked (RLIMIT_MEMLOCK).
///
/// # Errors
/// What the system says to it.
pub fn can_be_locked() -> io::Result<()> {
    Pages::of(NEEDED).lock()
}

impl Pages {
    /// Zeros, enough for so many bytes.
    ///
    /// # Panics
    /// When the system has no memory left.
    #[expect(clippy::expect_used, reason = "without memory a vector would end the process too")]
    pub(super) fn of(bytes: usize) -> Self {
        let length = bytes.max(1).next_multiple_of(page_size());
        let (access, kind) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE);
        // SAFETY: a new mapping at an address that the kernel chooses touches no other memory.
        let start = unsafe { mmap_anonymous(ptr::null_mut(), length, access, kind) };
        let start = start.ok().and_then(|start| NonNull::new(start.cast()));
        let pages = Self { start: start.expect("there is memory for a secret"), length };
        let _ = pages.lock();
        for advice in [Advice::LinuxDontDump, Advice::LinuxWipeOnFork] {
            // SAFETY: the range is our own mapping, and neither advice changes what this process sees.
            let _ = unsafe { madvise(pages.address(), length, advice) };
        }
        pages
    }

    pub(super) fn bytes(&self) -> &[u8] {
        // SAFETY: the mapping is that long, readable, and lives as long as this value.
        unsafe { slice::from_raw_parts(self.start.as_ptr(), self.length) }
    }

    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, writable, and borrowed by nobody else.
        unsafe { slice::from_raw_parts_mut(self.start.as_ptr(), self.length) }
    }

    /// A page counts once it is used: room that nobody needs costs nothing.
    fn lock(&self) -> io::Result<()> {
        // SAFETY: the range is our own mapping, and locking changes nothing in it.
        Ok(unsafe { mlock_with(self.address(), self.length, MlockFlags::ONFAULT) }?)
    }

    fn address(&self) -> *mut c_void {
        self.start.as_ptr().cast()
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: the range is our own mapping, and nobody has a borrow of it any more.
        let _ = unsafe { munmap(self.address(), self.length) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The flags of the mapping with that address (proc_pid_smaps(5): `VmFlags`).
    fn flags(address: usize) -> Option<Vec<String>> {
        let maps = std::fs::read_to_string("/proc/self/smaps").expect("smaps");
        let mut lines = maps.lines();
        lines.find(|line| holds(line, address) == Some(true))?;
        let flags = lines.find_map(|line| line.strip_prefix("VmFlags: "));
        Some(flags.expect("flags").split_whitespace().map(str::to_owned).collect())
    }

    /// `7f00-7f10 rw-p …`
    fn holds(line: &str, address: usize) -> Option<bool> {
        let (from, to) = line.split_whitespace().next()?.split_once('-')?;
        let number = |text| usize::from_str_radix(text, 16).ok();
        Some((number(from)?..number(to)?).contains(&address))
    }

    #[test]
    fn pages_are_locked_left_out_of_dumps_and_wiped_on_fork_until_they_are_given_back() {
        can_be_locked().expect("the test may lock memory");
        let pages = Pages::of(1);
        let address = pages.start.as_ptr().addr();
        let flags = flags(address).expect("a mapping of its own");
        for flag in ["lo", "dd", "wf"] {
            assert!(flags.iter().any(|known| known == flag), "{flag}: {flags:?}");
        }
    }

    #[test]
    fn a_thousand_secrets_fit_below_the_usual_limit() {
        let pages: Vec<_> = (0..1000).map(|_| Pages::of(255)).collect();
        assert!(pages.iter().map(|pages| pages.length).sum::<usize>() < 8 * 1024 * 1024);
        assert!(pages.iter().all(|pages| pages.lock().is_ok()));
    }
}
