//! The table of `keyanchor list`: module, token, and two lines a key, of which the second is the
//! URI to paste. Foreign text is escaped, and cut where it would not end.

use crate::output::list::{
    Certificate, CertificateFile, Key, KeyFile, Listing, Module, Pin, Private, Problem, Token,
    Validity, Verdict, X509,
};
use crate::output::page::{Page, Tone, WIDTH, folded, shown};

/// Longest label and longest subject that are shown, in characters.
const LABEL: usize = 32;
const SUBJECT: usize = 70;

mod piv;
mod tpm;

use tpm::guarded;

struct Table(Page);

pub(super) fn of(listing: &Listing, colour: bool) -> String {
    let mut table = Table(Page::new(colour));
    for module in &listing.modules {
        table.module(module);
    }
    for tpm in &listing.tpms {
        table.tpm(tpm);
    }
    for card in &listing.cards {
        table.card(card);
    }
    if !listing.key_files.is_empty() {
        table.files(&listing.key_files);
    }
    if !listing.certificate_files.is_empty() {
        table.certificate_files(&listing.certificate_files);
    }
    let answered = listing.modules.iter().any(|module| module.problem.is_none());
    let keys = listing.tpms.iter().any(|tpm| !tpm.keys.is_empty()) || !listing.cards.is_empty();
    if answered && !keys && listing.modules.iter().all(|module| module.tokens.is_empty()) {
        table.0.gap();
        table.0.line(0, "no token is in sight: insert one, or name its module with --pkcs11-lib");
    }
    table.0.text
}

impl Table {
    fn module(&mut self, module: &Module) {
        self.0.gap();
        self.0.line(0, self.0.paint(Tone::Strong, &shown(&module.path, usize::MAX)));
        match &module.problem {
            Some(problem) => self.problem(2, problem, &module.path),
            None if module.tokens.is_empty() => self.0.line(2, "no token"),
            None => module.tokens.iter().for_each(|token| self.token(token)),
        }
        self.more(2, module.more_tokens, "token");
    }

    /// The lines of an error. What it is about stands above them already.
    fn problem(&mut self, indent: usize, problem: &Problem, about: &str) {
        let plain = |text: &str| {
            let text = text.replace(&format!(" {about}"), "").replace(&format!("{about}: "), "");
            shown(text.trim_start_matches(about).trim_start(), usize::MAX)
        };
        for line in folded(&plain(&problem.error), WIDTH - indent) {
            let line = self.0.paint(Tone::Bad, &line);
            self.0.line(indent, line);
        }
        for text in [&problem.cause, &problem.hint].into_iter().flatten() {
            folded(&plain(text), WIDTH - indent - 2)
                .iter()
                .for_each(|l| self.0.line(indent + 2, l));
        }
    }

    fn token(&mut self, token: &Token) {
        let label = if token.label.is_empty() { "without a label" } else { &token.label };
        let label = self.0.paint(Tone::Strong, &shown(label, LABEL));
        let about = [("", &token.model), ("serial ", &token.serial)];
        let about = about.iter().filter(|(_, text)| !text.is_empty());
        let about: String =
            about.map(|(name, text)| format!(", {name}{}", shown(text, LABEL))).collect();
        self.0.line(2, format!("token {label}{about}"));
        if let Some((tone, state)) = pin(token.pin) {
            self.0.line(4, self.0.paint(tone, state));
        }
        if let Some(problem) = &token.problem {
            self.problem(4, problem, &token.label);
        }
        let width = |text: &dyn Fn(&Key) -> usize| token.keys.iter().map(text).max().unwrap_or(0);
        let label_width = width(&|key| key_label(key).chars().count());
        let kind_width = width(&|key| key.kind.chars().count());
        for key in &token.keys {
            self.key(key, label_width, kind_width);
        }
        self.more(4, token.more_keys, "key");
        self.others(token);
        if token.hides_objects {
            self.0.line(4, "a login may show more: --login");
        }
    }

    fn key(&mut self, key: &Key, label_width: usize, kind_width: usize) {
        let (tone, verdict) = match (key.supported, key.private) {
            (false, _) => (Tone::Warning, "not supported".to_owned()),
            (_, Private::Absent) => (Tone::Warning, "without its private half".to_owned()),
            _ => verdict(key.certificate, &key.certificates),
        };
        let verdict = self.0.paint(tone, &verdict);
        let (label, kind) = (key_label(key), shown(&key.kind, LABEL));
        self.0.line(4, format!("{label:label_width$}  {kind:kind_width$}  {verdict}"));
        match &key.uri {
            Some(uri) => self.0.line(6, uri),
            None => self
                .0
                .line(6, self.0.paint(Tone::Warning, "no URI: other keys have its label and id")),
        }
        self.certificates(&key.certificates);
    }

    /// Under a key: whose they are; and until when, where the key's own line does not say it.
    fn certificates(&mut self, certificates: &[Certificate]) {
        for certificate in certificates {
            let from =
                certificate.file.as_ref().map(|file| format!(" in {}", shown(file, SUBJECT)));
            let from = from.unwrap_or_default();
            let state = match (certificate.belongs, &certificate.x509) {
                (Some(false), _) => ", another key's".to_owned(),
                (_, Some(x509)) if certificates.len() > 1 => format!(", {}", validity(x509)),
                _ => String::new(),
            };
            self.0.line(6, format!("{}{state}{from}", subject(certificate)));
        }
    }

    fn others(&mut self, token: &Token) {
        if !token.certificates.is_empty() {
            self.0.line(4, "certificates of no key in sight");
            for certificate in &token.certificates {
                let state = certificate.x509.as_ref().map(validity).unwrap_or_default();
                self.0.line(6, format!("{}, {state}", subject(certificate)).trim_end_matches(", "));
            }
        }
        self.more(4, token.more_certificates, "certificate");
    }

    fn more(&mut self, indent: usize, count: usize, what: &str) {
        if count > 0 {
            let plural = if count == 1 { "" } else { "s" };
            self.0.line(indent, format!("and {count} {what}{plural} more"));
        }
    }

    fn files(&mut self, files: &[KeyFile]) {
        self.0.gap();
        self.0.line(0, self.0.paint(Tone::Strong, "key files"));
        for file in files {
            let path = shown(&file.path, usize::MAX);
            self.0.line(2, path);
            match (&file.problem, &file.kind) {
                (Some(problem), _) => self.problem(4, problem, &file.path),
                (None, kind) => {
                    let (tone, verdict) = verdict(file.certificate, &file.certificates);
                    let verdict = self.0.paint(tone, &verdict);
                    let of_tpm = file.tpm.as_ref().map_or("", |tpm| guarded(tpm.protected));
                    let kind = kind.as_deref().unwrap_or_default();
                    self.0.line(4, format!("{kind}  {verdict}{of_tpm}"));
                    self.certificates(&file.certificates);
                }
            }
        }
    }

    fn certificate_files(&mut self, files: &[CertificateFile]) {
        self.0.gap();
        self.0.line(0, self.0.paint(Tone::Strong, "certificate files"));
        for file in files {
            self.0.line(2, shown(&file.path, usize::MAX));
            if let Some(problem) = &file.problem {
                self.problem(4, problem, &file.path);
            }
            for certificate in &file.certificates {
                let state = certificate.x509.as_ref().map(validity).unwrap_or_default();
                self.0.line(4, format!("{}, {state}", subject(certificate)));
            }
        }
    }
}

fn key_label(key: &Key) -> String {
    key.label.as_ref().map_or_else(|| "(no label)".to_owned(), |label| shown(label, LABEL))
}

fn pin(pin: Pin) -> Option<(Tone, &'static str)> {
    match pin {
        Pin::FewTries => {
            Some((Tone::Warning, "a wrong PIN was entered before; few tries are left"))
        }
        Pin::LastTry => Some((Tone::Bad, "one try is left for the PIN: a wrong one locks it")),
        Pin::Locked => Some((Tone::Bad, "the PIN is locked")),
        Pin::NotSet => Some((Tone::Warning, "it has no user PIN yet")),
        Pin::Usable => None,
    }
}

/// The certificate's state in a few words, with its date where one decides.
fn verdict(verdict: Verdict, certificates: &[Certificate]) -> (Tone, String) {
    let own = certificates.iter().filter(|certificate| certificate.belongs == Some(true));
    let mut own = own.filter_map(|certificate| certificate.x509.as_ref());
    let mut dated = |wanted| own.find(|x509| x509.validity == wanted).map(validity);
    let (tone, dated) = match verdict {
        Verdict::Valid => (Tone::Good, dated(Validity::Valid)),
        Verdict::Expired => (Tone::Bad, dated(Validity::Expired)),
        Verdict::NotYetValid => (Tone::Warning, dated(Validity::NotYetValid)),
        Verdict::AnotherKeys => (Tone::Warning, Some("another key's".to_owned())),
        Verdict::SeveralValid => (Tone::Warning, Some("several are valid".to_owned())),
        Verdict::Unknown => (Tone::Warning, Some("has its id, not proved".to_owned())),
        Verdict::None => return (Tone::Warning, "no certificate".to_owned()),
    };
    (tone, format!("certificate: {}", dated.unwrap_or_default()))
}

/// `valid until 2027-11-25`; the last month is counted in days.
fn validity(x509: &X509) -> String {
    let day = |time: &str| time.split('T').next().unwrap_or_default().to_owned();
    match (x509.validity, x509.days_left) {
        (Validity::Expired, _) => format!("expired on {}", day(&x509.not_after)),
        (Validity::NotYetValid, _) => format!("not valid before {}", day(&x509.not_before)),
        (Validity::Valid, days @ 0..=30) => {
            let plural = if days == 1 { "" } else { "s" };
            format!("valid until {}, {days} day{plural} left", day(&x509.not_after))
        }
        (Validity::Valid, _) => format!("valid until {}", day(&x509.not_after)),
    }
}

fn subject(certificate: &Certificate) -> String {
    let ca = if certificate.x509.as_ref().is_some_and(|x509| x509.ca) { "CA " } else { "" };
    let subject = certificate.x509.as_ref().map(|x509| x509.subject.as_str());
    let named = subject.filter(|subject| !subject.is_empty()).or(certificate.label.as_deref());
    match (subject, named) {
        (None, named) => {
            format!("{} (not an X.509 certificate)", shown(named.unwrap_or_default(), LABEL))
        }
        (_, named) => format!("{ca}{}", shown(named.unwrap_or("without a subject"), SUBJECT)),
    }
}
