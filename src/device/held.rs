//! Signals that would end the process wait while the TPM holds something of ours: a TPM without a
//! resource manager would keep it for ever, and it has three places.

use nix::sys::signal::{SigSet, SigmaskHow, Signal};

/// While this lives, they wait; then they do what they do.
pub struct Held(Option<SigSet>);

impl Held {
    /// From now on.
    #[must_use]
    pub fn begin() -> Self {
        let ends = [Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM];
        let ends: SigSet = ends.into_iter().collect();
        Self(ends.thread_swap_mask(SigmaskHow::SIG_BLOCK).ok())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            // It was valid before.
            let _ = before.thread_set_mask();
        }
    }
}

/// Starts other threads so that they leave these signals to this one, which alone knows when they
/// may come: the kernel gives a signal to any thread that takes it.
pub fn left_to_this_thread<T>(spawn: impl FnOnce() -> T) -> T {
    let _held = Held::begin();
    spawn()
}
