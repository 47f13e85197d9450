//! What can go wrong with a card, and what that is to the main program.

use pcsc::Error as Pcsc;

use crate::device::piv::apdu::Status;
use crate::wire::Failure;
use crate::wire::failure::NoCard;

/// What the daemon, the reader or the card did not do.
#[derive(Debug)]
pub(super) struct Trouble {
    /// The function of PC/SC, or the command of the card.
    pub(super) function: &'static str,
    pub(super) what: What,
}

#[derive(Debug)]
pub(super) enum What {
    /// The card's answer is not one.
    Answer,
    /// Another program has the card for itself, all the time.
    Blocked,
    /// It is another card than before.
    Exchanged,
    /// PC/SC, below the card.
    Pcsc(Pcsc),
    /// The card itself.
    Status(Status),
}

impl Trouble {
    pub(super) fn pcsc(function: &'static str) -> impl FnOnce(Pcsc) -> Self {
        move |error| Self { function, what: What::Pcsc(error) }
    }

    pub(super) fn answer(function: &'static str) -> Self {
        Self { function, what: What::Answer }
    }

    /// Whether another program has reset the card: whatever was begun is to be begun again.
    pub(super) fn is_reset(&self) -> bool {
        matches!(self.what, What::Pcsc(Pcsc::ResetCard))
    }

    /// Whether the daemon has gone, or gone and come back, so that it does not know us any more.
    pub(super) fn is_of_the_service(&self) -> bool {
        matches!(self.what, What::Pcsc(error) if is_of_the_service(error))
    }

    /// Whether there is no card where one was.
    pub(super) fn is_absence(&self) -> bool {
        use Pcsc::{
            NoReadersAvailable, NoSmartcard, ReaderUnavailable, RemovedCard, UnknownReader,
        };
        let gone = [NoReadersAvailable, NoSmartcard, ReaderUnavailable, RemovedCard, UnknownReader];
        matches!(self.what, What::Pcsc(error) if gone.contains(&error))
    }

    /// Whether it may be that the card was pulled out, which the daemon notices only later.
    pub(super) fn may_be_absence(&self) -> bool {
        matches!(self.what, What::Pcsc(_)) && !self.is_of_the_service() && !self.is_reset()
    }

    /// Whether this user may not use it.
    pub(super) fn is_not_permitted(&self) -> bool {
        matches!(self.what, What::Pcsc(Pcsc::SecurityViolation))
    }

    /// As the failure of a card that was pulled out.
    pub(super) fn removal(&self, card: &str) -> Failure {
        match self.failure(card) {
            Failure::Call { function, code, subject, .. } => {
                let cause = format!("it was in the middle of {function} ({code})");
                Failure::Removed { subject, cause }
            }
            failure => failure,
        }
    }

    pub(super) fn status(&self) -> Option<Status> {
        match self.what {
            What::Status(status) => Some(status),
            _ => None,
        }
    }

    /// As a failure of that card.
    pub(super) fn failure(&self, card: &str) -> Failure {
        let (function, subject) = (self.function.to_owned(), card.to_owned());
        match self.what {
            What::Pcsc(error) if is_of_the_service(error) => service(),
            What::Pcsc(Pcsc::SecurityViolation) => Failure::NoCard {
                wanted: subject,
                trouble: NoCard::NotPermitted,
                present: vec![in_words(Pcsc::SecurityViolation)],
            },
            What::Pcsc(error) if self.is_absence() => {
                let cause = format!("it was in the middle of {function} ({})", in_words(error));
                Failure::Removed { subject, cause }
            }
            What::Pcsc(error) => Failure::Call {
                function,
                code: format!("{:#010x}", error as u32),
                subject,
                meaning: in_words(error),
            },
            What::Status(status) => Failure::Call {
                function,
                code: format!("{:04x}", status.0),
                subject,
                meaning: status.meaning().to_owned(),
            },
            What::Answer => Failure::Call {
                function,
                code: "9000".to_owned(),
                subject,
                meaning: "its answer is not well-formed".to_owned(),
            },
            What::Blocked => Failure::CardInUse { card: subject, by: Vec::new() },
            What::Exchanged => {
                Failure::Removed { subject, cause: "another card is in its place".to_owned() }
            }
        }
    }
}

fn is_of_the_service(error: Pcsc) -> bool {
    use Pcsc::{InvalidHandle, NoService, ServiceStopped, Shutdown};
    [InvalidHandle, NoService, ServiceStopped, Shutdown].contains(&error)
}

/// Nobody answers for the daemon.
pub(super) fn service() -> Failure {
    let wanted = "smart card service".to_owned();
    Failure::NoCard { wanted, trouble: NoCard::NoService, present: Vec::new() }
}

/// As all our messages: lower case, no full stop.
fn in_words(error: Pcsc) -> String {
    let text = error.to_string();
    let mut letters = text.trim_end_matches('.').chars();
    let first = letters.next().map(|letter| letter.to_ascii_lowercase());
    first.into_iter().chain(letters).collect()
}
