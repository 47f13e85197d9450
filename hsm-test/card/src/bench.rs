//! What lies around a card while it works: the hand that leads it, the fault script and the log.

use std::sync::Mutex;

use crate::hand::{Hand, Touched};
use crate::log::Log;
use crate::script::Script;

/// What the outside has to do with a card while it works.
pub struct Bench {
    /// Inserts, pulls and touches it.
    pub hand: Hand,
    /// What was done.
    pub log: Log,
    /// What goes wrong.
    pub script: Mutex<Script>,
    /// The applet's state after the last command.
    pub state: Mutex<String>,
}

impl Bench {
    /// A bench for a card that has not started.
    pub fn new(hand: Hand, log: Log, script: Script) -> Self {
        Self { hand, log, script: Mutex::new(script), state: Mutex::default() }
    }

    /// Waits for a touch; false when there is none.
    pub fn touch(&self) -> bool {
        self.log.line("TOUCH awaited");
        let end = self.hand.awaits_touch();
        self.log.line(format_args!("TOUCH {end}"));
        end == Touched::Given
    }
}
