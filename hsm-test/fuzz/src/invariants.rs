//! What must hold for every input that comes from outside, whatever its bytes: no panic, nothing
//! accepted that is not as it should be, what is printed reads back as the same, and no error that
//! shows a secret or floods a terminal. One function a parser.

use std::path::Path;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use keyanchor::certificate::Certificate;
use keyanchor::exchange::arn::{Arn, Resource};
use keyanchor::exchange::endpoint::{Endpoint, Variant};
use keyanchor::exchange::http::Answer;
use keyanchor::exchange::roles_anywhere::answer as create_session;
use keyanchor::exchange::sigv4_x509::header_value;
use keyanchor::exchange::{Error as ExchangeError, Refusal};
use keyanchor::identity::chain::{self, Chain};
use keyanchor::identity::{files, rules};
use keyanchor::key::uri::{ObjectFilter, PinAttribute, Pkcs11Uri, TokenFilter, pasteable};
use keyanchor::key::{KeyRef, PublicKey, Scheme};
use keyanchor::output::process;
use keyanchor::signer::file::FileKey;
use keyanchor::signer::{Error as SignerError, Signer, modules};
use keyanchor::wire::frame::{self, Frame};
use keyanchor::wire::list::{Listed, Token};
use keyanchor::wire::{Reply, Request, Wanted};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use zeroize::Zeroizing;

#[path = "cache.rs"]
mod cache;
#[path = "people.rs"]
mod people;
#[path = "piv.rs"]
mod piv;
#[path = "tpm.rs"]
mod tpm;

pub use cache::cache_entry;
use people::told;
pub use people::{caller, pin, pinentry, refusals};
pub use piv::{piv_card, piv_reference};
pub use tpm::{tpm_reference, tss2};

/// What is checked of one parser.
pub type Check = fn(&[u8]);

/// Every parser that is checked here.
pub const ALL: [(&str, Check); 19] = [
    ("answer", answer),
    ("arn", arn),
    ("cache_entry", cache_entry),
    ("caller", caller),
    ("certificates", certificates),
    ("endpoint", endpoint),
    ("frames_host", frames_host),
    ("frames_main", frames_main),
    ("key_file", key_file),
    ("module_file", module_file),
    ("pin", pin),
    ("pinentry", pinentry),
    ("piv_card", piv_card),
    ("piv_reference", piv_reference),
    ("pkcs11_uri", pkcs11_uri),
    ("reference", reference),
    ("refusals", refusals),
    ("tpm_reference", tpm_reference),
    ("tss2", tss2),
];

/// A PIN that cannot be in an input by chance.
const PIN: &str = "s3cr3t-P1N";
const ROLE: &str = "arn:aws:iam::111122223333:role/Example";

const NOW: i64 = 1_795_348_800; // 2026-11-22T12:00:00Z

/// An answer of CreateSession: the body or, where there is an empty line, headers before it, of which
/// `:status` is the status.
pub fn answer(data: &[u8]) {
    let (headers, body) = headers_and_body(data);
    let now = Timestamp::from_second(NOW).expect("a time");
    match create_session::granted(body, ROLE, now) {
        Ok(credentials) => {
            assert!(credentials.expiration > now, "expired");
            let document = process::document(&credentials).expect("a document");
            assert_eq!(document.iter().filter(|byte| **byte == b'\n').count(), 1, "one line");
            let document: Value = serde_json::from_slice(&document).expect("JSON");
            for (name, member) in [
                ("AccessKeyId", credentials.access_key_id.as_str()),
                ("SecretAccessKey", credentials.secret_access_key.expose()),
                ("SessionToken", credentials.session_token.expose()),
            ] {
                assert!(
                    !member.is_empty() && member.bytes().all(|b| b.is_ascii_graphic()),
                    "{name}"
                );
                assert_eq!(document[name], member);
            }
        }
        Err(reason) => {
            let (host, reason) = ("host.example".to_owned(), reason.to_owned());
            told(ExchangeError::Answer { host, reason });
        }
    }
    let status = headers.get("status").and_then(|status| status.to_str().ok()?.parse().ok());
    let refusal = create_session::refusal(&Answer {
        status: status.unwrap_or(403),
        headers,
        body: Zeroizing::new(body.to_vec()),
        clock_ahead: Some(i64::from(data.len() as u32) - 300),
    });
    let Refusal { kind, message, .. } = &refusal;
    assert!(!kind.is_empty() && !kind.contains(['#', ':']), "{kind}");
    assert!(kind.len() <= data.len() + 10 && message.len() <= data.len(), "longer than what came");
    told(ExchangeError::Refused { host: "host.example".to_owned(), refusal });
}

fn headers_and_body(data: &[u8]) -> (HeaderMap, &[u8]) {
    let mut headers = HeaderMap::new();
    let Some(end) = data.windows(2).position(|pair| pair == b"\n\n") else {
        return (headers, data);
    };
    for line in data[..end].split(|byte| *byte == b'\n') {
        let colon = line.iter().skip(1).position(|byte| *byte == b':').map(|place| place + 1);
        let Some((name, value)) = colon.map(|place| (&line[..place], &line[place + 1..])) else {
            continue;
        };
        let name = HeaderName::from_bytes(name.strip_prefix(b":").unwrap_or(name));
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value)) {
            headers.insert(name, value);
        }
    }
    (headers, &data[end + 2..])
}

/// An ARN, as each of the three kinds.
pub fn arn(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let mut accepted = 0;
    for (resource, longest) in
        [(Resource::Profile, 1011), (Resource::Role, 2048), (Resource::TrustAnchor, 1011)]
    {
        match Arn::parse(text, resource) {
            Ok(arn) => {
                accepted += 1;
                assert!(text.len() <= longest, "too long");
                assert!(text.bytes().all(|byte| byte.is_ascii_graphic()), "not printable");
                assert_eq!((arn.as_str(), arn.to_string().as_str()), (text, text));
                assert_eq!(arn.region().is_empty(), resource == Resource::Role);
                assert!(text.starts_with(&format!("arn:{}:", arn.partition())));
                assert_eq!(Arn::parse(arn.as_str(), resource), Ok(arn));
            }
            Err(error) => {
                let error = error.to_string();
                assert!(error.len() < 100 && error.is_ascii(), "{error}");
            }
        }
    }
    assert!(accepted <= 1, "one ARN of two kinds");
}

/// A file of certificates, PEM or DER.
pub fn certificates(data: &[u8]) {
    let found = match files::parse(data) {
        Ok(found) => found,
        Err(reason) => {
            let path = "/certificate.pem".into();
            return told(keyanchor::identity::Error::NotCertificates { path, reason });
        }
    };
    assert!((1..=500).contains(&found.len()), "{} certificates", found.len());
    for certificate in found.iter().take(8) {
        one_certificate(certificate);
        assert!(certificate.der().len() <= data.len(), "longer than its file");
    }
    // Each may have to be tried as the issuer of each.
    if found.len() <= 8
        && let Ok(key) = found[0].public_key()
    {
        chain_of(&Holder(key), &found);
    }
}

/// Who has the key of the first certificate, and no certificate.
struct Holder(PublicKey);

impl Signer for Holder {
    fn public_key(&self) -> &PublicKey {
        &self.0
    }

    fn unlock(&self) -> Result<(), SignerError> {
        Ok(())
    }

    fn sign(&self, _: Scheme, _: &[u8]) -> Result<Vec<u8>, SignerError> {
        Ok(Vec::new())
    }

    fn certificates(&self, _: &Wanted) -> Result<Vec<Certificate>, SignerError> {
        Ok(Vec::new())
    }

    fn release(&self) {}
}

fn chain_of(holder: &Holder, found: &[Certificate]) {
    let check = |leaf: &Certificate| rules::check(leaf, now());
    match Chain::of(holder, found.to_vec(), Vec::new(), now(), &check) {
        Ok(Chain { leaf, intermediates }) => {
            assert!(leaf.certifies(holder.public_key()) && !leaf.is_attestation());
            assert!(intermediates.len() <= chain::LONGEST, "a chain of {}", intermediates.len());
            for (place, certificate) in intermediates.iter().enumerate() {
                let below = if place == 0 { &leaf } else { &intermediates[place - 1] };
                assert!(below.is_signed_by(certificate), "a chain that is none");
                assert!(!certificate.is_self_signed(), "the root");
                assert!(!intermediates[..place].contains(certificate), "a ring");
            }
        }
        Err(error) => told(error),
    }
}

fn one_certificate(certificate: &Certificate) {
    assert!(Certificate::from_der(certificate.der()).is_ok_and(|again| again == *certificate));
    let header = header_value(certificate);
    assert_eq!(STANDARD.decode(&header).as_deref(), Ok(certificate.der()));
    assert!(!certificate.serial().is_empty(), "a serial has a byte at least");
    assert_eq!(
        certificate.is_valid_at(now()),
        certificate.not_before() <= now() && now() <= certificate.not_after()
    );
    let _ = (certificate.is_attestation(), certificate.issuer_der());
    if let Err(error) = rules::check(certificate, now()) {
        told(error);
    } else {
        assert!(certificate.may_sign() && !certificate.is_ca() && certificate.is_version_3());
    }
    match certificate.public_key() {
        Ok(key) => {
            one_key(&key);
            assert!(certificate.certifies(&key));
        }
        Err(source) => {
            let subject = certificate.subject();
            told(keyanchor::identity::Error::UnsupportedKey { subject, source });
        }
    }
}

fn one_key(key: &PublicKey) {
    assert_eq!(PublicKey::from_spki(key.spki()).as_ref(), Ok(key));
    assert!(!key.verifies(key.scheme(), b"message", b"no signature"));
}

/// A URL of an endpoint, or a region.
pub fn endpoint(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    if let Ok(endpoint) = Endpoint::given(text) {
        let shown = endpoint.to_string();
        assert!(shown.starts_with("https://") || endpoint.is_loopback(), "{shown}");
        let (operation, host) = (endpoint.operation("/sessions"), endpoint.host());
        assert!(operation.path().ends_with("/sessions") && operation.query().is_none());
        assert!(!host.is_empty() && !host.contains(['/', '@', '?', '#', ' ']), "{host}");
        let again = Endpoint::given(&shown).expect("what is shown can be given");
        assert_eq!((again.operation("/sessions"), again.host()), (operation, host));
    }
    let with_password = Endpoint::given(&format!("https://user:{PIN}@{text}"));
    let error = with_password.expect_err("credentials are not for a URL").to_string();
    assert!(!error.contains(PIN), "{error}");
    for (fips, dual_stack) in [(false, false), (true, true)] {
        if let Ok(endpoint) = Endpoint::of_region(text, Variant { fips, dual_stack }) {
            let name = if fips { "rolesanywhere-fips" } else { "rolesanywhere" };
            assert!(endpoint.host().starts_with(&format!("{name}.{text}.")), "{endpoint}");
            assert_eq!(endpoint.operation("/sessions").path(), "/sessions");
        }
    }
}

/// What the main program reads from a device host, in pieces as they come.
pub fn frames_host(data: &[u8]) {
    assert_eq!(in_pieces(data), messages(data), "pieces make another stream");
    for reply in understood::<Reply>(data) {
        match reply {
            Reply::Certificates(ders) => {
                let found = ders.iter().filter_map(|der| Certificate::from_der(&der.0).ok());
                found.take(8).for_each(|certificate| one_certificate(&certificate));
            }
            Reply::Failed(failure) => told(SignerError::Device(failure)),
            Reply::Listed(Listed { tokens, .. }) => tokens.into_iter().for_each(one_token),
            Reply::Selected(selected) => {
                let spki = selected.public_key.map(|spki| PublicKey::from_spki(&spki.0));
                if let Some(Ok(key)) = spki {
                    one_key(&key);
                }
                told(SignerError::NoPublicKey { key: selected.uri });
            }
            _ => {}
        }
    }
}

/// What a module's token has, as `keyanchor list` is told.
fn one_token(token: Token) {
    let of_token = TokenFilter { token: Some(token.label), ..TokenFilter::default() };
    match token.contents {
        Ok(contents) => {
            for filter in contents.keys.into_iter().filter_map(|key| key.filter) {
                pasted(&of_token, &filter);
            }
        }
        Err(failure) => told(SignerError::Device(failure)),
    }
}

/// A URI that is shown names what it was made of, unless that has a NUL, which none can have.
fn pasted(token: &TokenFilter, object: &ObjectFilter) {
    let uri = pasteable(token, object);
    if let Ok(again) = uri.parse::<Pkcs11Uri>() {
        assert_eq!((&again.token, &again.object), (token, object));
    } else {
        assert!(uri.len() > 4096 || uri.contains("%00"), "{uri}");
    }
}

/// What a device host reads from the main program.
pub fn frames_main(data: &[u8]) {
    understood::<Request>(data);
}

/// The messages of a stream up to the first that is not understood; each is written as it is read.
pub fn understood<T: Serialize + DeserializeOwned>(data: &[u8]) -> Vec<T> {
    let messages = messages(data);
    let understood = messages.iter().map_while(|json| serde_json::from_slice::<T>(json).ok());
    understood.inspect(reads_back).collect()
}

/// The messages of a stream up to where it breaks off; each frame is written again as it was read.
fn messages(mut stream: &[u8]) -> Vec<Vec<u8>> {
    let mut messages = Vec::new();
    loop {
        let start = stream;
        let Ok(Some(frame)) = frame::read(&mut stream) else { return messages };
        let mut again = Vec::new();
        match frame {
            Frame::Message(json) => {
                assert!(json.len() < frame::LONGEST, "longer than a frame");
                assert_eq!(json, start[5..start.len() - stream.len()]);
                messages.push(json);
            }
            Frame::Secret(secret) => {
                frame::write_secret(&mut again, &secret).expect("it came in a frame");
                assert_eq!(again, start[..start.len() - stream.len()]);
            }
        }
    }
}

/// The same where it comes in pieces: no more is kept than a frame and a piece.
fn in_pieces(stream: &[u8]) -> Vec<Vec<u8>> {
    let size = 1 + stream.len() % 97;
    let (mut messages, mut kept) = (Vec::new(), Vec::new());
    for piece in stream.chunks(size) {
        kept.extend_from_slice(piece);
        loop {
            match frame::take(&mut kept) {
                Ok(Some(Frame::Message(json))) => messages.push(json),
                Ok(Some(Frame::Secret(_))) => {}
                Ok(None) => break,
                Err(_) => return messages,
            }
        }
        assert!(kept.len() < 4 + frame::LONGEST, "more than a frame is kept");
    }
    messages
}

fn reads_back<T: Serialize + DeserializeOwned>(message: &T) {
    let written = serde_json::to_vec(message).expect("JSON");
    let again: T = serde_json::from_slice(&written).expect("what is written can be read");
    assert_eq!(serde_json::to_vec(&again).expect("JSON"), written);
}

/// A private key in PEM; DER is armoured first, as each kind of key.
pub fn key_file(data: &[u8]) {
    if data.first() != Some(&0x30) {
        return key_pem(data);
    }
    for kind in ["PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY"] {
        let base64 = STANDARD.encode(data);
        key_pem(format!("-----BEGIN {kind}-----\n{base64}\n-----END {kind}-----\n").as_bytes());
    }
}

fn key_pem(data: &[u8]) {
    match FileKey::from_pem(Path::new("/key.pem"), data) {
        Ok(key) => {
            let public = key.public_key();
            one_key(public);
            // A key whose parts do not fit each other may fail to sign, and never signs wrongly.
            if let Ok(signature) = key.sign(public.scheme(), b"message") {
                assert!(public.verifies(public.scheme(), b"message", &signature));
                assert!(!public.verifies(public.scheme(), b"other", &signature));
            }
        }
        Err(error) => told(error),
    }
}

/// A module file of p11-kit.
pub fn module_file(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let file = modules::parse(text);
    let without_comments: Vec<_> =
        text.lines().filter(|line| !line.trim_start().starts_with('#')).collect();
    assert_eq!(modules::parse(&without_comments.join("\n")), file);
    assert!(file.library().is_none_or(|library| text.contains(library) && !library.is_empty()));
    assert_eq!(file.clone().over(modules::parse("")), file);
    assert_eq!(modules::parse("").over(file.clone()), file);
    // What the user's file says counts.
    let priority = file.priority();
    assert_eq!(modules::parse("priority: 7").over(file.clone()).priority(), 7);
    for line in ["remote: |ssh", "disable-in: keyanchor", "trust-policy: yes", "module:"] {
        let more = modules::parse(&format!("{text}\n{line}\n"));
        assert_eq!((more.library(), more.priority()), (None, priority), "{line}");
        assert_eq!(modules::parse(line).over(file.clone()).library(), None, "{line}");
    }
}

/// A PKCS#11 URI; what comes after a line break follows a PIN.
pub fn pkcs11_uri(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    match text.parse::<Pkcs11Uri>() {
        Ok(uri) => {
            assert!(text.len() <= 4096, "too long");
            let shown = uri.to_string();
            assert!(shown.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'?'), "{shown}");
            if let Some(PinAttribute::Source(path)) = &uri.pin {
                assert!(path.is_absolute());
            }
            assert!(uri.module_path.is_none_or(|path| path.is_absolute()));
            // Encoded, it may be too long to be read again.
            if shown.len() <= 4096 {
                let again: Pkcs11Uri = shown.parse().expect("what is shown can be read");
                assert_eq!((&again.token, &again.object), (&uri.token, &uri.object));
                assert_eq!(again.to_string(), shown);
                assert!(again.pin.is_none());
            }
        }
        Err(error) => assert!(error.to_string().len() < 5000),
    }
    let Some(with_pin) = with_pin(text) else { return };
    let shown = match with_pin.parse::<Pkcs11Uri>() {
        Ok(uri) => uri.to_string(),
        Err(error) => error.to_string(),
    };
    assert!(!shown.contains(PIN), "{shown}");
}

/// The text up to its first line break, a PIN as one more attribute, and the rest right after it.
fn with_pin(text: &str) -> Option<String> {
    let (head, tail) = text.split_once('\n').unwrap_or((text, ""));
    let separator = if head.contains('?') { '&' } else { '?' };
    let with_pin = format!("{head}{separator}pin-value={PIN}{tail}");
    Some(with_pin).filter(|_| !text.contains(PIN))
}

/// What stands after `--key` or `--certificate`; mistyped at its start as well.
pub fn reference(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    if let Ok(reference) = text.parse::<KeyRef>() {
        let shown = reference.to_string();
        match reference {
            KeyRef::File(path) => assert_eq!((path.as_path(), &*shown), (Path::new(text), text)),
            KeyRef::Piv(_) | KeyRef::Pkcs11(_) | KeyRef::Tpm(_) => {
                let again = shown.parse::<KeyRef>().map(|again| again.to_string());
                assert!(shown.len() > 4096 || again.is_ok_and(|again| again == shown));
            }
        }
    }
    let Some(with_pin) = with_pin(text) else { return };
    for start in [0, 1, 7] {
        let Some(text) = with_pin.get(start..).filter(|text| text.contains("pin-value=")) else {
            continue;
        };
        let shown = match text.parse::<KeyRef>() {
            Ok(reference) => reference.to_string(),
            Err(error) => error.to_string(),
        };
        assert!(!shown.contains(PIN), "{shown}");
    }
}

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(NOW.unsigned_abs())
}
