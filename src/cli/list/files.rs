//! The files of `keyanchor list`: keys, and certificates that are held against all keys.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

use crate::cli::list::tokens::problem;
use crate::error::Error;
use crate::identity;
use crate::output::list::{
    Certificate, CertificateFile, KeyFile, Validity, Verdict, Wrapped, X509,
};
use crate::signer::file::FileKey;
use crate::signer::{self, Signer, tpm};
use crate::wire::list::{Facts, Kind};

const DAY: i64 = 24 * 60 * 60;

/// What the files hold.
pub(super) struct Files {
    pub(super) keys: Vec<KeyFile>,
    pub(super) certificates: Vec<CertificateFile>,
    /// Why the first of those that could not be read is none.
    pub(super) error: Option<Error>,
    /// The time for which validity is told.
    pub(super) now: i64,
}

pub(super) fn read(keys: &[PathBuf], certificates: &[PathBuf], now: SystemTime) -> Files {
    let now = now.duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let now = i64::try_from(now).unwrap_or(i64::MAX);
    let mut files = Files { keys: Vec::new(), certificates: Vec::new(), error: None, now };
    for path in certificates {
        let file = files.certificate_file(path);
        files.certificates.push(file);
    }
    for path in keys {
        let file = files.key_file(path);
        files.keys.push(file);
    }
    files
}

impl Files {
    /// The certificates of files that certify this key.
    pub(super) fn certifying(&self, fingerprint: &str) -> impl Iterator<Item = Certificate> {
        self.all().filter(move |c| c.certifies(fingerprint)).map(|c| c.under(Some(true)))
    }

    fn all(&self) -> impl Iterator<Item = &Certificate> {
        self.certificates.iter().flat_map(|file| &file.certificates)
    }

    fn certificate_file(&mut self, path: &Path) -> CertificateFile {
        let name = path.display().to_string();
        match identity::files::read(path) {
            Err(error) => {
                let error = Error::from(error);
                let problem = Some(problem(&error));
                self.error = self.error.take().or(Some(error));
                CertificateFile { path: name, problem, certificates: Vec::new() }
            }
            Ok(found) => {
                let certificates = found.iter().map(|certificate| Certificate {
                    file: Some(name.clone()),
                    label: None,
                    id: String::new(),
                    belongs: None,
                    x509: Some(x509(&Facts::from(certificate), self.now)),
                });
                let certificates = certificates.collect();
                CertificateFile { path: name, problem: None, certificates }
            }
        }
    }

    /// Where none of the certificates is for this key, those that could have been are shown.
    fn key_file(&mut self, path: &Path) -> KeyFile {
        let name = path.display().to_string();
        let mut tpm = None;
        let (kind, problem) = match kind(path, &mut tpm).map_err(Error::from) {
            Ok(kind) => (Some(kind), None),
            Err(error) => {
                let problem = problem(&error);
                self.error = self.error.take().or(Some(error));
                (None, Some(problem))
            }
        };
        let fingerprint = kind.as_ref().and_then(fingerprint);
        let mut certificates: Vec<_> =
            fingerprint.iter().flat_map(|key| self.certifying(key)).collect();
        if certificates.is_empty() && kind.is_some() {
            let is_leaf = |c: &&Certificate| c.x509.as_ref().is_some_and(|x509| !x509.ca);
            certificates = self.all().filter(is_leaf).map(|c| c.under(Some(false))).collect();
        }
        KeyFile {
            path: name,
            problem,
            kind: kind.map(|kind| kind.name),
            tpm,
            public_key_sha256: fingerprint,
            certificate: Verdict::on(&certificates),
            certificates,
        }
    }
}

/// What kind of key it is; that of a TPM says so itself.
fn kind(path: &Path, wrapped: &mut Option<Wrapped>) -> Result<Kind, signer::Error> {
    if tpm::is_key_file(path) {
        let key = tpm::read(path)?;
        let set = key.half().attributes;
        *wrapped = Some(Wrapped { attributes: set.names(), protected: !set.no_da() });
        return Ok(Kind::from(&key.half().key));
    }
    Ok(Kind::from(FileKey::read(path)?.public_key()))
}

/// The fingerprint in hexadecimal, where it is known.
pub(super) fn fingerprint(kind: &Kind) -> Option<String> {
    kind.fingerprint.as_ref().map(|bytes| hexadecimal(&bytes.0))
}

pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a certificate says, and what its validity means now.
pub(super) fn x509(facts: &Facts, now: i64) -> X509 {
    let seconds = |time: u64| i64::try_from(time).unwrap_or(i64::MAX);
    let (from, until) = (seconds(facts.not_before), seconds(facts.not_after));
    let text = |time| Timestamp::from_second(time).unwrap_or(Timestamp::MAX).to_string();
    let validity = match now {
        now if now > until => Validity::Expired,
        now if now < from => Validity::NotYetValid,
        _ => Validity::Valid,
    };
    X509 {
        subject: facts.subject.clone(),
        not_before: text(from),
        not_after: text(until),
        validity,
        days_left: until.saturating_sub(now).div_euclid(DAY),
        ca: facts.ca,
        attestation: facts.attestation,
        kind: facts.kind.name.clone(),
        public_key_sha256: fingerprint(&facts.kind),
    }
}
