//! What options hold, as values: each error names its option and shows what would be right.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use crate::error::Usage;
use crate::exchange::arn::{Arn, Resource};
use crate::key::tpm::TpmRefError;
use crate::key::{KeyRef, KeyRefError};

/// A key or certificate reference; a path may hold any bytes. Its text is not shown: it may hold a
/// PIN.
pub(super) fn reference(option: &str, text: &OsStr) -> Result<KeyRef, Usage> {
    let Some(utf8) = text.to_str() else { return path(option, text) };
    utf8.parse().map_err(|error: KeyRefError| match &error {
        KeyRefError::Uri(_) => wrong(
            format!("{option} is not a usable pkcs11: URI"),
            error.to_string(),
            "the form is pkcs11:token=LABEL;object=LABEL, other characters percent-encoded (RFC 7512), in double quotes",
        ),
        KeyRefError::Tpm(reason) => wrong(
            format!("{option} is not a usable reference to a TPM's key"),
            error.to_string(),
            match reason {
                TpmRefError::Tcti(_) => "write device:/dev/tpmrm0 or swtpm:host=127.0.0.1,port=2321",
                _ => "the form is tpm:handle=0x81000101 or tpm:file=/PATH, other characters percent-encoded, in double quotes",
            },
        ),
        KeyRefError::Piv(_) => wrong(
            format!("{option} is not a usable reference to a card's key"),
            error.to_string(),
            "the form is piv:slot=9a or piv:slot=9a;serial=12345678, other characters percent-encoded, in double quotes",
        ),
        KeyRefError::Empty | KeyRefError::Mistyped => wrong(
            format!("{option} cannot be used"),
            error.to_string(),
            "give a pkcs11:, tpm: or piv: URI, or the path of a file",
        ),
    })
}

/// What is not UTF-8 is a path, unless it begins as a URI does: those have no other bytes.
fn path(option: &str, text: &OsStr) -> Result<KeyRef, Usage> {
    let begins = |scheme: &&str| {
        text.as_bytes()
            .get(..scheme.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(scheme.as_bytes()))
    };
    if let Some(scheme) = ["pkcs11:", "tpm:", "handle:", "piv:"].into_iter().find(begins) {
        return Err(wrong(
            format!("{option} is not a usable {scheme} URI"),
            "it is not UTF-8 text".to_owned(),
            "percent-encode what is not ASCII (RFC 7512)",
        ));
    }
    Ok(KeyRef::File(text.into()))
}

/// The value of an option that may be given under several names: all must say the same.
pub(super) fn one_of(options: &str, values: Vec<OsString>) -> Result<Option<OsString>, Usage> {
    let mut values = values.into_iter();
    let first = values.next();
    match values.find(|value| Some(value) != first.as_ref()) {
        None => Ok(first),
        Some(_) => Err(Usage {
            what: format!("{options} are the same option, and were given different values"),
            cause: None,
            hint: Some("give it once".to_owned()),
        }),
    }
}

/// An ARN of that kind.
pub(super) fn arn(option: &str, text: &str, resource: Resource) -> Result<Arn, Usage> {
    let form = match resource {
        Resource::Profile => "arn:aws:rolesanywhere:REGION:ACCOUNT:profile/ID",
        Resource::Role => "arn:aws:iam::ACCOUNT:role/NAME",
        Resource::TrustAnchor => "arn:aws:rolesanywhere:REGION:ACCOUNT:trust-anchor/ID",
    };
    Arn::parse(text, resource).map_err(|error| {
        wrong(
            format!("{option} cannot be used: '{text}'"),
            error.to_string(),
            &format!("the form is {form}"),
        )
    })
}

/// `15s`, `500ms`, `2m`, or a number of seconds; above zero and up to an hour.
pub(super) fn duration(option: &str, text: &str) -> Result<Duration, Usage> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let milliseconds = match unit {
        "" | "s" => Some(1000),
        "ms" => Some(1),
        "m" => Some(60_000),
        _ => None,
    };
    let number: Option<u64> = number.parse().ok();
    let time = number.zip(milliseconds).and_then(|(number, unit)| number.checked_mul(unit));
    time.filter(|time| (1..=3_600_000).contains(time)).map(Duration::from_millis).ok_or_else(|| {
        wrong(
            format!("{option} cannot be used: '{text}'"),
            "it is not a time above zero and up to one hour".to_owned(),
            "write 15s, 500ms, 2m, or a number of seconds",
        )
    })
}

/// Decimal digits only: the AWS helper also takes hexadecimal and octal, and surprises.
pub(super) fn session_duration(text: &str) -> Result<u32, Usage> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let seconds: Option<u32> = plain.then(|| text.parse().ok()).flatten();
    seconds.filter(|seconds| (900..=43200).contains(seconds)).ok_or_else(|| {
        wrong(
            format!("--session-duration cannot be used: '{text}'"),
            "it is not a number of seconds from 900 to 43200".to_owned(),
            "write 3600 for an hour; the role's own maximum counts too",
        )
    })
}

/// 2 to 64 characters of `[\w+=,.@-]` (STS API, `RoleSessionName`).
pub(super) fn session_name(text: &str) -> Result<String, Usage> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte);
    if (2..=64).contains(&text.len()) && text.bytes().all(allowed) {
        return Ok(text.to_owned());
    }
    Err(wrong(
        format!("--role-session-name cannot be used: '{text}'"),
        "it is not 2 to 64 letters, digits or characters of _+=,.@-".to_owned(),
        "the profile must accept session names as well (acceptRoleSessionName)",
    ))
}

/// Longest text for C_Initialize, in bytes.
const LONGEST_INIT_ARGS: usize = 4096;

/// What a module is given in C_Initialize: a C string, and so without NUL, which no argument of a
/// program can hold either.
pub(super) fn init_args(option: &str, text: &str) -> Result<String, Usage> {
    if text.len() <= LONGEST_INIT_ARGS && !text.contains('\0') {
        return Ok(text.to_owned());
    }
    Err(wrong(
        format!("{option} cannot be used"),
        "it is longer than 4096 bytes, or holds a NUL".to_owned(),
        "write it as the module's manual says; for NSS it is configdir='sql:/DIR' flags=readOnly",
    ))
}

/// `true` or `false`, as the SDKs read their variables.
pub(super) fn switch(variable: &str, value: Option<String>) -> Result<bool, Usage> {
    match value.as_deref() {
        None | Some("") => Ok(false),
        Some(value) if value.eq_ignore_ascii_case("true") => Ok(true),
        Some(value) if value.eq_ignore_ascii_case("false") => Ok(false),
        Some(value) => Err(wrong(
            format!("{variable} cannot be used: '{value}'"),
            "it is neither true nor false".to_owned(),
            "unset it, or set it to true or false",
        )),
    }
}

/// `KEYANCHOR_CACHE`: whether credentials are kept for the next run.
pub(super) fn cache(value: Option<OsString>) -> Result<bool, Usage> {
    let value = value.unwrap_or_default();
    match value.as_bytes() {
        b"" | b"on" => Ok(true),
        b"off" => Ok(false),
        _ => Err(wrong(
            format!("KEYANCHOR_CACHE cannot be used: '{}'", value.display()),
            "it is neither on nor off".to_owned(),
            "unset it, or set it to on or off",
        )),
    }
}

pub(super) fn wrong(what: String, cause: String, hint: &str) -> Usage {
    Usage { what, cause: Some(cause), hint: Some(hint.to_owned()) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_have_units_or_are_seconds() {
        for (text, milliseconds) in [("15s", 15_000), ("500ms", 500), ("2m", 120_000), ("7", 7000)]
        {
            assert_eq!(duration("--timeout", text).ok(), Some(Duration::from_millis(milliseconds)));
        }
        for text in ["", "s", "0", "-1", "1h", "1.5s", "61m", "99999999999999999999s"] {
            assert!(duration("--timeout", text).is_err(), "{text}");
        }
    }

    #[test]
    fn session_durations_are_plain_seconds_in_range() {
        assert_eq!(session_duration("900").ok(), Some(900));
        for text in ["899", "43201", "0x384", "+900", "15m", ""] {
            assert!(session_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn arguments_of_a_module_are_a_c_string_of_some_length() {
        let nss = "configdir='sql:/home/me/.pki/nssdb' flags=readOnly";
        assert_eq!(init_args("--pkcs11-init-args", nss).ok().as_deref(), Some(nss));
        let refused = |text: &str| init_args("--pkcs11-init-args", text).err();
        assert!(refused("a\0b").is_some());
        assert!(refused(&"a".repeat(LONGEST_INIT_ARGS)).is_none());
        assert!(refused(&"a".repeat(LONGEST_INIT_ARGS + 1)).is_some());
    }

    #[test]
    fn the_same_value_under_two_names_is_one() {
        let same = one_of("--key", vec!["a".into(), "a".into()]);
        assert_eq!(same.ok().flatten(), Some("a".into()));
        assert!(one_of("--key", vec!["a".into(), "b".into()]).is_err());
    }

    proptest! {
        #[test]
        fn a_time_is_what_its_unit_says(
            number in prop_oneof![0..4000_u64, any::<u64>()],
            (unit, milliseconds) in
                prop_oneof![Just(("", 1000)), Just(("s", 1000)), Just(("ms", 1)), Just(("m", 60_000))],
        ) {
            let time = u128::from(number) * milliseconds;
            let expected = (1..=3_600_000).contains(&time).then_some(time);
            let read = duration("--timeout", &format!("{number}{unit}"));
            prop_assert_eq!(read.ok().map(|time| time.as_millis()), expected);
        }

        #[test]
        fn any_text_is_a_value_or_an_error_that_names_the_option(text in ".{0,20}") {
            for error in [
                duration("--timeout", &text).err(),
                session_duration(&text).err(),
                session_name(&text).err(),
            ] {
                prop_assert!(error.is_none_or(|error| error.what.starts_with("--")));
            }
        }
    }
}
