//! The names in a certificate, attribute by attribute: those of its subject and its issuer, and the
//! first ones of its subject alternative name.

use const_oid::ObjectIdentifier;
use const_oid::db::rfc4519::{C, CN, L, O, OU, ST};
use der::asn1::Any;
use der::{Tag, Tagged};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::name::Name;

use crate::certificate::Certificate;

/// The attributes that people put into names, by their short names (RFC 4514 §3).
const NAMES: [(ObjectIdentifier, &str); 6] =
    [(CN, "CN"), (O, "O"), (OU, "OU"), (C, "C"), (ST, "ST"), (L, "L")];

/// An attribute of a name: its short name and its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameAttribute {
    /// `CN`, `O`, `OU`, `C`, `ST` or `L`; others are left out.
    pub name: &'static str,
    /// The value as text.
    pub value: String,
}

/// The first name of each kind in a subject alternative name (RFC 5280 §4.2.1.6).
#[derive(Debug, Default, PartialEq, Eq)]
pub struct AlternativeNames {
    /// dNSName
    pub dns: Option<String>,
    /// uniformResourceIdentifier
    pub uri: Option<String>,
    /// directoryName, in its own order
    pub directory: Vec<NameAttribute>,
}

impl Certificate {
    /// The subject's attributes, in the certificate's order.
    #[must_use]
    pub fn subject_attributes(&self) -> Vec<NameAttribute> {
        attributes(self.tbs().subject())
    }

    /// The issuer's attributes, in the certificate's order.
    #[must_use]
    pub fn issuer_attributes(&self) -> Vec<NameAttribute> {
        attributes(self.tbs().issuer())
    }

    /// The first alternative names.
    #[must_use]
    pub fn alternative_names(&self) -> AlternativeNames {
        let mut first = AlternativeNames::default();
        let Ok(Some((_, names))) = self.tbs().get_extension::<SubjectAltName>() else {
            return first;
        };
        for name in names.0 {
            match name {
                GeneralName::DnsName(dns) => _ = first.dns.get_or_insert(dns.to_string()),
                GeneralName::UniformResourceIdentifier(uri) => {
                    _ = first.uri.get_or_insert(uri.to_string());
                }
                GeneralName::DirectoryName(directory) if first.directory.is_empty() => {
                    first.directory = attributes(&directory);
                }
                _ => {}
            }
        }
        first
    }
}

fn attributes(name: &Name) -> Vec<NameAttribute> {
    let named = name.iter().filter_map(|attribute| {
        let (_, name) = NAMES.into_iter().find(|(oid, _)| *oid == attribute.oid)?;
        Some(NameAttribute { name, value: text(&attribute.value)? })
    });
    named.collect()
}

/// The text of a DirectoryString (X.520 §2.5) or an IA5String.
fn text(value: &Any) -> Option<String> {
    let bytes = value.value();
    match value.tag() {
        Tag::Utf8String | Tag::PrintableString | Tag::Ia5String => {
            str::from_utf8(bytes).ok().map(ToOwned::to_owned)
        }
        // In practice T.61 is Latin-1.
        Tag::TeletexString => Some(bytes.iter().map(|byte| char::from(*byte)).collect()),
        Tag::BmpString => {
            let units = bytes.as_chunks().0.iter().map(|pair| u16::from_be_bytes(*pair));
            String::from_utf16(&units.collect::<Vec<_>>()).ok()
        }
        _ => None,
    }
}
