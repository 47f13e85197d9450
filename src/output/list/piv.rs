//! A YubiKey or another PIV card in the answer of `keyanchor list`: its slots, and what they want.

use serde::Serialize;

use crate::output::list::{Certificate, Problem, Verdict};

/// A card.
#[derive(Serialize)]
pub struct Card {
    /// What it is called: `YubiKey 12345678`.
    pub name: String,
    /// The reader that it is in; empty where the cards could not be asked at all.
    pub reader: String,
    /// The number that is printed on a YubiKey; other cards have none.
    pub serial: Option<u32>,
    /// The firmware of a YubiKey.
    pub firmware: Option<String>,
    /// How many tries the PIN has left; none where it does not say.
    pub pin_tries: Option<u32>,
    /// How long all cards took to answer.
    pub milliseconds: u64,
    /// Why it could not be looked at.
    pub problem: Option<Problem>,
    /// Its slots with something in them.
    pub slots: Vec<Slot>,
}

/// A slot.
#[derive(Serialize)]
pub struct Slot {
    /// `9a`
    pub slot: String,
    /// What it is for: `authentication`.
    pub purpose: String,
    /// What to paste after `--key`; none where there is no key, or one that the service does not take.
    pub uri: Option<String>,
    /// `RSA-2048`, `P-256`, …; none where only a certificate is known.
    pub kind: Option<String>,
    /// Whether the service takes this kind.
    pub supported: bool,
    /// When it wants a PIN: `never`, `once`, `always`; none where the card does not say.
    pub pin_policy: Option<&'static str>,
    /// When it wants a touch: `never`, `always`, `cached`; none where the card does not say.
    pub touch_policy: Option<&'static str>,
    /// Whether it was made on the card; none where the card does not say.
    pub generated: Option<bool>,
    /// Which key it is.
    pub public_key_sha256: Option<String>,
    /// Why its certificate cannot be read.
    pub unreadable_certificate: Option<String>,
    /// What its certificates come to.
    pub certificate: Verdict,
    /// That of the slot, and those of files that certify its key.
    pub certificates: Vec<Certificate>,
}
