//! The answer of `keyanchor list`: what a program gets is this document as JSON, and a person a
//! table of it. `docs/list.md` describes every member; a change to one is a new version.

use std::io;

use serde::Serialize;

use crate::output::print;

mod piv;
mod table;
mod tpm;

pub use piv::{Card, Slot};
pub use tpm::{Lockout, Tpm, TpmKey, Wrapped};

/// The version of the JSON document.
const VERSION: u8 = 1;

/// Everything that was found.
#[derive(Serialize)]
pub struct Listing {
    version: u8,
    /// In the order in which they are asked.
    pub modules: Vec<Module>,
    /// The TPM that is here, if there is one.
    pub tpms: Vec<Tpm>,
    /// YubiKeys and other PIV cards.
    pub cards: Vec<Card>,
    /// The files after `--key`.
    pub key_files: Vec<KeyFile>,
    /// The files after `--certificate`.
    pub certificate_files: Vec<CertificateFile>,
}

/// A PKCS#11 module.
#[derive(Serialize)]
pub struct Module {
    /// Its canonical path, or as it was named where it was not asked.
    pub path: String,
    /// How long it took to answer.
    pub milliseconds: u64,
    /// Why it did not answer.
    pub problem: Option<Problem>,
    /// Its tokens.
    pub tokens: Vec<Token>,
    /// How many more it has.
    pub more_tokens: usize,
}

/// What failed.
#[derive(Serialize)]
pub struct Problem {
    /// A word for programs.
    pub kind: &'static str,
    /// The exit code that it would have alone.
    pub exit_code: u8,
    /// The three lines of an error.
    pub error: String,
    /// The second of them.
    pub cause: Option<String>,
    /// The third of them.
    pub hint: Option<String>,
}

/// A token.
#[derive(Serialize)]
pub struct Token {
    /// Its label, and so on: without padding.
    pub label: String,
    /// Its serial number.
    pub serial: String,
    /// Its model.
    pub model: String,
    /// Who made it.
    pub manufacturer: String,
    /// The state of its PIN.
    pub pin: Pin,
    /// Whether a login was made.
    pub logged_in: bool,
    /// Whether a login may show more.
    pub hides_objects: bool,
    /// Why it could not be logged in to, or read.
    pub problem: Option<Problem>,
    /// Its keys.
    pub keys: Vec<Key>,
    /// How many more it has.
    pub more_keys: usize,
    /// Its certificates that stand beside none of the keys.
    pub certificates: Vec<Certificate>,
    /// How many certificates it has that are not told.
    pub more_certificates: usize,
}

/// What a token says about its PIN.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pin {
    /// A wrong one was given before.
    FewTries,
    /// A wrong one would lock it.
    LastTry,
    /// It takes none any more.
    Locked,
    /// It has none yet.
    NotSet,
    /// It says nothing else.
    Usable,
}

/// A key on a token.
#[derive(Serialize)]
pub struct Key {
    /// Its label.
    pub label: Option<String>,
    /// Its CKA_ID, in hexadecimal.
    pub id: String,
    /// What to paste after `--key`; none where nothing names this key alone.
    pub uri: Option<String>,
    /// `RSA-2048`, `P-256`, …
    pub kind: String,
    /// Whether the service takes this kind.
    pub supported: bool,
    /// Where its private half is.
    pub private: Private,
    /// Which key it is.
    pub public_key_sha256: Option<String>,
    /// What its certificates come to.
    pub certificate: Verdict,
    /// Those that certify it, or stand beside it.
    pub certificates: Vec<Certificate>,
}

/// The private half of a key.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Private {
    /// It is not there.
    Absent,
    /// It can be seen after a login only.
    Hidden,
    /// It is there.
    Seen,
}

/// What the certificates of a key come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Those beside it certify other keys.
    AnotherKeys,
    /// All that certify it have expired.
    Expired,
    /// There is none.
    None,
    /// It is not valid yet.
    NotYetValid,
    /// More than one is valid: `--certificate` must say which.
    SeveralValid,
    /// One has its id, and the public half of the key cannot be seen.
    Unknown,
    /// One certifies it and is valid.
    Valid,
}

/// A certificate.
#[derive(Clone, Serialize)]
pub struct Certificate {
    /// The file that it is from; none for one on the token.
    pub file: Option<String>,
    /// Its label.
    pub label: Option<String>,
    /// Its CKA_ID, in hexadecimal.
    pub id: String,
    /// Whether it certifies the key that it stands under; none where that cannot be told.
    pub belongs: Option<bool>,
    /// What it says; none for what is no X.509 certificate.
    pub x509: Option<X509>,
}

/// What a certificate says.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct X509 {
    /// Its subject (RFC 4514).
    pub subject: String,
    /// The first moment of its validity, RFC 3339 in UTC.
    pub not_before: String,
    /// The last moment of its validity.
    pub not_after: String,
    /// What that means now.
    pub validity: Validity,
    /// Whole days until it expires; negative when it has.
    pub days_left: i64,
    /// It is a CA's.
    pub ca: bool,
    /// It only attests to a key.
    pub attestation: bool,
    /// The kind of the certified key.
    pub kind: String,
    /// Which key that is.
    pub public_key_sha256: Option<String>,
}

/// Whether a certificate is valid now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Validity {
    /// It was.
    Expired,
    /// It will be.
    NotYetValid,
    /// It is.
    Valid,
}

/// A file with a private key.
#[derive(Serialize)]
pub struct KeyFile {
    /// The file.
    pub path: String,
    /// Why it is none.
    pub problem: Option<Problem>,
    /// `RSA-2048`, `P-256`, …
    pub kind: Option<String>,
    /// What it says where it is a TPM's; none for a key that is in the file itself.
    pub tpm: Option<Wrapped>,
    /// Which key it is.
    pub public_key_sha256: Option<String>,
    /// What its certificates come to.
    pub certificate: Verdict,
    /// Those that certify it, or were given for it.
    pub certificates: Vec<Certificate>,
}

/// A file with certificates.
#[derive(Serialize)]
pub struct CertificateFile {
    /// The file.
    pub path: String,
    /// Why it is none.
    pub problem: Option<Problem>,
    /// In its order.
    pub certificates: Vec<Certificate>,
}

impl Listing {
    /// Everything that was found.
    #[must_use]
    pub fn new(
        modules: Vec<Module>,
        tpms: Vec<Tpm>,
        cards: Vec<Card>,
        key_files: Vec<KeyFile>,
        certificate_files: Vec<CertificateFile>,
    ) -> Self {
        Self { version: VERSION, modules, tpms, cards, key_files, certificate_files }
    }
}

impl Certificate {
    /// Whether the key that it certifies has this fingerprint, in hexadecimal.
    #[must_use]
    pub fn certifies(&self, fingerprint: &str) -> bool {
        let known = self.x509.as_ref().and_then(|x509| x509.public_key_sha256.as_deref());
        known == Some(fingerprint)
    }

    /// The same, as it stands under a key.
    #[must_use]
    pub fn under(&self, belongs: Option<bool>) -> Self {
        Self { belongs, ..self.clone() }
    }
}

impl Verdict {
    /// What these certificates come to. Attestations do not count, and of those that certify the
    /// key only the valid ones do where there is one. One that is on the device and in a file counts
    /// once.
    #[must_use]
    pub fn on(certificates: &[Certificate]) -> Self {
        let counted = |c: &&Certificate| c.x509.as_ref().is_some_and(|x509| !x509.attestation);
        let own = certificates.iter().filter(counted).filter(|c| c.belongs == Some(true));
        let mut distinct: Vec<&X509> = Vec::new();
        for (file, x509) in own.filter_map(|c| Some((&c.file, c.x509.as_ref()?))) {
            if file.is_none() || !distinct.contains(&x509) {
                distinct.push(x509);
            }
        }
        let of = |validity| distinct.iter().filter(|x509| x509.validity == validity).count();
        if distinct.is_empty() {
            return match certificates.iter().find(counted) {
                None => Self::None,
                Some(_) if certificates.iter().any(|c| c.belongs.is_none()) => Self::Unknown,
                Some(_) => Self::AnotherKeys,
            };
        }
        match of(Validity::Valid) {
            0 if of(Validity::NotYetValid) > 0 => Self::NotYetValid,
            0 => Self::Expired,
            1 => Self::Valid,
            _ => Self::SeveralValid,
        }
    }
}

/// Prints the document for programs.
///
/// # Errors
/// When stdout is closed or full.
pub fn json(listing: &Listing) -> io::Result<()> {
    let mut text = serde_json::to_vec_pretty(listing)?;
    text.push(b'\n');
    print(&text)
}

/// Prints the table for people.
///
/// # Errors
/// When stdout is closed or full.
pub fn table(listing: &Listing, colour: bool) -> io::Result<()> {
    print(table::of(listing, colour).as_bytes())
}
