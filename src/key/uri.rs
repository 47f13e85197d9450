//! PKCS#11 URIs (RFC 7512): a filter over tokens and objects, where a module is, and where a PIN
//! comes from. Parsed strictly: a filter that is half understood would find the wrong key.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::secret::Secret;

pub(in crate::key) mod attribute;

use attribute::{Part, decode, text};

/// Longest URI that is read, in bytes.
pub(in crate::key) const LONGEST: usize = 4096;

/// A parsed URI. An absent attribute matches anything; an empty one matches only an empty field.
#[derive(Default)]
pub struct Pkcs11Uri {
    /// What a slot, its token and the library must look like.
    pub token: TokenFilter,
    /// What the object must look like.
    pub object: ObjectFilter,
    /// `module-path`: an absolute path.
    pub module_path: Option<PathBuf>,
    /// `module-name`: a library's name without folder, `lib` or extension.
    pub module_name: Option<String>,
    /// `pin-source` or `pin-value`.
    pub pin: Option<PinAttribute>,
}

impl Pkcs11Uri {
    /// Whether it says which module to ask.
    #[must_use]
    pub fn names_a_module(&self) -> bool {
        self.module_path.is_some() || self.module_name.is_some()
    }
}

/// The attributes that choose a token. Texts are compared after trailing blanks are stripped.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenFilter {
    /// CK_TOKEN_INFO.label
    pub token: Option<String>,
    /// CK_TOKEN_INFO.manufacturerID
    pub manufacturer: Option<String>,
    /// CK_TOKEN_INFO.serialNumber
    pub serial: Option<String>,
    /// CK_TOKEN_INFO.model
    pub model: Option<String>,
    /// CK_SLOT_INFO.slotDescription
    pub slot_description: Option<String>,
    /// CK_SLOT_INFO.manufacturerID
    pub slot_manufacturer: Option<String>,
    /// CK_SLOT_ID, decimal
    pub slot_id: Option<u64>,
    /// CK_INFO.manufacturerID
    pub library_manufacturer: Option<String>,
    /// CK_INFO.libraryDescription
    pub library_description: Option<String>,
    /// CK_INFO.libraryVersion: major, minor
    pub library_version: Option<(u8, u8)>,
}

impl TokenFilter {
    /// Whether one token could fit both: no attribute that both have differs.
    #[must_use]
    pub fn agrees_with(&self, other: &Self) -> bool {
        fn agree<T: PartialEq>(one: &Option<T>, other: &Option<T>) -> bool {
            one.is_none() || other.is_none() || one == other
        }
        agree(&self.token, &other.token)
            && agree(&self.serial, &other.serial)
            && agree(&self.slot_id, &other.slot_id)
            && agree(&self.model, &other.model)
            && agree(&self.manufacturer, &other.manufacturer)
    }
}

/// The attributes that choose an object on a token.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectFilter {
    /// CKA_LABEL
    pub label: Option<String>,
    /// CKA_ID, any bytes
    pub id: Option<Vec<u8>>,
    /// CKA_CLASS: checked, and otherwise of no effect, since the option that holds the URI says
    /// what is looked for.
    pub class: Option<ObjectClass>,
}

/// The values of `type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ObjectClass {
    /// CKO_CERTIFICATE
    Cert,
    /// CKO_DATA
    Data,
    /// CKO_PRIVATE_KEY
    Private,
    /// CKO_PUBLIC_KEY
    Public,
    /// CKO_SECRET_KEY
    SecretKey,
}

/// Where the URI says that the PIN is.
pub enum PinAttribute {
    /// `pin-source`: an absolute path, or the path of a `file:` URI.
    Source(PathBuf),
    /// `pin-value`: the PIN itself, which anybody who sees the command line has seen too.
    Value(Secret),
}

/// What is wrong with a URI. The value of an attribute is never in it: it may be a PIN.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum UriError {
    /// A character that RFC 7512 wants percent-encoded.
    #[error("attribute '{name}' holds {character:?}, which must be percent-encoded")]
    Character {
        /// The attribute.
        name: String,
        /// The character.
        character: char,
    },
    /// An attribute that stands twice.
    #[error("attribute '{0}' stands twice")]
    Duplicate(String),
    /// Nothing between two `;` or `&`, or after the last.
    #[error("there is an empty attribute (a ';' or '&' too many)")]
    EmptyAttribute,
    /// A `%` without two hexadecimal digits, or bytes that are not UTF-8 where text belongs.
    #[error("attribute '{0}' is not well encoded")]
    Encoding(String),
    /// An attribute that RFC 7512 does not have, and whose value is not well encoded. Its name is not
    /// shown: it may be the rest of a PIN with a bare `&`.
    #[error("an attribute after the '?' that is not of RFC 7512 is not well encoded")]
    ForeignEncoding,
    /// A name with a character that names do not have; it may be a value that went astray.
    #[error("an attribute has no well-formed name")]
    Name,
    /// No `=`.
    #[error("an attribute has no '=' (a ';' or '&' in a value must be percent-encoded)")]
    NoEquals,
    /// A PIN among the attributes that choose an object.
    #[error("'{0}' stands before the '?'")]
    PinInPath(String),
    /// A PIN inside the value of another attribute, which messages show.
    #[error(
        "a PIN stands inside another attribute: ';' parts those before the '?', '&' those after"
    )]
    PinInside,
    /// Both ways to give a PIN at once.
    #[error("it has both pin-source and pin-value")]
    PinTwice,
    /// It does not begin with `pkcs11:`.
    #[error("it does not begin with 'pkcs11:'")]
    Scheme,
    /// Longer than any sensible one.
    #[error("it is longer than {LONGEST} bytes")]
    TooLong,
    /// An attribute that RFC 7512 does not have: it could match nothing.
    #[error("there is no attribute '{0}'")]
    Unknown(String),
    /// A value that the attribute cannot have.
    #[error("attribute '{name}' must be {expected}")]
    Value {
        /// The attribute.
        name: String,
        /// What it must be.
        expected: &'static str,
    },
}

impl FromStr for Pkcs11Uri {
    type Err = UriError;

    fn from_str(uri: &str) -> Result<Self, UriError> {
        if uri.len() > LONGEST {
            return Err(UriError::TooLong);
        }
        let (scheme, rest) = uri.split_once(':').ok_or(UriError::Scheme)?;
        if !scheme.eq_ignore_ascii_case("pkcs11") {
            return Err(UriError::Scheme);
        }
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut parsed = Self::default();
        for (name, value) in attribute::split(path, ';')? {
            parsed.set_path_attribute(name, value)?;
        }
        for (name, value) in attribute::split(query, '&')? {
            parsed.set_query_attribute(name, value)?;
        }
        Ok(parsed)
    }
}

impl Pkcs11Uri {
    fn set_path_attribute(&mut self, name: &str, value: &str) -> Result<(), UriError> {
        let token = &mut self.token;
        let place = match name {
            "token" => &mut token.token,
            "manufacturer" => &mut token.manufacturer,
            "serial" => &mut token.serial,
            "model" => &mut token.model,
            "slot-description" => &mut token.slot_description,
            "slot-manufacturer" => &mut token.slot_manufacturer,
            "library-manufacturer" => &mut token.library_manufacturer,
            "library-description" => &mut token.library_description,
            "object" => &mut self.object.label,
            "slot-id" => return set(&mut token.slot_id, name, attribute::slot_id(value)?),
            "library-version" => {
                return set(&mut token.library_version, name, attribute::version(value)?);
            }
            "id" => {
                return set(&mut self.object.id, name, decode(Part::Path, name, value)?.to_vec());
            }
            "type" => return set(&mut self.object.class, name, attribute::class(value)?),
            "pin-value" | "pin-source" => return Err(UriError::PinInPath(name.into())),
            _ => return Err(attribute::unknown(name)),
        };
        set(place, name, text(Part::Path, name, value)?)
    }

    /// Unknown query attributes are for somebody else, and ignored once they are well-formed.
    fn set_query_attribute(&mut self, name: &str, value: &str) -> Result<(), UriError> {
        match name {
            "module-path" => {
                let path = PathBuf::from(text(Part::Query, name, value)?);
                let path = Some(path).filter(|path| path.is_absolute());
                let expected = "an absolute path";
                let path = path.ok_or(UriError::Value { name: name.into(), expected })?;
                set(&mut self.module_path, name, path)
            }
            "module-name" => set(&mut self.module_name, name, attribute::module_name(value)?),
            "pin-source" | "pin-value" => set_pin(&mut self.pin, name, value),
            _ => decode(Part::Query, name, value).map(drop).map_err(|_| UriError::ForeignEncoding),
        }
    }
}

/// `pin-source` or `pin-value`: one PIN, from one place.
pub(in crate::key) fn set_pin(
    place: &mut Option<PinAttribute>,
    name: &str,
    value: &str,
) -> Result<(), UriError> {
    let pin = match name {
        "pin-value" => PinAttribute::Value(Secret::new(text(Part::Query, name, value)?)),
        _ => PinAttribute::Source(attribute::pin_source(name, value)?),
    };
    match (&place, &pin) {
        (None, _) => {
            *place = Some(pin);
            Ok(())
        }
        (Some(PinAttribute::Source(_)), PinAttribute::Source(_))
        | (Some(PinAttribute::Value(_)), PinAttribute::Value(_)) => {
            Err(UriError::Duplicate(name.into()))
        }
        _ => Err(UriError::PinTwice),
    }
}

pub(in crate::key) fn set<T>(place: &mut Option<T>, name: &str, value: T) -> Result<(), UriError> {
    if place.replace(value).is_some() {
        return Err(UriError::Duplicate(name.into()));
    }
    Ok(())
}

/// The URI again, in a fixed order and without anything about the PIN: safe to show and to paste.
impl fmt::Display for Pkcs11Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&pasteable(&self.token, &self.object))
    }
}

/// The URI of what these filters choose.
#[must_use]
pub fn pasteable(token: &TokenFilter, object: &ObjectFilter) -> String {
    let texts = [
        ("library-manufacturer", &token.library_manufacturer),
        ("library-description", &token.library_description),
        ("slot-manufacturer", &token.slot_manufacturer),
        ("slot-description", &token.slot_description),
        ("manufacturer", &token.manufacturer),
        ("model", &token.model),
        ("serial", &token.serial),
        ("token", &token.token),
        ("object", &object.label),
    ];
    let texts = texts.into_iter().filter_map(|(name, value)| {
        value.as_ref().map(|value| format!("{name}={}", attribute::encode(value.as_bytes())))
    });
    let version =
        token.library_version.map(|(major, minor)| format!("library-version={major}.{minor}"));
    let slot = token.slot_id.map(|slot| format!("slot-id={slot}"));
    let id = object.id.as_ref().map(|id| format!("id={}", attribute::encode_all(id)));
    let class = object.class.map(|class| format!("type={}", class.name()));
    let parts: Vec<_> = texts.chain(version).chain(slot).chain(id).chain(class).collect();
    format!("pkcs11:{}", parts.join(";"))
}

/// The same with `module-path`; `None` where the path cannot stand in a URI, or the whole is longer
/// than any that is read.
#[must_use]
pub fn pasteable_in(
    module: Option<&Path>,
    token: &TokenFilter,
    object: &ObjectFilter,
) -> Option<String> {
    let mut uri = pasteable(token, object);
    if let Some(module) = module {
        let folders = module.to_str()?.split('/').map(|part| attribute::encode(part.as_bytes()));
        uri += &format!("?module-path={}", folders.collect::<Vec<_>>().join("/"));
    }
    Some(uri).filter(|uri| uri.len() <= LONGEST)
}

impl ObjectClass {
    /// The value as RFC 7512 spells it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Cert => "cert",
            Self::Data => "data",
            Self::Private => "private",
            Self::Public => "public",
            Self::SecretKey => "secret-key",
        }
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
