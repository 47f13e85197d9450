//! Which failures are those of all who ask for the same credentials at once: the first one's outcome
//! is theirs, so that nobody is asked for a PIN, and no token or service bothered, once for each.

use crate::error::{Class, Error, Report, harmless};
use crate::signer;
use crate::wire::Failure;
use crate::wire::failure::Origin;
use crate::{exchange, identity};

impl Error {
    /// Whether another process with the same key and session would fail as well. What hangs on its
    /// own options is not shared: how long it may take, whether a PIN is configured and which, or
    /// somebody can be asked.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        match self {
            _ if self.is_of_this_process() => false,
            Self::Exchange(_) | Self::Identity(_) | Self::Signer(_) => match self.report().class {
                Class::Local | Class::Remote => true,
                Class::Pin => self.failure().is_some_and(is_a_persons),
                Class::Deadline | Class::Usage => false,
            },
            _ => false,
        }
    }

    /// Whether it lacks what another process may have: files, threads, memory, the programs beside it.
    fn is_of_this_process(&self) -> bool {
        if matches!(self, Self::Exchange(exchange::Error::System(_))) {
            return true;
        }
        match self.key() {
            Some(signer::Error::Device(failure)) => {
                matches!(failure, Failure::Resources { .. } | Failure::Swappable { .. })
            }
            Some(error) => matches!(
                error,
                signer::Error::NotInstalled { .. }
                    | signer::Error::UnsafeHost { .. }
                    | signer::Error::System(_)
                    | signer::Error::Unfit { .. }
            ),
            None => false,
        }
    }

    /// Whether it came from outside: the device, the person, the files, the cloud. Then credentials of
    /// before are better than none.
    #[must_use]
    pub fn is_outside(&self) -> bool {
        !matches!(self, Self::Fault { .. } | Self::Output(_) | Self::Usage(_))
    }

    /// What others are told of it: as it will be shown, so that it has the same limits.
    #[must_use]
    pub fn told(&self) -> String {
        let Report { class, error, cause, hint } = self.report();
        let shown = |text: Option<String>| text.map(|text| harmless(&text));
        let (error, cause, hint) = (harmless(&error), shown(cause), shown(hint));
        serde_json::to_string(&Report { class, error, cause, hint }).unwrap_or_default()
    }

    /// What the device host said, if it was that.
    fn failure(&self) -> Option<&Failure> {
        match self.key()? {
            signer::Error::Device(failure) => Some(failure),
            _ => None,
        }
    }

    /// What the hardware edge said, if it was that.
    fn key(&self) -> Option<&signer::Error> {
        match self {
            Self::Exchange(exchange::Error::Identity(identity::Error::Key(error)))
            | Self::Identity(identity::Error::Key(error))
            | Self::Signer(error) => Some(error),
            _ => None,
        }
    }
}

impl Report {
    /// What another process has told.
    #[must_use]
    pub fn of_another(told: &str) -> Option<Self> {
        serde_json::from_str(told).ok()
    }

    /// Whether a person was asked: of the failures with PINs only those are shared.
    #[must_use]
    pub fn is_a_persons(&self) -> bool {
        self.class == Class::Pin
    }
}

/// Somebody was asked, and has given no PIN or not the right one.
fn is_a_persons(failure: &Failure) -> bool {
    match failure {
        Failure::PinCancelled { .. } => true,
        Failure::PinLocked { sent, .. } => matches!(sent, Some(Origin::Typed)),
        Failure::PinWrong { origin, .. } => matches!(origin, Origin::Typed),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::failure::Tries;

    fn of(failure: Failure) -> Error {
        Error::Signer(signer::Error::Device(failure))
    }

    #[test]
    fn what_others_are_told_is_what_is_shown_and_short() {
        let present = vec!["a \"long\" \u{1b} label".repeat(20); 50];
        let error = of(Failure::NoToken { wanted: "pkcs11:token=x".into(), present });
        let told = error.told();
        assert!(error.is_shared() && told.len() < 4096, "{} bytes", told.len());
        let report = Report::of_another(&told).expect("a report");
        assert_eq!((report.to_string(), report.code()), (error.report().to_string(), 3));
        assert!(Report::of_another("{").is_none());
    }

    #[test]
    fn what_hangs_on_the_options_of_a_run_is_its_own_affair() {
        let of_token = || crate::wire::failure::Holder::Token("lab".into());
        assert!(!of(Failure::NoTerminal { of: of_token(), prompts: true }).is_shared());
        assert!(of(Failure::PinCancelled { of: of_token() }).is_shared());
        let wrong = |origin| of(Failure::PinWrong { of: of_token(), origin, tries: Tries::Few });
        assert!(wrong(Origin::Typed).is_shared());
        assert!(!wrong(Origin::File("/pin".into())).is_shared());
        assert!(!of(Failure::Resources { reason: String::new() }).is_shared());
        assert!(
            !Error::Signer(signer::Error::System(std::io::ErrorKind::Other.into())).is_shared()
        );
        assert!(!Error::Fault { place: String::new() }.is_shared());
    }
}
