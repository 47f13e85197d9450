//! A fault of our own ends a run as every other error does: in three lines and with an exit code of
//! its class. Libraries panic as well, where a thread cannot be started.

use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::OnceLock;

use crate::error::Error;

/// Where the first one was.
static PLACE: OnceLock<String> = OnceLock::new();

/// Does what `run` does, and turns a panic into an error.
///
/// # Errors
/// Those of `run`, and a panic.
pub fn contained(run: impl FnOnce() -> Result<(), Error>) -> Result<(), Error> {
    panic::set_hook(Box::new(|panic| {
        let _ = PLACE.set(place(panic));
    }));
    let fault = |_| Err(Error::Fault { place: PLACE.get().cloned().unwrap_or_default() });
    panic::catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(fault)
}

/// The file's name and the line: a panic's own words could hold anything.
fn place(panic: &PanicHookInfo<'_>) -> String {
    let Some(location) = panic.location() else { return "an unknown place".to_owned() };
    let file = location.file().rsplit('/').next().unwrap_or_default();
    format!("{file}:{}", location.line())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_that_names_its_place_and_nothing_else() {
        let outcome = contained(|| panic!("648219"));
        let report = outcome.expect_err("a fault").report();
        assert_eq!(report.code(), 3);
        let text = report.to_string();
        assert!(text.contains("fault.rs:") && !text.contains("648219"), "{text}");
    }
}
