//! What AWS derives from a leaf certificate: the session's name, the source identity, and the session
//! tags, which policies see as `aws:PrincipalTag/…` (Roles Anywhere User Guide, "Trust model").

use crate::certificate::{Certificate, NameAttribute};

/// Longest common name that is written with `CN=` before it, in characters.
const LONGEST_PREFIXED: usize = 61;
/// Longest value of a session tag, in characters (STS API, `Tag`).
const LONGEST_TAG: usize = 256;

/// What a leaf turns into.
pub struct Derived {
    /// The role session's name: the one that was asked for, where the profile accepts that, else the
    /// serial number in hexadecimal.
    pub session_name: String,
    /// `sts:SourceIdentity`
    pub source_identity: String,
    /// The session tags, where the profile maps attributes as it does by default.
    pub tags: Vec<Tag>,
}

/// One session tag.
pub struct Tag {
    /// Such as `x509Subject/CN`.
    pub key: String,
    /// Its value.
    pub value: String,
    /// Whether a session tag can hold the value; otherwise the service leaves it out or refuses.
    pub fits: bool,
}

impl Derived {
    /// What becomes of a leaf.
    pub(super) fn from(leaf: &Certificate, session_name: Option<&str>) -> Self {
        let serial = hex(leaf.serial());
        let subject = leaf.subject_attributes();
        let common_name = subject.iter().find(|attribute| attribute.name == "CN");
        let source_identity = match common_name.map(|attribute| attribute.value.as_str()) {
            Some(name) if name.chars().count() <= LONGEST_PREFIXED => format!("CN={name}"),
            Some(name) => name.to_owned(),
            None => format!("ID={serial}"),
        };
        let session_name = session_name.map_or(serial, ToOwned::to_owned);
        Self { session_name, source_identity, tags: tags(leaf, &subject) }
    }
}

fn tags(leaf: &Certificate, subject: &[NameAttribute]) -> Vec<Tag> {
    let alternative = leaf.alternative_names();
    let single = |kind: &str, value: Option<String>| {
        value.map(|value| tag(format!("x509SAN/{kind}"), value))
    };
    let mut all = joined("x509Subject", subject);
    all.extend(joined("x509Issuer", &leaf.issuer_attributes()));
    all.extend(single("DNS", alternative.dns));
    all.extend(single("URI", alternative.uri));
    all.extend(joined("x509SAN/Name", &alternative.directory));
    all
}

/// Attributes that stand more than once are joined with `/`, in the certificate's order.
fn joined(field: &str, attributes: &[NameAttribute]) -> Vec<Tag> {
    let mut values: Vec<(&str, String)> = Vec::new();
    for attribute in attributes {
        match values.iter_mut().find(|(name, _)| *name == attribute.name) {
            Some((_, value)) => *value = format!("{value}/{}", attribute.value),
            None => values.push((attribute.name, attribute.value.clone())),
        }
    }
    values.into_iter().map(|(name, value)| tag(format!("{field}/{name}"), value)).collect()
}

/// Letters of all scripts, digits, blanks and `_.:/=+-@` (STS API, `Tag`).
fn tag(key: String, value: String) -> Tag {
    let allowed = |c: char| c.is_alphanumeric() || c == ' ' || "_.:/=+-@".contains(c);
    let fits = value.chars().count() <= LONGEST_TAG && value.chars().all(allowed);
    Tag { key, value, fits }
}

/// A positive number without the zero that DER may put in front; two digits a byte.
fn hex(serial: &[u8]) -> String {
    let number = serial.iter().skip_while(|byte| **byte == 0);
    number.map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_serial_has_two_digits_a_byte() {
        assert_eq!(hex(&[0x01, 0x23]), "0123");
        assert_eq!(hex(&[0x00, 0xf1]), "f1");
    }

    #[test]
    fn attributes_that_repeat_are_joined_in_their_order() {
        let named = |name, value: &str| NameAttribute { name, value: value.into() };
        let attributes = [named("OU", "Security"), named("CN", "x"), named("OU", "Eng")];
        let tags: Vec<_> = joined("x509Subject", &attributes)
            .into_iter()
            .map(|tag| (tag.key, tag.value))
            .collect();
        let expected = [("x509Subject/OU", "Security/Eng"), ("x509Subject/CN", "x")];
        assert_eq!(tags, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
    }

    #[test]
    fn a_value_that_a_tag_cannot_hold_is_known() {
        assert!(tag("x".into(), "Zürich 1_.:/=+-@".into()).fits);
        assert!(!tag("x".into(), "a,b".into()).fits);
        assert!(!tag("x".into(), "a".repeat(257)).fits);
    }
}
