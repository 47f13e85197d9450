//! What is told when a card cannot be found or used, or is not touched.

use crate::error::{Class, Report, listed};
use crate::wire::Failure;
use crate::wire::failure::NoCard;

/// How a blocked PIN is made good.
pub(super) const UNBLOCK: &str =
    "unblock it with the PUK: yubico-piv-tool -a unblock-pin, or ykman piv access unblock-pin";

/// What to do where a slot has no key.
pub(super) const ANOTHER_SLOT: &str =
    "keyanchor list shows the slots with keys, and the URI of each";

/// What to do where it has one that cannot be used.
pub(super) const ANOTHER_KEY: &str = "name a slot with an RSA key from 2048 bits, or one on P-256 or P-384; keyanchor list shows them";

/// What helps a card or a daemon that hangs.
pub(super) const PULL_IT: &str = "pull the card out and put it in again, or restart pcscd";

/// Whether that is what a card, or the service for them, is called (`wire::Address`).
pub(super) fn is_card(device: &str) -> bool {
    ["YubiKey", "PIV card", "smart card"].iter().any(|name| device.starts_with(name))
}

/// `None` for what is not a card's alone.
pub(super) fn of_failure(failure: &Failure) -> Option<Report> {
    Some(match failure {
        Failure::CardInUse { by, .. } => in_use(Report::new(Class::Deadline, failure), by),
        Failure::CardSilent { .. } => Report::new(Class::Deadline, failure)
            .cause("it was asked, and nothing came back in time")
            .hint(PULL_IT),
        Failure::Disturbed { reason, .. } => Report::new(Class::Local, failure)
            .cause(reason)
            .hint("end the program that uses the card at the same time, and run it again"),
        Failure::NoCard { trouble, present, .. } => {
            no_card(Report::new(Class::Local, failure), *trouble, present)
        }
        Failure::SlotCertificate { reason, .. } => Report::new(Class::Local, failure)
            .cause(reason)
            .hint("write it anew (yubico-piv-tool -a import-certificate), or give it with --certificate"),
        Failure::NoTouch { after, .. } => Report::new(Class::Deadline, failure)
            .cause(format!("it gave up after {}, and made no signature", time(*after)))
            .hint("run it again, and touch it when its light blinks"),
        _ => return None,
    })
}

fn in_use(report: Report, by: &[String]) -> Report {
    let known = by.first().map(String::as_str).unwrap_or_default();
    let hint = match known.split(' ').next() {
        Some("scdaemon") => {
            "gpgconf --kill scdaemon ends it; pcsc-shared in ~/.gnupg/scdaemon.conf lets it share"
        }
        Some("yubikey-agent") => "systemctl --user kill -s HUP yubikey-agent makes it let go",
        _ => "end what uses the card, or run it again when that has ended",
    };
    let cause = match by {
        [] => "which one cannot be seen from here".to_owned(),
        _ => format!("probably {}", by.join(" or ")),
    };
    report.cause(cause).hint(hint)
}

fn no_card(report: Report, trouble: NoCard, present: &[String]) -> Report {
    match trouble {
        NoCard::Absent if present.is_empty() => report
            .cause("no reader of that name is there")
            .hint("keyanchor list shows the readers that have a card"),
        NoCard::Absent => report
            .cause(listed(present))
            .hint("insert the right one, or correct the URI; --wait waits for it"),
        NoCard::NotPermitted => report
            .cause(listed(present))
            .hint("the rules of polkit decide who may use cards: org.debian.pcsc-lite.access_pcsc and access_card"),
        NoCard::NoReader => report
            .cause("a YubiKey is a reader itself where its CCID interface is enabled")
            .hint("insert it; if it is in, see whether lsusb and pcsc_scan show it"),
        NoCard::NoService => report
            .cause("nobody answers for pcscd")
            .hint("install pcscd, or start it: sudo systemctl start pcscd.socket"),
    }
}

fn time(milliseconds: u64) -> String {
    match milliseconds {
        0..=999 => "less than a second".to_owned(),
        _ => format!("{} s", (milliseconds + 500) / 1000),
    }
}
