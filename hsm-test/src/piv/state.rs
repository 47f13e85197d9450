//! How a card stands, by its own account, which no command of a client changes.

use std::collections::BTreeMap;

use serde_json::Value;

/// What it counts, and what it remembers until it is reset.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct State {
    /// How many PINs may still be wrong; none, and the PIN is blocked.
    pub pin_tries: u8,
    /// The same for the PUK; none where the card does not tell, as the plain one.
    pub puk_tries: u8,
    /// Whether the PIN was verified.
    pub verified: bool,
    /// How often the private key in a slot was used.
    pub operations: BTreeMap<u8, u64>,
}

impl State {
    pub(super) fn parse(json: &str) -> Self {
        let state: Value = serde_json::from_str(json).unwrap_or_default();
        Self::read(&state).unwrap_or_else(|| panic!("not how a card stands: {json}"))
    }

    fn read(state: &Value) -> Option<Self> {
        let tries = |name| u8::try_from(state[name].as_u64()?).ok();
        let used = |(slot, count): (&String, &Value)| {
            Some((u8::from_str_radix(slot, 16).ok()?, count.as_u64()?))
        };
        Some(Self {
            pin_tries: tries("pin")?,
            puk_tries: tries("puk").unwrap_or_default(),
            verified: state["verified"].as_bool()?,
            operations: state["operations"].as_object()?.iter().map(used).collect::<Option<_>>()?,
        })
    }
}
