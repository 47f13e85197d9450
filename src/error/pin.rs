//! What is told when there is no PIN, or none that may be sent.

use jiff::Timestamp;

use crate::error::{Class, Report, call, piv};
use crate::wire::failure::{Holder, Origin, Tries};
use crate::wire::{Awaited, Failure};

/// A record or a lock that somebody has spoiled.
pub(super) const REMOVE: &str =
    "correct or remove it, or name another folder with KEYANCHOR_RUNTIME_DIR";

/// How a TPM's lock-out ends.
pub(super) const END_LOCK_OUT: &str =
    "tpm2_dictionarylockout -c ends it, with the lock-out password";

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
        Failure::NoTerminal { of, prompts } => report
            .cause(if *prompts {
                format!("no {} source is configured, and nobody can be asked here", of.word())
            } else {
                format!("no {} source is configured, and --no-prompt says to ask nobody", of.word())
            })
            .hint(format!(
                "put the {} into a file only you can read and name it with {}; other ways are in docs/pins.md",
                of.word(),
                option(of)
            )),
        Failure::PinAtLastTry { of } => report
            .cause(format!(
                "a wrong {} would lock the {}, so nothing was tried",
                of.word(),
                of.device()
            ))
            .hint(format!("check the {}, then run once with --use-last-try", of.word())),
        Failure::PinCancelled { of } => {
            report.hint(format!("run it again and type the {}, or give it with {}", of.word(), option(of)))
        }
        Failure::PinLocked { of, sent: Some(origin) } => report
            .cause(format!("the {} said so when the PIN from {origin} was sent", of.device()))
            .hint(unblock(of)),
        Failure::PinLocked { of, sent: None } => {
            report.cause("no PIN opens it any more").hint(unblock(of))
        }
        Failure::PinRefusedBefore { of, origin, refused } => {
            refused_before(report, of, origin, *refused)
        }
        Failure::PinSource { of, origin, reason } => report
            .cause(format!("{origin}: {reason}; nothing was tried"))
            .hint(correction(origin, of.word())),
        Failure::PinWrong { of, origin, tries } => wrong(report, of, origin, *tries),
        _ => report,
    }
}

/// How a locked one is made good.
fn unblock(of: &Holder) -> &'static str {
    match of {
        Holder::Card(_) => piv::UNBLOCK,
        Holder::Token(_) => call::UNBLOCK,
        Holder::TpmKey(_) | Holder::TpmParent(_) => END_LOCK_OUT,
    }
}

/// Where a file with it is named.
fn option(of: &Holder) -> &'static str {
    match of {
        Holder::TpmParent(_) => "?parent-pin-source=/path/to/file after the key",
        Holder::Card(_) | Holder::Token(_) | Holder::TpmKey(_) => "--pin-file",
    }
}

fn wrong(report: Report, of: &Holder, origin: &Origin, tries: Tries) -> Report {
    let (word, is_tpm) = (of.word(), of.device() == "TPM");
    let left = match tries {
        Tries::Few => "few tries are left".to_owned(),
        Tries::Left(tries) => format!("{tries} tries are left"),
        Tries::None if is_tpm => "the TPM is in lock-out now".to_owned(),
        Tries::None => "it is locked now".to_owned(),
        Tries::One => "one try is left".to_owned(),
        Tries::Unknown if is_tpm => "the TPM does not count it".to_owned(),
        Tries::Unknown => format!("the {} does not say how many tries are left", of.device()),
    };
    let hint = match (tries, origin) {
        (Tries::None, _) => unblock(of).to_owned(),
        (Tries::Unknown, Origin::Pad | Origin::Typed) if is_tpm => {
            format!("look the {word} up before the next run")
        }
        (_, Origin::Pad | Origin::Typed) => {
            format!("look the {word} up before the next run: each wrong one uses up a try")
        }
        _ => "correct it: it is not sent again before that".to_owned(),
    };
    report.cause(format!("the {word} is from {origin}; {left}")).hint(hint)
}

/// What is known of a file is whether it has changed; of all else nothing.
fn refused_before(report: Report, of: &Holder, origin: &Origin, refused: u64) -> Report {
    let (word, device) = (of.word(), of.device());
    let whose = match of {
        Holder::Card(_) => "the card's PIN",
        Holder::Token(_) => "the token's PIN",
        Holder::TpmKey(_) | Holder::TpmParent(_) => "the password",
    };
    let time = i64::try_from(refused).ok().and_then(|time| Timestamp::from_second(time).ok());
    let time = time.unwrap_or(Timestamp::MAX);
    if origin.is_a_file() {
        return report
            .cause(format!("{origin} has not changed since {time}, when the {device} refused the {word} in it"))
            .hint(format!("put the right {word} into it; if {whose} was changed to this one, run keyanchor pin forget"));
    }
    report
        .cause(format!("the {device} refused a {word} at {time}, and {origin} may hold the same"))
        .hint(format!("correct the {word}, then run keyanchor pin forget"))
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

fn correction(origin: &Origin, word: &str) -> String {
    match origin {
        Origin::Command(_) => {
            format!("run it by hand: it prints the {word} and nothing else, and ends with status 0")
        }
        Origin::Credential(_) => {
            "LoadCredential=NAME:/path/to/pin in the unit of the service gives it".to_owned()
        }
        Origin::Descriptor => {
            format!("let it end after the {word}: 3</path/to/pin, or a pipe that is closed")
        }
        Origin::File(_) => {
            format!(
                "the file holds the {word} and nothing else, and only you can read it (chmod 600)"
            )
        }
        Origin::Pad | Origin::Typed => format!("run it again and type the {word}"),
        Origin::Value => {
            format!(
                "write the {word} after pin-value=, percent-encoded where it holds other characters"
            )
        }
        Origin::Variable => format!("set the variable to the {word}, and export it"),
    }
}
