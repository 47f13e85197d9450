//! References to a key of a TPM: `tpm:handle=0x81000101` or `tpm:file=/PATH`, and `handle:0x81000101`
//! as the AWS helper writes it. They are written as `pkcs11:` URIs are, with the same rules about
//! PINs; since the scheme is ours, an attribute that is not known is refused on either side of the `?`.

use std::ffi::OsString;
use std::fmt;
use std::ops::RangeInclusive;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::str::FromStr;

use crate::key::uri::attribute::{self, Part};
use crate::key::uri::{LONGEST, PinAttribute, UriError, set, set_pin};

pub mod public;
pub mod tcti;

pub use public::TpmPublic;
pub use tcti::{Tcti, TctiError};

/// Handles of objects that outlive a restart (TPM 2.0 Part 2 §7.4).
pub const PERSISTENT: RangeInclusive<u32> = 0x8100_0000..=0x81ff_ffff;

/// Handles of NV indices.
const NV: RangeInclusive<u32> = 0x0100_0000..=0x01ff_ffff;

/// Which key of which TPM, where its certificate is, and where its passwords come from.
pub struct TpmRef {
    /// `handle` or `file`
    pub key: TpmKey,
    /// `cert-nv`: the NV index with the certificate.
    pub certificate: Option<u32>,
    /// `tcti`: which TPM.
    pub tcti: Option<Tcti>,
    /// `pin-source` or `pin-value`: the key's password.
    pub pin: Option<PinAttribute>,
    /// `parent-pin-source`: the password of what the key hangs from, a parent or a hierarchy.
    pub parent_pin: Option<PathBuf>,
}

/// Where the key is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TpmKey {
    /// `file`: a TSS2 PRIVATE KEY, in PEM or DER.
    File(PathBuf),
    /// `handle`: a persistent object of the TPM.
    Handle(u32),
}

/// What is wrong with a reference. As in [`UriError`], the value of an attribute is never in it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum TpmRefError {
    /// What stands after `handle:` is none.
    #[error("what stands after 'handle:' must be {HANDLE}")]
    Handle,
    /// Two ways to name a key.
    #[error("it has both handle and file")]
    KeyTwice,
    /// No way to name a key.
    #[error("it has neither handle nor file")]
    NoKey,
    /// It begins with neither scheme.
    #[error("it does not begin with 'tpm:' or 'handle:'")]
    Scheme,
    /// A TCTI that is none, or none of ours.
    #[error("attribute 'tcti': {0}")]
    Tcti(#[from] TctiError),
    /// An attribute after the `?` that is not known. Its name is not shown: it may be the rest of a
    /// PIN with a bare `&`.
    #[error(
        "an attribute after the '?' is none of tcti, pin-source, pin-value and parent-pin-source"
    )]
    UnknownInQuery,
    /// What any URI can have wrong.
    #[error(transparent)]
    Uri(#[from] UriError),
}

const HANDLE: &str = "a persistent handle, 0x81000000 to 0x81ffffff";

/// What has been read of a `tpm:` reference.
#[derive(Default)]
struct Attributes {
    handle: Option<u32>,
    file: Option<PathBuf>,
    certificate: Option<u32>,
    tcti: Option<Tcti>,
    pin: Option<PinAttribute>,
    parent_pin: Option<PathBuf>,
}

impl TpmRef {
    /// A key and nothing else: what a plain path to a key file stands for.
    #[must_use]
    pub fn of(key: TpmKey) -> Self {
        Self { key, certificate: None, tcti: None, pin: None, parent_pin: None }
    }
}

impl FromStr for TpmRef {
    type Err = TpmRefError;

    fn from_str(text: &str) -> Result<Self, TpmRefError> {
        if text.len() > LONGEST {
            return Err(UriError::TooLong.into());
        }
        let (scheme, rest) = text.split_once(':').ok_or(TpmRefError::Scheme)?;
        if scheme.eq_ignore_ascii_case("handle") {
            let handle = hexadecimal(rest).filter(|handle| PERSISTENT.contains(handle));
            return handle.map(|h| Self::of(TpmKey::Handle(h))).ok_or(TpmRefError::Handle);
        }
        if !scheme.eq_ignore_ascii_case("tpm") {
            return Err(TpmRefError::Scheme);
        }
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut attributes = Attributes::default();
        for (name, value) in attribute::split(path, ';')? {
            attributes.set_in_path(name, value)?;
        }
        for (name, value) in attribute::split(query, '&')? {
            attributes.set_in_query(name, value)?;
        }
        attributes.reference()
    }
}

impl Attributes {
    fn set_in_path(&mut self, name: &str, value: &str) -> Result<(), UriError> {
        match name {
            "handle" => set(&mut self.handle, name, number(name, value, &PERSISTENT, HANDLE)?),
            "file" => set(&mut self.file, name, file(name, value)?),
            "cert-nv" => {
                let expected = "an NV index, 0x01000000 to 0x01ffffff";
                set(&mut self.certificate, name, number(name, value, &NV, expected)?)
            }
            "pin-value" | "pin-source" | "parent-pin-source" => {
                Err(UriError::PinInPath(name.into()))
            }
            _ => Err(attribute::unknown(name)),
        }
    }

    fn set_in_query(&mut self, name: &str, value: &str) -> Result<(), TpmRefError> {
        match name {
            "tcti" => {
                let tcti = attribute::text(Part::Query, name, value)?.parse()?;
                set(&mut self.tcti, name, tcti)?;
            }
            "pin-source" | "pin-value" => set_pin(&mut self.pin, name, value)?,
            "parent-pin-source" => {
                set(&mut self.parent_pin, name, attribute::pin_source(name, value)?)?;
            }
            _ => return Err(TpmRefError::UnknownInQuery),
        }
        Ok(())
    }

    fn reference(self) -> Result<TpmRef, TpmRefError> {
        let key = match (self.handle, self.file) {
            (Some(handle), None) => TpmKey::Handle(handle),
            (None, Some(file)) => TpmKey::File(file),
            (Some(_), Some(_)) => return Err(TpmRefError::KeyTwice),
            (None, None) => return Err(TpmRefError::NoKey),
        };
        let Self { certificate, tcti, pin, parent_pin, .. } = self;
        Ok(TpmRef { key, certificate, tcti, pin, parent_pin })
    }
}

/// A path of any bytes but NUL.
fn file(name: &str, value: &str) -> Result<PathBuf, UriError> {
    let bytes = attribute::decode(Part::TpmPath, name, value)?;
    if bytes.is_empty() {
        return Err(UriError::Value { name: name.into(), expected: "the path of a file" });
    }
    if bytes.contains(&0) {
        return Err(UriError::Encoding(name.into()));
    }
    Ok(OsString::from_vec(bytes).into())
}

fn number(
    name: &str,
    value: &str,
    range: &RangeInclusive<u32>,
    expected: &'static str,
) -> Result<u32, UriError> {
    hexadecimal(value)
        .filter(|number| range.contains(number))
        .ok_or_else(|| UriError::Value { name: name.into(), expected })
}

/// With or without `0x`. Digits only: Rust's own parser would take a sign too.
fn hexadecimal(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
    let plain = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    plain.then(|| u32::from_str_radix(digits, 16).ok()).flatten()
}

/// The reference again, without anything about PINs: safe to show and to paste.
impl fmt::Display for TpmRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.key.fmt(f)?;
        if let Some(index) = self.certificate {
            write!(f, ";cert-nv={index:#010x}")?;
        }
        if let Some(tcti) = &self.tcti {
            write!(f, "?tcti={}", attribute::encode_but(b":,=/", tcti.to_string().as_bytes()))?;
        }
        Ok(())
    }
}

/// The reference to this key alone.
impl fmt::Display for TpmKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => {
                let path = attribute::encode_but(b"/", path.as_os_str().as_bytes());
                write!(f, "tpm:file={path}")
            }
            Self::Handle(handle) => write!(f, "tpm:handle={handle:#010x}"),
        }
    }
}

#[cfg(test)]
mod tests;
