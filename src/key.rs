//! The values of a key: what the user wrote to name it ([`KeyRef`]), its public half
//! ([`PublicKey`]), and how it signs ([`Scheme`]). None of them is a device: opening a reference
//! gives something else.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use crate::key::piv::{PivRef, PivRefError};
use crate::key::tpm::{TpmRef, TpmRefError};
use crate::key::uri::{Pkcs11Uri, UriError};

pub mod piv;
pub mod public_key;
pub mod tpm;
pub mod tss2;
pub mod uri;

pub use public_key::{Curve, PublicKey, Scheme};

/// Where a key or a certificate is: what stands after `--key` or `--certificate`.
pub enum KeyRef {
    /// A file: PEM for keys; PEM or DER for certificates.
    File(PathBuf),
    /// A `piv:` URI.
    Piv(Arc<PivRef>),
    /// A `pkcs11:` URI (RFC 7512).
    Pkcs11(Arc<Pkcs11Uri>),
    /// A `tpm:` URI, or `handle:` and a number.
    Tpm(Arc<TpmRef>),
}

/// Why a reference is not one.
#[derive(Debug, thiserror::Error)]
pub enum KeyRefError {
    /// Nothing was written.
    #[error("the reference is empty")]
    Empty,
    /// A PIN, and no scheme before it.
    #[error("it has a pin-value, and begins with none of 'pkcs11:', 'tpm:' and 'piv:'")]
    Mistyped,
    /// A `piv:` URI that is not well-formed.
    #[error(transparent)]
    Piv(#[from] PivRefError),
    /// A `tpm:` URI or a handle that is not well-formed.
    #[error(transparent)]
    Tpm(#[from] TpmRefError),
    /// A `pkcs11:` URI that is not well-formed.
    #[error(transparent)]
    Uri(#[from] UriError),
}

impl FromStr for KeyRef {
    type Err = KeyRefError;

    /// Schemes are case-insensitive (RFC 3986 §3.1); what has none is a file name, which messages
    /// show, so that it must not be a URI with a PIN that was mistyped at its start.
    fn from_str(text: &str) -> Result<Self, KeyRefError> {
        if text.is_empty() {
            return Err(KeyRefError::Empty);
        }
        if has_scheme(text, "pkcs11") {
            return Ok(Self::Pkcs11(Arc::new(text.parse()?)));
        }
        if has_scheme(text, "tpm") || has_scheme(text, "handle") {
            return Ok(Self::Tpm(Arc::new(text.parse()?)));
        }
        if has_scheme(text, "piv") {
            return Ok(Self::Piv(Arc::new(text.parse()?)));
        }
        if text.contains("pin-value=") {
            return Err(KeyRefError::Mistyped);
        }
        Ok(Self::File(text.into()))
    }
}

fn has_scheme(text: &str, scheme: &str) -> bool {
    let Some((start, rest)) = text.split_at_checked(scheme.len()) else { return false };
    start.eq_ignore_ascii_case(scheme) && rest.starts_with(':')
}

/// The reference as the user would write it, without a PIN.
impl fmt::Display for KeyRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Piv(reference) => reference.fmt(f),
            Self::Pkcs11(uri) => uri.fmt(f),
            Self::Tpm(reference) => reference.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_reference_is_told_by_its_scheme() {
        assert!(matches!("PKCS11:token=x".parse(), Ok(KeyRef::Pkcs11(_))));
        assert!(matches!("/etc/key.pem".parse(), Ok(KeyRef::File(_))));
        assert!(matches!("tpmkey.pem".parse(), Ok(KeyRef::File(_))));
        for text in ["TPM:handle=0x81000001", "handle:81000001", "tpm:file=key.pem"] {
            assert!(matches!(text.parse(), Ok(KeyRef::Tpm(_))), "{text}");
        }
        assert!(matches!("tpm:0x81000001".parse::<KeyRef>(), Err(KeyRefError::Tpm(_))));
        assert!(matches!("piv:slot=9a".parse(), Ok(KeyRef::Piv(_))));
        assert!(matches!("piv:9a".parse::<KeyRef>(), Err(KeyRefError::Piv(_))));
        assert!(matches!("".parse::<KeyRef>(), Err(KeyRefError::Empty)));
    }

    #[test]
    fn a_pin_in_a_mistyped_uri_is_not_a_file_name() {
        for text in
            [" pkcs11:?pin-value=s3cret", "pkcs11?pin-value=s3cret", "tmp:?pin-value=s3cret"]
        {
            let error = text.parse::<KeyRef>().err().expect(text).to_string();
            assert!(!error.contains("s3cret"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_is_the_same_reference(text in "(pkcs11:|file:|piv:slot=|tpm:file=|tpm:handle=0x81|handle:81)?[ -~é]{0,60}") {
            if let Ok(reference) = text.parse::<KeyRef>() {
                let printed = reference.to_string();
                let again = printed.parse::<KeyRef>().map(|again| again.to_string());
                prop_assert_eq!(again.ok(), Some(printed));
            }
        }
    }
}
