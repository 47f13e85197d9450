//! A person in front of a desktop, and not of a terminal of ours: asked by the first program that
//! can show a dialog, told by the desktop's notifications. Either may be missing, or both.

use std::time::Duration;

use crate::prompt::{NoPin, Notice, PinRequest, Prompt};
use crate::secret::Secret;

mod notification;

use notification::Notification;

/// What there is of it.
pub struct Desktop {
    /// The ways to ask, in the order in which they are tried.
    pub askers: Vec<Box<dyn Prompt>>,
    /// Whether there may be somewhere to show notifications.
    pub notifications: bool,
    /// The variables that may hold a PIN.
    pub hidden: Vec<String>,
}

impl Prompt for Desktop {
    /// The usual pinentry may be one for terminals: it says so by an error, and the next is tried.
    fn pin(&self, request: &PinRequest<'_>) -> Result<Secret, NoPin> {
        let mut reasons = Vec::new();
        for asker in &self.askers {
            match asker.pin(request) {
                Err(NoPin::Unusable(reason)) => reasons.push(reason),
                answer => return answer,
            }
        }
        Err(if reasons.is_empty() { NoPin::Nobody } else { NoPin::Unusable(reasons.join("; ")) })
    }

    fn notify(&self, notice: &Notice<'_>, waiting: &mut dyn FnMut(Duration) -> bool) {
        let notification = self.notifications.then(|| Notification::show(notice, &self.hidden));
        let seen = notification.flatten().is_some_and(|shown| shown.last(waiting));
        if let (false, Some(asker)) = (seen, self.askers.first()) {
            asker.notify(notice, waiting);
        }
    }

    fn interactive(&self) -> bool {
        !self.askers.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::failure::Tries;

    const REQUEST: PinRequest<'_> = PinRequest {
        word: "PIN",
        of: "token 'lab'",
        key: "",
        caller: None,
        tries: Tries::Unknown,
        why: None,
    };

    struct Says(fn() -> Result<Secret, NoPin>);

    impl Prompt for Says {
        fn pin(&self, _: &PinRequest<'_>) -> Result<Secret, NoPin> {
            self.0()
        }

        fn notify(&self, _: &Notice<'_>, waiting: &mut dyn FnMut(Duration) -> bool) {
            while waiting(Duration::ZERO) {}
        }

        fn interactive(&self) -> bool {
            true
        }
    }

    fn desktop(askers: &[fn() -> Result<Secret, NoPin>]) -> Desktop {
        let askers = askers.iter().map(|says| Box::new(Says(*says)) as Box<dyn Prompt>).collect();
        Desktop { askers, notifications: false, hidden: Vec::new() }
    }

    fn answer(askers: &[fn() -> Result<Secret, NoPin>]) -> Result<String, NoPin> {
        desktop(askers).pin(&REQUEST).map(|secret| secret.expose().to_owned())
    }

    #[test]
    fn one_that_cannot_ask_is_followed_by_the_next_and_one_that_was_answered_by_none() {
        let one = || Err(NoPin::Unusable("one: no terminal".into()));
        let two = || Err(NoPin::Unusable("two: no display".into()));
        let pin = || Ok(Secret::new("1234".into()));
        let gave_up = || Err(NoPin::Cancelled);
        assert_eq!(answer(&[one, pin]).as_deref(), Ok("1234"));
        assert_eq!(answer(&[one, gave_up, pin]), Err(NoPin::Cancelled));
        let reasons = "one: no terminal; two: no display".to_owned();
        assert_eq!(answer(&[one, two]), Err(NoPin::Unusable(reasons)));
        assert_eq!(answer(&[]), Err(NoPin::Nobody));
        assert!(desktop(&[one]).interactive() && !desktop(&[]).interactive());
    }

    #[test]
    fn without_notifications_the_first_asker_tells() {
        let mut left = 3;
        let mut waiting = |_: Duration| {
            left -= 1;
            left > 0
        };
        desktop(&[|| Err(NoPin::Nobody)]).notify(&Notice::Touch("lab"), &mut waiting);
        assert_eq!(left, 0);
        desktop(&[]).notify(&Notice::Touch("lab"), &mut |_| panic!("nobody can be told"));
    }
}
