//! When a key demands the PIN and a touch (Yubico's extension, set when the key is made).

use std::time::{Duration, Instant};

use super::VirtualYubiKey;
use super::selection::Session;
use crate::status::Status;

/// When a key demands the PIN.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum PinPolicy {
    /// Before each use anew.
    Always,
    /// Never.
    Never,
    /// Once after the application was selected.
    Once,
}

/// When a key demands a touch.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum TouchPolicy {
    /// For each use.
    Always,
    /// Unless one was given shortly before.
    Cached,
    /// Never.
    Never,
}

/// How long a touch is remembered.
const CACHED: Duration = Duration::from_secs(15);

impl PinPolicy {
    /// Tag AA's value; 0 is the slot's own.
    pub(super) fn of_number(number: u8, slot: u8) -> Option<Self> {
        match number {
            0 => Some(Self::of_slot(slot)),
            1 => Some(Self::Never),
            2 => Some(Self::Once),
            3 => Some(Self::Always),
            _ => None,
        }
    }

    pub(super) fn number(self) -> u8 {
        match self {
            Self::Never => 1,
            Self::Once => 2,
            Self::Always => 3,
        }
    }

    fn of_slot(slot: u8) -> Self {
        match slot {
            0x9C => Self::Always,
            0x9E => Self::Never,
            _ => Self::Once,
        }
    }

    fn allows(self, session: &Session) -> bool {
        match self {
            Self::Always => session.is_fresh(),
            Self::Never => true,
            Self::Once => session.is_verified(),
        }
    }
}

impl TouchPolicy {
    /// Tag AB's value; 0 is never.
    pub(super) fn of_number(number: u8) -> Option<Self> {
        match number {
            0 | 1 => Some(Self::Never),
            2 => Some(Self::Always),
            3 => Some(Self::Cached),
            _ => None,
        }
    }

    pub(super) fn number(self) -> u8 {
        match self {
            Self::Never => 1,
            Self::Always => 2,
            Self::Cached => 3,
        }
    }

    fn is_met(self, last: Option<Instant>, now: Instant) -> bool {
        match self {
            Self::Always => false,
            Self::Cached => last.is_some_and(|last| now.duration_since(last) < CACHED),
            Self::Never => true,
        }
    }
}

impl VirtualYubiKey {
    /// Lets a key with these policies be used once, or answers 6982. Any use makes the verified PIN a used one.
    pub(super) fn permit(&mut self, pin: PinPolicy, touch: TouchPolicy) -> Result<(), Status> {
        if !pin.allows(&self.session) {
            return Err(Status::SECURITY);
        }
        self.session.wear();
        self.touched(touch)
    }

    /// Waits for the touch that the policy demands.
    pub(super) fn touched(&mut self, policy: TouchPolicy) -> Result<(), Status> {
        if policy.is_met(self.last_touch, Instant::now()) {
            return Ok(());
        }
        if !self.bench.touch() {
            return Err(Status::SECURITY);
        }
        self.last_touch = Some(Instant::now());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(verified: bool, worn: bool) -> Session {
        let mut session = Session::default();
        if verified {
            session.verify();
        }
        if worn {
            session.wear();
        }
        session
    }

    #[test]
    fn the_pin_is_demanded_as_the_policy_says() {
        for (policy, at_first, when_verified, when_used) in [
            (PinPolicy::Never, true, true, true),
            (PinPolicy::Once, false, true, true),
            (PinPolicy::Always, false, true, false),
        ] {
            assert_eq!(policy.allows(&session(false, false)), at_first, "{policy:?}");
            assert_eq!(policy.allows(&session(true, false)), when_verified, "{policy:?}");
            assert_eq!(policy.allows(&session(true, true)), when_used, "{policy:?}");
        }
    }

    #[test]
    fn each_slot_has_a_policy_of_its_own() {
        for (slot, policy) in [
            (0x9A, PinPolicy::Once),
            (0x9C, PinPolicy::Always),
            (0x9D, PinPolicy::Once),
            (0x9E, PinPolicy::Never),
            (0x82, PinPolicy::Once),
        ] {
            assert_eq!(PinPolicy::of_number(0, slot), Some(policy), "{slot:02x}");
        }
    }

    #[test]
    fn a_touch_is_remembered_for_15_seconds_where_it_may_be() {
        let last = Instant::now();
        for (policy, without, after_14, after_15) in [
            (TouchPolicy::Never, true, true, true),
            (TouchPolicy::Always, false, false, false),
            (TouchPolicy::Cached, false, true, false),
        ] {
            let at = |seconds| policy.is_met(Some(last), last + Duration::from_secs(seconds));
            assert_eq!(policy.is_met(None, last), without, "{policy:?}");
            assert_eq!((at(14), at(15)), (after_14, after_15), "{policy:?}");
        }
    }

    #[test]
    fn numbers_come_back() {
        for number in 1..=3 {
            assert_eq!(PinPolicy::of_number(number, 0x9A).map(PinPolicy::number), Some(number));
            assert_eq!(TouchPolicy::of_number(number).map(TouchPolicy::number), Some(number));
        }
        assert_eq!((PinPolicy::of_number(4, 0x9A), TouchPolicy::of_number(4)), (None, None));
    }
}
