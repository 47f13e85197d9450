//! What must hold of the ways to a person and to a PIN: what a program says that was asked, what the
//! one who asks is called, what is remembered; and what people are told.

use keyanchor::error::Error;
use keyanchor::prompt::pinentry::assuan::{Answer, LONGEST as LINE, take};
use keyanchor::prompt::program::typed;
use keyanchor::prompt::{NoPin, PinRequest, Source, caller as calling, pin_in};
use keyanchor::refusals::Record;
use keyanchor::secret::{Secret, SecretBytes};
use keyanchor::signer::Error as SignerError;
use keyanchor::wire::PinSource;
use keyanchor::wire::failure::{Failure, Holder, Origin, Tries};

use super::reads_back;

/// A command line, as the kernel has it.
pub fn caller(data: &[u8]) {
    let Some(words) = calling::words(data) else {
        return assert!(data.first().is_none_or(|byte| *byte == 0), "a program without a name");
    };
    assert!(words.len() <= 8 && words.iter().all(|word| !word.contains('\0')), "{words:?}");
    let name = calling::called(&words);
    assert!(
        !name.is_empty() && words.iter().any(|word| word.contains(name)),
        "{name:?}: {words:?}"
    );
    for key in ["", "pkcs11:token=lab"] {
        let caller = Some(name);
        let request =
            PinRequest { word: "PIN", of: name, key, caller, tries: Tries::Few, why: caller };
        let lines = request.told().into_iter().chain([request.question()]);
        lines.for_each(|line| {
            harmless(&line);
            assert!(line.chars().count() < 500, "longer than a person reads: {line}");
        });
    }
}

/// The bytes of a PIN source.
pub fn pin(data: &[u8]) {
    match pin_in(data.into()) {
        Ok(pin) => {
            let pin = pin.expose();
            assert!((1..=255).contains(&pin.len()), "{} bytes", pin.len());
            assert!(!pin.chars().any(char::is_control), "{pin:?}");
            let rest =
                data.strip_prefix(pin.as_bytes()).expect("nothing is left out before its end");
            assert!(matches!(rest, b"" | b"\n" | b"\r" | b"\r\n"), "{}", rest.escape_ascii());
            assert!(of_value(pin).is_ok(), "no PIN where the URI has it");
        }
        Err(reason) => refused(Origin::Descriptor, reason),
    }
    if let Ok(text) = str::from_utf8(data)
        && let Err(reason) = of_value(text)
    {
        refused(Origin::Value, reason);
    }
}

/// The same where it stands in the URI.
fn of_value(pin: &str) -> Result<(), String> {
    let mut source = Source::new(PinSource::Value, Some(Secret::new(pin.to_owned())));
    source.read(None).map(|(read, _)| assert_eq!(read.expose(), pin))
}

fn refused(origin: Origin, reason: String) {
    assert!(reason.len() < 50 && reason.is_ascii(), "it may hold the PIN: {reason}");
    told(SignerError::Device(Failure::PinSource {
        of: Holder::Token("lab".to_owned()),
        origin,
        reason,
    }));
}

/// What a pinentry says, answer after answer.
pub fn pinentry(data: &[u8]) {
    let mut said = SecretBytes::with_capacity(LINE);
    for line in data.split(|byte| *byte == b'\n').take_while(|line| line.len() <= LINE) {
        let (before, place) = (said.len(), said.as_ptr());
        match take(line, &mut said) {
            Ok(None) => {
                assert_eq!(said.as_ptr(), place, "a copy is left behind");
                decoded(line, &said[before..]);
            }
            Ok(Some(answer)) => {
                answered(answer, before);
                said = SecretBytes::with_capacity(LINE);
            }
            Err(reason) => return unusable(reason),
        }
    }
}

fn decoded(line: &[u8], data: &[u8]) {
    let Some(encoded) = line.strip_prefix(b"D ") else {
        return assert!(data.is_empty(), "data from another line");
    };
    let pairs =
        encoded.windows(3).filter(|it| it[0] == b'%' && it[1..].iter().all(u8::is_ascii_hexdigit));
    let escapes = pairs.count();
    assert_eq!(data.len(), encoded.len() - 2 * escapes);
    if escapes == 0 {
        assert_eq!(data, encoded);
    }
    let again: String = data.iter().map(|byte| format!("%{byte:02X}")).collect();
    if let Some(line) = Some(format!("D {again}")).filter(|_| again.len() <= LINE) {
        let mut said = SecretBytes::with_capacity(LINE);
        assert!(take(line.as_bytes(), &mut said).is_ok_and(|answer| answer.is_none()));
        assert_eq!(*said, *data);
    }
}

fn answered(answer: Answer, gathered: usize) {
    match answer {
        Answer::Good(data) => {
            assert!(data.len() == gathered && gathered <= LINE, "not what came with it");
            let said = data.to_vec();
            match typed(data) {
                Ok(pin) => assert_eq!(pin.expose().as_bytes(), said),
                Err(none) => assert!(matches!(none, NoPin::Unfit(_)), "{none:?}"),
            }
        }
        Answer::Refused { code, text } => {
            assert!(code <= 0xffff && !text.is_empty());
            harmless(&text);
            unusable(&text);
        }
    }
}

fn unusable(reason: &str) {
    let reason = format!("/usr/bin/pinentry: {reason}");
    told(SignerError::Device(Failure::Asker { of: Holder::Token("lab".to_owned()), reason }));
}

/// The record of a token's refused PINs.
pub fn refusals(data: &[u8]) {
    if let Ok(record) = serde_json::from_slice::<Record>(data) {
        reads_back(&record);
    }
}

/// What people get of an error: three lines and 1 KiB at most, and nothing that moves a terminal.
pub(super) fn told(error: impl Into<Error>) {
    let report = error.into().report();
    assert!((2..=6).contains(&report.code()), "exit code {}", report.code());
    let text = report.to_string();
    assert!(text.lines().count() <= 3, "{text}");
    assert!(text.lines().all(|line| line.len() < 1024 / 3), "longer than a third of 1 KiB: {text}");
    text.lines().for_each(harmless);
}

/// Nothing in it moves a terminal, breaks the line, or turns the text around.
fn harmless(line: &str) {
    let turns = |c| matches!(c, '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    assert!(!line.chars().any(|c| c.is_control() || turns(c)), "{line:?}");
}
