//! Where a PIN comes from: what the user configured, else a person. The PIN is read as late as it
//! can be, and checked here for what no token would take.

use std::path::PathBuf;

use crate::paths;
use crate::prompt::{NoPin, PinRequest, Prompt};
use crate::secret::Secret;
use crate::wire::Failure;

/// Longest PIN that is sent, in bytes; HSMs that take passwords allow up to 255.
const LONGEST: usize = 255;

/// The sources that the user allowed, the first of which counts.
#[derive(Default)]
pub struct Sources {
    /// `pin-value` of the URI.
    pub value: Option<Secret>,
    /// `pin-source` of the URI, else `KEYANCHOR_PIN_FILE`.
    pub file: Option<PathBuf>,
}

/// A PIN, and where it came from.
pub struct Pin {
    /// The PIN.
    pub secret: Secret,
    /// For messages: `pin-value`, a path, or `the terminal`.
    pub origin: String,
}

impl Sources {
    /// Whether a person has to be asked.
    #[must_use]
    pub fn need_a_person(&self) -> bool {
        self.value.is_none() && self.file.is_none()
    }

    /// The PIN from the source that counts. A `pin-value` is given out once.
    ///
    /// # Errors
    /// When the source cannot be read, holds nothing usable, or there is nobody to ask.
    pub fn pin(&mut self, request: &PinRequest<'_>, prompt: &dyn Prompt) -> Result<Pin, Failure> {
        let token = || request.token.to_owned();
        let (secret, origin) = if let Some(value) = self.value.take() {
            (value, "pin-value".to_owned())
        } else if let Some(file) = &self.file {
            let unusable = |reason| Failure::PinSource { token: token(), reason };
            (from_file(file).map_err(unusable)?, file.display().to_string())
        } else {
            let secret = prompt.pin(request).map_err(|none| match none {
                NoPin::Cancelled => Failure::PinCancelled { token: token() },
                NoPin::Nobody => Failure::NoTerminal { token: token() },
                NoPin::Unfit(reason) => {
                    let reason = format!("the terminal: {reason}");
                    Failure::PinSource { token: token(), reason }
                }
                NoPin::Unusable(reason) => Failure::PinSource { token: token(), reason },
            })?;
            (secret, "the terminal".to_owned())
        };
        check(&secret).map_err(|reason| Failure::PinSource {
            token: token(),
            reason: format!("{origin}: {reason}"),
        })?;
        Ok(Pin { secret, origin })
    }
}

/// The first line break at the end is not part of the PIN (RFC 7512 §7 and editors).
fn from_file(path: &std::path::Path) -> Result<Secret, String> {
    let bytes = paths::read_secret(path, 1024).map_err(|error| error.to_string())?;
    let text = str::from_utf8(&bytes).map_err(|_| format!("{}: not UTF-8 text", path.display()))?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    Ok(Secret::new(text.to_owned()))
}

fn check(pin: &Secret) -> Result<(), &'static str> {
    match pin.expose() {
        "" => Err("the PIN is empty"),
        pin if pin.len() > LONGEST => Err("the PIN is longer than 255 bytes"),
        pin if pin.chars().any(char::is_control) => Err("the PIN holds a control character"),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prompt::Nobody;
    use crate::wire::failure::Tries;
    use std::os::unix::fs::PermissionsExt;

    const REQUEST: PinRequest<'_> =
        PinRequest { token: "lab", key: "", caller: None, tries: Tries::Unknown, why: None };

    fn from(content: &[u8], mode: u32) -> Result<Pin, Failure> {
        let file = tempfile::NamedTempFile::new().expect("file");
        std::fs::write(file.path(), content).expect("write");
        std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(mode))
            .expect("chmod");
        Sources { value: None, file: Some(file.path().into()) }.pin(&REQUEST, &Nobody)
    }

    #[test]
    fn one_line_break_at_the_end_of_a_file_is_not_part_of_the_pin() {
        for content in [b"1234".as_slice(), b"1234\n", b"1234\r\n"] {
            assert_eq!(
                from(content, 0o600).map(|pin| pin.secret.expose().to_owned()).unwrap_or_default(),
                "1234"
            );
        }
        assert!(from(b"1234\n\n", 0o600).is_err());
    }

    #[test]
    fn a_file_that_everybody_can_read_and_a_pin_that_cannot_be_one_are_refused() {
        for (content, mode) in [
            (b"1234".as_slice(), 0o644),
            (b"", 0o600),
            (b"\n", 0o600),
            (b"\xff", 0o600),
            (&[b'1'; 256], 0o600),
        ] {
            assert!(matches!(from(content, mode), Err(Failure::PinSource { .. })), "{content:?}");
        }
    }

    #[test]
    fn without_a_source_and_without_a_person_there_is_no_pin() {
        let answer = Sources::default().pin(&REQUEST, &Nobody);
        assert!(matches!(answer, Err(Failure::NoTerminal { .. })));
    }

    #[test]
    fn a_pin_value_is_given_out_once() {
        let mut sources = Sources { value: Some(Secret::new("1234".into())), file: None };
        assert!(sources.pin(&REQUEST, &Nobody).is_ok());
        assert!(sources.pin(&REQUEST, &Nobody).is_err());
    }
}
