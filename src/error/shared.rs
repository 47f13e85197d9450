//! Which failures are those of all who ask for the same credentials at once: the first one's outcome
//! is theirs, so that nobody is asked for a PIN, and no token or service bothered, once for each.

use crate::error::{Class, Error};
use crate::signer;
use crate::wire::Failure;
use crate::{exchange, identity};

impl Error {
    /// Whether another process with the same key and session would fail as well. What hangs on its
    /// own options is not shared: whether a PIN is configured, or somebody can be asked.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        match self {
            Self::Exchange(_) | Self::Identity(_) | Self::Signer(_) => match self.report().class {
                Class::Deadline | Class::Local | Class::Remote => true,
                Class::Pin => self.failure().is_some_and(is_a_persons),
                Class::Usage => false,
            },
            _ => false,
        }
    }

    /// Whether it came from outside: the device, the person, the files, the cloud. Then credentials of
    /// before are better than none.
    #[must_use]
    pub fn is_outside(&self) -> bool {
        !matches!(self, Self::Fault { .. } | Self::Output(_) | Self::Usage(_))
    }

    /// What the device host said, if it was that.
    fn failure(&self) -> Option<&Failure> {
        let error = match self {
            Self::Exchange(exchange::Error::Identity(identity::Error::Key(error)))
            | Self::Identity(identity::Error::Key(error))
            | Self::Signer(error) => error,
            _ => return None,
        };
        match error {
            signer::Error::Device(failure) => Some(failure),
            _ => None,
        }
    }
}

/// Somebody was asked, and has given no PIN or not the right one.
fn is_a_persons(failure: &Failure) -> bool {
    matches!(
        failure,
        Failure::PinCancelled { .. } | Failure::PinLocked { .. } | Failure::PinWrong { .. }
    )
}
