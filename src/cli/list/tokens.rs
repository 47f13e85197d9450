//! What modules answered, as a document: each key with its URI and its certificates, by public key
//! where that can be seen, and each failure in the words of an error.

use crate::cli::list::files::{Files, fingerprint, hexadecimal, x509};
use crate::error::{Class, Error, Report};
use crate::output::list::{Certificate, Key, Module, Pin, Private, Problem, Token, Verdict};
use crate::signer::hosted::list::{self, Names};
use crate::signer::{self, Settings};
use crate::wire::failure::Tries;
use crate::wire::{Failure, list as facts};

pub(super) fn shown(modules: &[list::Module], files: &Files, settings: &Settings) -> Vec<Module> {
    let names = Names::of(modules, settings);
    modules.iter().map(|of| module(of, &names, files)).collect()
}

fn module(of: &list::Module, names: &Names<'_>, files: &Files) -> Module {
    let tokens = of.tokens.iter().flatten();
    Module {
        path: of.path.display().to_string(),
        milliseconds: u64::try_from(of.took.as_millis()).unwrap_or(u64::MAX),
        problem: of.tokens.as_ref().err().map(device_problem),
        tokens: tokens.map(|token| self::token(of, token, names, files)).collect(),
        more_tokens: of.more,
    }
}

fn token(of: &list::Module, token: &list::Token, names: &Names<'_>, files: &Files) -> Token {
    let seen = &token.facts;
    let contents = seen.contents.as_ref().ok();
    let unread = seen.contents.as_ref().err().map(unread);
    let certificates: Vec<_> =
        contents.iter().flat_map(|c| &c.certificates).map(|c| certificate(c, files.now)).collect();
    let key = |key: &facts::Key| {
        let uri = key.filter.as_ref().and_then(|filter| names.uri(of, seen, filter));
        self::key(key, uri, &certificates, files)
    };
    let keys: Vec<_> = contents.iter().flat_map(|c| &c.keys).map(key).collect();
    let is_placed = |c: &Certificate| keys.iter().any(|key| stands_beside(c, key));
    let others = certificates.iter().filter(|c| !is_placed(c)).cloned().collect();
    Token {
        label: seen.label.clone(),
        serial: seen.serial.clone(),
        model: seen.model.clone(),
        manufacturer: seen.manufacturer.clone(),
        pin: pin(seen),
        logged_in: seen.logged_in,
        hides_objects: seen.hides,
        problem: token.refused.as_ref().map(device_problem).or(unread),
        keys,
        more_keys: contents.map_or(0, |c| c.more_keys),
        certificates: others,
        more_certificates: contents.map_or(0, |c| c.more_certificates),
    }
}

fn pin(token: &facts::Token) -> Pin {
    match token.tries {
        Tries::None => Pin::Locked,
        Tries::One => Pin::LastTry,
        Tries::Few => Pin::FewTries,
        Tries::Left(_) | Tries::Unknown if token.has_pin => Pin::Usable,
        Tries::Left(_) | Tries::Unknown => Pin::NotSet,
    }
}

fn key(key: &facts::Key, uri: Option<String>, on_token: &[Certificate], files: &Files) -> Key {
    let mut shown = Key {
        label: key.label.clone(),
        id: hexadecimal(&key.id.0),
        uri,
        kind: key.kind.name.clone(),
        supported: key.kind.supported,
        private: match key.private {
            facts::Private::Absent => Private::Absent,
            facts::Private::Hidden => Private::Hidden,
            facts::Private::Seen => Private::Seen,
        },
        public_key_sha256: fingerprint(&key.kind),
        certificate: Verdict::None,
        certificates: Vec::new(),
    };
    let beside = on_token.iter().filter(|c| stands_beside(c, &shown));
    let known = shown.public_key_sha256.as_deref();
    let mut found: Vec<_> =
        beside.map(|c| c.under(known.map(|known| c.certifies(known)))).collect();
    found.extend(known.into_iter().flat_map(|known| files.certifying(known)));
    // Its own come first; the others only explain why it has none.
    found.sort_by_key(|c| c.belongs != Some(true));
    shown.certificate = Verdict::on(&found);
    shown.certificates = found;
    shown
}

/// It certifies the key, or has its CKA_ID. One that only attests to a key is nobody's.
fn stands_beside(certificate: &Certificate, key: &Key) -> bool {
    let counts = certificate.x509.as_ref().is_some_and(|x509| !x509.attestation);
    let same_id = !key.id.is_empty() && certificate.id == key.id;
    let certifies = |known: &String| certificate.certifies(known);
    counts && (same_id || key.public_key_sha256.as_ref().is_some_and(certifies))
}

fn certificate(certificate: &facts::Certificate, now: i64) -> Certificate {
    Certificate {
        file: None,
        label: certificate.label.clone(),
        id: hexadecimal(&certificate.id.0),
        belongs: None,
        x509: certificate.facts.as_ref().map(|facts| x509(facts, now)),
    }
}

/// Any error as a problem of one entry.
pub(super) fn problem(error: &Error) -> Problem {
    told("failed", &error.report())
}

pub(super) fn unread(failure: &Failure) -> Problem {
    told(kind_of(failure), &Report::of_failure(failure))
}

pub(super) fn device_problem(error: &signer::Error) -> Problem {
    told(kind(error), &Report::of_device(error))
}

fn told(kind: &'static str, report: &Report) -> Problem {
    Problem {
        kind,
        exit_code: report.code(),
        error: report.what().to_owned(),
        cause: report.why().map(str::to_owned),
        hint: report.advice().map(str::to_owned),
    }
}

/// The words that programs get: few, and what a person would do about each is different.
fn kind(error: &signer::Error) -> &'static str {
    match error {
        signer::Error::Crashed { .. } | signer::Error::Killed { .. } => "crashed",
        signer::Error::Device(failure) | signer::Error::Sandboxed(failure) => kind_of(failure),
        signer::Error::Hung { .. } => "hung",
        signer::Error::Module { .. } => "unsafe",
        signer::Error::NoSuchModule { .. } => "missing",
        error if Report::of_device(error).code() == Class::Pin as u8 => "pin",
        _ => "failed",
    }
}

fn kind_of(failure: &Failure) -> &'static str {
    match failure {
        Failure::Busy { .. } | Failure::CardInUse { .. } => "busy",
        Failure::CardSilent { .. } => "hung",
        Failure::Module { .. } => "unusable",
        failure if Report::of_failure(failure).code() == Class::Pin as u8 => "pin",
        _ => "failed",
    }
}
