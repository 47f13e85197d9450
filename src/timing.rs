//! Where the time goes: each phase of a run tells how long it took, for `--trace-timing`.

use std::time::Instant;

/// The name under which phases are logged.
pub const TARGET: &str = "keyanchor::timing";

/// A phase, from here to where it is dropped.
pub struct Phase {
    name: &'static str,
    start: Instant,
}

impl Phase {
    /// Begins a phase.
    #[must_use]
    pub fn start(name: &'static str) -> Self {
        Self { name, start: Instant::now() }
    }
}

impl Drop for Phase {
    fn drop(&mut self) {
        let milliseconds = self.start.elapsed().as_secs_f64() * 1000.0;
        tracing::info!(target: TARGET, "{:<16} {milliseconds:>8.1} ms", self.name);
    }
}
