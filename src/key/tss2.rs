//! A `TSS2 PRIVATE KEY`: the file in which a TPM's key is kept outside of it, wrapped so that only that
//! TPM can use it (the ASN.1 is that of OpenSSL's TPM engines and providers). All that it says is
//! public; what we could not do with it is refused by name before a TPM is touched.

use const_oid::ObjectIdentifier;
use der::asn1::{AnyRef, OctetStringRef, Utf8StringRef};
use der::{Decode, Reader, SliceReader, Tag, Tagged};

use crate::key::tpm::public::TpmPublicError;
use crate::key::tpm::{PERSISTENT, TpmPublic};

mod pem;

/// Longest wrapped key or public area that is read, in bytes.
const LONGEST_PART: usize = 4096;

const LOADABLE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.23.133.10.1.3");
const IMPORTABLE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.23.133.10.1.4");
const SEALED: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.23.133.10.1.5");

/// A key that its TPM can load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tss2Key {
    /// What it hangs from.
    pub parent: Parent,
    /// The parent is the RSA key of its hierarchy, and not the EC one.
    pub rsa_parent: bool,
    /// Whether it has no password. A hint: tpm2_encodeobject 5.4 writes the opposite.
    pub empty_auth: Option<bool>,
    /// What its maker says about it.
    pub description: Option<String>,
    /// The content of the TPM2B_PUBLIC, a TPMT_PUBLIC.
    pub public: Vec<u8>,
    /// The content of the TPM2B_PRIVATE: the wrapped key.
    pub private: Vec<u8>,
    half: TpmPublic,
}

/// What a key hangs from: a persistent object, or the primary key of a hierarchy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parent {
    /// TPM_RH_ENDORSEMENT
    Endorsement,
    /// TPM_RH_NULL
    Null,
    /// TPM_RH_OWNER
    Owner,
    /// A handle, 0x81000000 to 0x81ffffff.
    Persistent(u32),
    /// TPM_RH_PLATFORM
    Platform,
}

/// Why a file holds no key that we can use.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Tss2Error {
    /// It has to be imported first.
    #[error("it is a key to be imported, and is not wrapped for this TPM")]
    Importable,
    /// Not as the ASN.1 says.
    #[error("its TSS2 PRIVATE KEY is not well-formed")]
    Malformed,
    /// No such PEM block, and no DER.
    #[error("it holds no TSS2 PRIVATE KEY")]
    None,
    /// A parent that can be none.
    #[error("its parent {0} is neither a persistent handle nor a hierarchy")]
    Parent(String),
    /// The PEM block has no end, or is not Base64.
    #[error("its PEM block is broken")]
    Pem,
    /// A policy guards it.
    #[error("it is guarded by a policy")]
    Policy,
    /// The public half is not one of ours.
    #[error("{0}")]
    Public(#[from] TpmPublicError),
    /// No key.
    #[error("it holds sealed data and no key")]
    Sealed,
    /// A kind of file that we do not know.
    #[error("it is of the unknown kind {0}")]
    Unknown(ObjectIdentifier),
}

/// Whether a file is a TPM's key: the PEM block makes it one, whatever else is in the file; or it is
/// the same in DER.
#[must_use]
pub fn is_tss2(file: &[u8]) -> bool {
    pem::begins(file) || type_of(file).is_some()
}

impl Tss2Key {
    /// The key in a file: the first such block of PEM text, or all of it in DER.
    ///
    /// # Errors
    /// When there is none, or one that cannot be used.
    pub fn from_file(file: &[u8]) -> Result<Self, Tss2Error> {
        if file.first() == Some(&0x30) {
            return Self::from_der(file);
        }
        Self::from_der(&pem::first(file)?)
    }

    /// The key in DER, with nothing after it.
    ///
    /// # Errors
    /// When it is not well-formed, cannot be used, or is no RSA or EC key that the service takes.
    pub fn from_der(der: &[u8]) -> Result<Self, Tss2Error> {
        let fields = fields(der)?;
        let (kind, fields) = fields.split_first().ok_or(Tss2Error::Malformed)?;
        match kind.decode_as().map_err(malformed)? {
            LOADABLE => {}
            IMPORTABLE => return Err(Tss2Error::Importable),
            SEALED => return Err(Tss2Error::Sealed),
            other => return Err(Tss2Error::Unknown(other)),
        }
        let tagged = fields.iter().take_while(|field| field.tag().is_context_specific()).count();
        let (tagged, [parent, public, private]) = fields.split_at(tagged) else {
            return Err(Tss2Error::Malformed);
        };
        let Options { empty_auth, description, rsa_parent } = Options::of(tagged)?;
        let (parent, public, private) = (Parent::of(*parent)?, sized(*public)?, sized(*private)?);
        let half = TpmPublic::parse(&public)?;
        Ok(Self { parent, rsa_parent, empty_auth, description, public, private, half })
    }

    /// Its public half, and what the TPM lets be done with it.
    #[must_use]
    pub fn half(&self) -> &TpmPublic {
        &self.half
    }
}

/// What stands between the type and the parent, each with its tag.
#[derive(Default)]
struct Options {
    empty_auth: Option<bool>,
    description: Option<String>,
    rsa_parent: bool,
}

impl Options {
    fn of(tagged: &[AnyRef<'_>]) -> Result<Self, Tss2Error> {
        let mut options = Self::default();
        let mut next = 0;
        for field in tagged {
            let number = field.tag().number().value();
            if number < next || !field.tag().is_constructed() {
                return Err(Tss2Error::Malformed);
            }
            next = number + 1;
            let value = AnyRef::from_der(field.value()).map_err(malformed)?;
            match number {
                0 => options.empty_auth = Some(boolean(value)?),
                1 | 3 if is_empty_list(value) => {}
                1 | 3 => return Err(Tss2Error::Policy),
                2 => return Err(Tss2Error::Importable),
                4 => options.description = Some(description(value)?),
                5 => options.rsa_parent = boolean(value)?,
                // [6] is the parent's Name, which its handle says as well.
                6..=9 => {}
                _ => return Err(Tss2Error::Malformed),
            }
        }
        Ok(options)
    }
}

impl Parent {
    /// Its handle: TPM_RH for a hierarchy (TPM 2.0 Part 2 §7.4).
    #[must_use]
    pub fn handle(self) -> u32 {
        match self {
            Self::Owner => 0x4000_0001,
            Self::Null => 0x4000_0007,
            Self::Endorsement => 0x4000_000b,
            Self::Platform => 0x4000_000c,
            Self::Persistent(handle) => handle,
        }
    }

    /// Writers differ in how a handle with its highest bit set becomes an INTEGER: with a zero before
    /// it, or as a negative number.
    fn of(field: AnyRef<'_>) -> Result<Self, Tss2Error> {
        let bytes = field.value();
        if field.tag() != Tag::Integer || !(1..=8).contains(&bytes.len()) {
            return Err(Tss2Error::Malformed);
        }
        let (padding, handle) = bytes.split_at(bytes.len().saturating_sub(4));
        let sign = if handle.first().is_some_and(|byte| *byte >= 0x80) { 0xff } else { 0 };
        if ![0, sign].iter().any(|filler| padding.iter().all(|byte| byte == filler)) {
            return Err(Tss2Error::Malformed);
        }
        let handle = handle.iter().fold(0, |number, byte| number << 8 | u32::from(*byte));
        match handle {
            0x4000_0001 => Ok(Self::Owner),
            0x4000_0007 => Ok(Self::Null),
            0x4000_000b => Ok(Self::Endorsement),
            0x4000_000c => Ok(Self::Platform),
            handle if PERSISTENT.contains(&handle) => Ok(Self::Persistent(handle)),
            other => Err(Tss2Error::Parent(format!("{other:#010x}"))),
        }
    }
}

fn malformed(_: der::Error) -> Tss2Error {
    Tss2Error::Malformed
}

/// The elements of the outer SEQUENCE: a type, up to ten with a tag, and three more.
fn fields(der: &[u8]) -> Result<Vec<AnyRef<'_>>, Tss2Error> {
    let sequence = AnyRef::from_der(der).map_err(malformed)?;
    if sequence.tag() != Tag::Sequence {
        return Err(Tss2Error::Malformed);
    }
    let mut reader = SliceReader::new(sequence.value()).map_err(malformed)?;
    let mut fields = Vec::new();
    while !reader.is_finished() {
        if fields.len() == 14 {
            return Err(Tss2Error::Malformed);
        }
        fields.push(AnyRef::decode(&mut reader).map_err(malformed)?);
    }
    Ok(fields)
}

/// The type of a file in DER, where it is one of these.
fn type_of(der: &[u8]) -> Option<ObjectIdentifier> {
    let kind: ObjectIdentifier = fields(der).ok()?.first()?.decode_as().ok()?;
    Some(kind).filter(|kind| [LOADABLE, IMPORTABLE, SEALED].contains(kind))
}

/// DER has 0xff for what is true; older writers have 0x01.
fn boolean(value: AnyRef<'_>) -> Result<bool, Tss2Error> {
    match (value.tag(), value.value()) {
        (Tag::Boolean, [byte]) => Ok(*byte != 0),
        _ => Err(Tss2Error::Malformed),
    }
}

fn is_empty_list(value: AnyRef<'_>) -> bool {
    value.tag() == Tag::Sequence && value.value().is_empty()
}

fn description(value: AnyRef<'_>) -> Result<String, Tss2Error> {
    Ok(value.decode_as::<Utf8StringRef<'_>>().map_err(malformed)?.as_str().to_owned())
}

/// The content of a TPM2B, whose first two bytes say how long it is.
fn sized(field: AnyRef<'_>) -> Result<Vec<u8>, Tss2Error> {
    let bytes = field.decode_as::<&OctetStringRef>().map_err(malformed)?.as_bytes();
    let (length, content) = bytes.split_first_chunk().ok_or(Tss2Error::Malformed)?;
    let fits = usize::from(u16::from_be_bytes(*length)) == content.len();
    if fits && (1..=LONGEST_PART).contains(&content.len()) {
        Ok(content.into())
    } else {
        Err(Tss2Error::Malformed)
    }
}

#[cfg(test)]
mod tests;
