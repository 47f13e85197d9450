//! The service's rules for an end-entity certificate (IAM Roles Anywhere User Guide, "Trust
//! model"). What breaks one is refused by the service with a sentence that says little, after a
//! PIN and a touch: here it is refused before either.

use std::fmt;
use std::time::SystemTime;

use const_oid::ObjectIdentifier;
use const_oid::db::rfc5912::{
    DSA_WITH_SHA_1, MD_2_WITH_RSA_ENCRYPTION, MD_5_WITH_RSA_ENCRYPTION, SHA_1_WITH_RSA_ENCRYPTION,
};
use jiff::Timestamp;

use crate::certificate::Certificate;
use crate::identity::Error;

/// ecdsa-with-SHA1 (RFC 3279 §2.2.3)
const ECDSA_WITH_SHA_1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.1");

/// A rule that a certificate breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// basicConstraints says CA:TRUE.
    Ca,
    /// The subject has no attribute.
    EmptySubject,
    /// Its validity is over.
    Expired {
        /// notAfter
        not_after: Timestamp,
        /// The local time.
        now: Timestamp,
    },
    /// The serial number is negative or zero.
    Serial,
    /// keyUsage does not allow digital signatures.
    NoDigitalSignature,
    /// Its validity has not begun.
    NotYetValid {
        /// notBefore
        not_before: Timestamp,
        /// The local time.
        now: Timestamp,
    },
    /// Not X.509 version 3.
    Version,
    /// Signed with MD5 or SHA-1.
    WeakSignature,
}

/// Checks a leaf against all rules.
///
/// # Errors
/// The most telling of those that it breaks.
pub fn check(leaf: &Certificate, now: SystemTime) -> Result<(), Error> {
    match findings(leaf, now).into_iter().next() {
        None => Ok(()),
        Some(finding) => Err(Error::Rule { subject: format!("'{}'", leaf.subject()), finding }),
    }
}

/// All rules that a leaf breaks, the most telling first.
#[must_use]
pub fn findings(leaf: &Certificate, now: SystemTime) -> Vec<Finding> {
    let rules = [
        (!leaf.is_ca(), Finding::Ca),
        (
            now <= leaf.not_after(),
            Finding::Expired { not_after: timestamp(leaf.not_after()), now: timestamp(now) },
        ),
        (
            now >= leaf.not_before(),
            Finding::NotYetValid { not_before: timestamp(leaf.not_before()), now: timestamp(now) },
        ),
        (leaf.is_version_3(), Finding::Version),
        (leaf.may_sign(), Finding::NoDigitalSignature),
        (!leaf.has_empty_subject(), Finding::EmptySubject),
        (!is_weak(leaf.signature_algorithm()), Finding::WeakSignature),
        (is_positive(leaf.serial()), Finding::Serial),
    ];
    rules.into_iter().filter(|(kept, _)| !kept).map(|(_, finding)| finding).collect()
}

fn is_weak(algorithm: ObjectIdentifier) -> bool {
    [
        DSA_WITH_SHA_1,
        ECDSA_WITH_SHA_1,
        MD_2_WITH_RSA_ENCRYPTION,
        MD_5_WITH_RSA_ENCRYPTION,
        SHA_1_WITH_RSA_ENCRYPTION,
    ]
    .contains(&algorithm)
}

/// Two's complement: the first bit is the sign.
fn is_positive(serial: &[u8]) -> bool {
    serial.first().is_some_and(|first| first & 0x80 == 0) && serial.iter().any(|byte| *byte != 0)
}

fn timestamp(time: SystemTime) -> Timestamp {
    let time = Timestamp::try_from(time).unwrap_or(Timestamp::MAX);
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ca => f.write_str(
                "it is a CA certificate, and the service takes end-entity certificates only",
            ),
            Self::EmptySubject => f.write_str("its subject is empty"),
            Self::Expired { not_after, now } => {
                write!(f, "it expired at {not_after}, and it is {now} now")
            }
            Self::Serial => f.write_str("its serial number is not positive"),
            Self::NoDigitalSignature => f.write_str("its key usage lacks digitalSignature"),
            Self::NotYetValid { not_before, now } => {
                write!(f, "it becomes valid at {not_before}, and it is {now} now")
            }
            Self::Version => f.write_str("it is not of X.509 version 3"),
            Self::WeakSignature => f.write_str("it is signed with SHA-1 or MD5"),
        }
    }
}
