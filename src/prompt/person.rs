//! Which way a person is reached.

use crate::prompt::{Nobody, Prompt, Terminal};

/// Who can be asked. No program that asks gets one of the `hidden` variables.
#[must_use]
pub fn reach(no_prompt: bool, _hidden: &[String]) -> Box<dyn Prompt> {
    match Terminal::open() {
        Some(terminal) if !no_prompt => Box::new(terminal),
        _ => Box::new(Nobody),
    }
}
