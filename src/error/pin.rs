//! What is told when there is no PIN, or none that may be sent.

use jiff::Timestamp;

use crate::error::{Class, Report, call};
use crate::wire::failure::{Origin, Tries};
use crate::wire::{Awaited, Failure};

/// A record or a lock that somebody has spoiled.
pub(super) const REMOVE: &str =
    "correct or remove it, or name another folder with KEYANCHOR_RUNTIME_DIR";

/// What one does who has given no PIN.
pub(super) const TYPE_IT: &str = "run it again and type the PIN, or give it with --pin-file";

pub(super) fn report(failure: &Failure) -> Report {
    let report = Report::new(Class::Pin, failure);
    match failure {
        Failure::Asker { reason, .. } => report
            .cause(reason)
            .hint("correct KEYANCHOR_PINENTRY or SSH_ASKPASS, run it on a terminal, or give the PIN with --pin-file"),
        Failure::NoPinSet { .. } => report
            .cause("nothing was tried")
            .hint("set one with the token's own tool, or with pkcs11-tool --init-pin"),
        Failure::NoTerminal { prompts, .. } => report
            .cause(if *prompts {
                "no PIN source is configured, and nobody can be asked here"
            } else {
                "no PIN source is configured, and --no-prompt says to ask nobody"
            })
            .hint("put the PIN into a file only you can read and name it with --pin-file; other ways are in docs/pins.md"),
        Failure::PinAtLastTry { .. } => report
            .cause("a wrong PIN would lock the token, so nothing was tried")
            .hint("check the PIN, then run once with --use-last-try"),
        Failure::PinCancelled { .. } => report.hint(TYPE_IT),
        Failure::PinLocked { sent: Some(origin), .. } => report
            .cause(format!("the token said so when the PIN from {origin} was sent"))
            .hint(call::UNBLOCK),
        Failure::PinLocked { sent: None, .. } => {
            report.cause("no PIN opens it any more").hint(call::UNBLOCK)
        }
        Failure::PinRefusedBefore { origin, refused, .. } => refused_before(report, origin, *refused),
        Failure::PinSource { origin, reason, .. } => {
            report.cause(format!("{origin}: {reason}; nothing was tried")).hint(correction(origin))
        }
        Failure::PinWrong { origin, tries, .. } => {
            let left = match tries {
                Tries::Few => "few tries are left",
                Tries::None => "it is locked now",
                Tries::One => "one try is left",
                Tries::Unknown => "the token does not say how many tries are left",
            };
            report.cause(format!("the PIN is from {origin}; {left}")).hint(match (tries, origin) {
                (Tries::None, _) => call::UNBLOCK,
                (_, Origin::Pad | Origin::Typed) => "look the PIN up before the next run: each wrong one uses up a try",
                _ => "correct it: it is not sent again before that",
            })
        }
        _ => report,
    }
}

/// What is known of a file is whether it has changed; of all else nothing.
fn refused_before(report: Report, origin: &Origin, refused: u64) -> Report {
    let time = i64::try_from(refused).ok().and_then(|time| Timestamp::from_second(time).ok());
    let time = time.unwrap_or(Timestamp::MAX);
    if origin.is_a_file() {
        return report
            .cause(format!("{origin} has not changed since {time}, when the token refused the PIN in it"))
            .hint("put the right PIN into it; if the token's PIN was changed to this one, run keyanchor pin forget");
    }
    report
        .cause(format!("the token refused a PIN at {time}, and {origin} may hold the same"))
        .hint("correct the PIN, then run keyanchor pin forget")
}

/// What one does who was too late.
pub(super) fn in_time(awaited: Awaited) -> &'static str {
    match awaited {
        Awaited::Pad => "run it again, and type the PIN when the reader asks for it",
        Awaited::Pin => "run it again, or put the PIN into a file and name it with --pin-file",
        Awaited::Token => "put it in, and run it again",
        Awaited::Touch => "run it again, and touch the token when its light blinks",
    }
}

fn correction(origin: &Origin) -> &'static str {
    match origin {
        Origin::Command(_) => {
            "run it by hand: it prints the PIN and nothing else, and ends with status 0"
        }
        Origin::Credential(_) => {
            "LoadCredential=NAME:/path/to/pin in the unit of the service gives it"
        }
        Origin::Descriptor => "let it end after the PIN: 3</path/to/pin, or a pipe that is closed",
        Origin::File(_) => {
            "the file holds the PIN and nothing else, and only you can read it (chmod 600)"
        }
        Origin::Pad | Origin::Typed => "run it again and type the PIN",
        Origin::Value => {
            "write the PIN after pin-value=, percent-encoded where it holds other characters"
        }
        Origin::Variable => "set the variable to the PIN, and export it",
    }
}
