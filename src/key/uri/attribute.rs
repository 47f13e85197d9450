//! One attribute of a PKCS#11 URI: which characters it may hold, and what its value means
//! (RFC 7512 §2.3 and §2.4). Those of `tpm:` and `piv:` are split and encoded in
//! the same way.

use std::path::PathBuf;

use crate::key::uri::{ObjectClass, UriError};

/// Which side of the `?` an attribute stands on: they allow different characters. A path of `tpm:`
/// allows the `/` too, since it may hold a file's.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::key) enum Part {
    Path,
    Query,
    TpmPath,
}

/// Splits a path or a query into names and raw values.
pub(in crate::key) fn split(text: &str, separator: char) -> Result<Vec<(&str, &str)>, UriError> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    text.split(separator).map(pair).collect()
}

fn pair(attribute: &str) -> Result<(&str, &str), UriError> {
    if attribute.is_empty() {
        return Err(UriError::EmptyAttribute);
    }
    // Without an `=` it may be the rest of a value, such as a PIN with a bare `&`: it is not shown.
    let (name, value) = attribute.split_once('=').ok_or(UriError::NoEquals)?;
    let well_named = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if name.is_empty() || !name.bytes().all(well_named) {
        return Err(UriError::Name);
    }
    if value.contains("pin-value=") {
        return Err(UriError::PinInside);
    }
    Ok((name, value))
}

/// A name that is not known is shown only if it could be one: it may be part of a PIN.
pub(in crate::key) fn unknown(name: &str) -> UriError {
    let like_a_name = |byte: u8| byte.is_ascii_alphabetic() || byte == b'-';
    if name.len() <= 32 && name.bytes().all(like_a_name) {
        UriError::Unknown(name.into())
    } else {
        UriError::Name
    }
}

/// The bytes of a value.
pub(in crate::key) fn decode(part: Part, name: &str, value: &str) -> Result<Vec<u8>, UriError> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.chars();
    while let Some(character) = rest.next() {
        if character == '%' {
            let digits = rest.as_str().split_at_checked(2);
            let (digits, after) = digits.ok_or_else(|| UriError::Encoding(name.into()))?;
            let byte = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
            let byte = byte.then(|| u8::from_str_radix(digits, 16).ok()).flatten();
            bytes.push(byte.ok_or_else(|| UriError::Encoding(name.into()))?);
            rest = after.chars();
        } else if allowed(part, character) {
            bytes.push(character as u8);
        } else if name == "pin-value" {
            return Err(UriError::Encoding(name.into()));
        } else {
            return Err(UriError::Character { name: name.into(), character });
        }
    }
    Ok(bytes)
}

fn allowed(part: Part, character: char) -> bool {
    let everywhere = character.is_ascii_alphanumeric() || "-._~:[]@!$'()*+,=".contains(character);
    everywhere
        || match part {
            Part::Path => character == '&',
            Part::Query => "/?|".contains(character),
            Part::TpmPath => "&/".contains(character),
        }
}

/// The value as text. A NUL is refused: token fields cannot hold one, and some modules take it for
/// the end of the text and so for a wider filter.
pub(in crate::key) fn text(part: Part, name: &str, value: &str) -> Result<String, UriError> {
    let bytes = decode(part, name, value)?;
    if bytes.contains(&0) {
        return Err(UriError::Encoding(name.into()));
    }
    // The bytes inside the error may be a PIN: they are wiped, not shown.
    String::from_utf8(bytes).map_err(|error| {
        drop(zeroize::Zeroizing::new(error.into_bytes()));
        UriError::Encoding(name.into())
    })
}

pub(in crate::key) fn slot_id(value: &str) -> Result<u64, UriError> {
    decimal(value).ok_or(UriError::Value { name: "slot-id".into(), expected: "a decimal number" })
}

/// `M` or `M.m`, both decimal and below 256; `M` is `M.0`.
pub(in crate::key) fn version(value: &str) -> Result<(u8, u8), UriError> {
    let (major, minor) = value.split_once('.').unwrap_or((value, "0"));
    decimal(major).zip(decimal(minor)).ok_or(UriError::Value {
        name: "library-version".into(),
        expected: "a version such as 2 or 2.40",
    })
}

/// Digits only: Rust's own parser would take a sign too.
pub(in crate::key) fn decimal<N: std::str::FromStr>(digits: &str) -> Option<N> {
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
}

pub(in crate::key) fn class(value: &str) -> Result<ObjectClass, UriError> {
    use ObjectClass::{Cert, Data, Private, Public, SecretKey};
    let found = [Cert, Data, Private, Public, SecretKey].into_iter().find(|c| c.name() == value);
    let expected = "cert, data, private, public or secret-key";
    found.ok_or(UriError::Value { name: "type".into(), expected })
}

pub(in crate::key) fn module_name(value: &str) -> Result<String, UriError> {
    let name = text(Part::Query, "module-name", value)?;
    if name.is_empty() || name.contains('/') || name.starts_with('.') {
        let expected = "a library's name without a folder";
        return Err(UriError::Value { name: "module-name".into(), expected });
    }
    Ok(name)
}

/// An absolute path, bare or as a `file:` URI. A program (`|…`) is never started from a URI.
pub(in crate::key) fn pin_source(name: &str, value: &str) -> Result<PathBuf, UriError> {
    let source = text(Part::Query, name, value)?;
    let path = source.strip_prefix("file:").unwrap_or(&source);
    let path =
        path.strip_prefix("//").map_or(path, |rest| rest.strip_prefix("localhost").unwrap_or(rest));
    if !path.starts_with('/') {
        let expected = "a file: URI or an absolute path";
        return Err(UriError::Value { name: name.into(), expected });
    }
    Ok(path.into())
}

/// Percent-encodes all but RFC 3986's unreserved characters.
pub(in crate::key) fn encode(bytes: &[u8]) -> String {
    encode_but(b"", bytes)
}

/// The same, with further characters that stay as they are.
pub(in crate::key) fn encode_but(kept: &[u8], bytes: &[u8]) -> String {
    let unreserved = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
    bytes
        .iter()
        .map(|b| {
            if unreserved(b) || kept.contains(b) {
                char::from(*b).into()
            } else {
                format!("%{b:02X}")
            }
        })
        .collect()
}

/// Percent-encodes every byte: how RFC 7512 wants a CKA_ID.
pub(in crate::key) fn encode_all(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("%{byte:02X}")).collect()
}
