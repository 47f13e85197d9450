//! The objects of one token, read for a list: kinds of keys that no signature is made with here
//! have their names too.

use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};

use crate::certificate::Certificate;
use crate::device::pkcs11::Failure;
use crate::device::pkcs11::object::{View, matching};
use crate::device::pkcs11::return_value::readable;
use crate::key::public_key::{Curve, PublicKey, PublicKeyError};
use crate::key::uri::ObjectFilter;
use crate::wire::list::{Facts, Kind};

/// The most objects of a class that are read.
const MOST: usize = 256;

/// What a token shows.
pub(super) struct Objects {
    pub(super) public: Vec<Half>,
    pub(super) private: Vec<Half>,
    pub(super) certificates: Vec<Certified>,
    /// Those beyond the most that are read.
    pub(super) more_keys: usize,
    pub(super) more_certificates: usize,
}

/// A public or a private key object.
pub(super) struct Half {
    /// CKA_LABEL and CKA_ID, any bytes.
    pub(super) label: Option<Vec<u8>>,
    pub(super) id: Vec<u8>,
    pub(super) kind: Kind,
}

/// A certificate object.
pub(super) struct Certified {
    pub(super) label: Option<Vec<u8>>,
    pub(super) id: Vec<u8>,
    pub(super) facts: Option<Facts>,
}

impl Objects {
    pub(super) fn on(view: &View<'_>) -> Result<Self, Failure> {
        let (public, more_public) = all(view, ObjectClass::PUBLIC_KEY, half)?;
        let (private, more_private) = all(view, ObjectClass::PRIVATE_KEY, half)?;
        let (certificates, more_certificates) = all(view, ObjectClass::CERTIFICATE, certified)?;
        let more_keys = more_public.max(more_private);
        Ok(Self { public, private, certificates, more_keys, more_certificates })
    }
}

/// The objects of a class, and how many more there are. One that cannot be read must not hide the
/// others.
fn all<T>(
    view: &View<'_>,
    class: ObjectClass,
    read: impl Fn(&View<'_>, ObjectHandle) -> Result<T, Failure>,
) -> Result<(Vec<T>, usize), Failure> {
    let handles = view.handles(class, matching(&ObjectFilter::default()))?;
    let more = handles.len().saturating_sub(MOST);
    let objects = handles.into_iter().take(MOST).map(|handle| read(view, handle));
    Ok((readable(objects)?, more))
}

fn half(view: &View<'_>, handle: ObjectHandle) -> Result<Half, Failure> {
    use AttributeType::{EcParams, EcPoint, Id, Label, Modulus, PublicExponent};
    let types = [Label, Id, Modulus, PublicExponent, EcParams, EcPoint];
    let (mut label, mut id) = (None, Vec::new());
    let (mut modulus, mut exponent, mut curve, mut point) = (None, None, None, None);
    for attribute in view.read(handle, &types)? {
        match attribute {
            Attribute::Label(bytes) => label = Some(bytes),
            Attribute::Id(bytes) => id = bytes,
            Attribute::Modulus(bytes) => modulus = Some(bytes),
            Attribute::PublicExponent(bytes) => exponent = Some(bytes),
            Attribute::EcParams(bytes) => curve = Some(bytes),
            Attribute::EcPoint(bytes) => point = Some(bytes),
            _ => {}
        }
    }
    let kind = match (other_kind(view, handle), modulus, curve) {
        (Some("EdDSA"), _, Some(curve)) => Kind::unsupported(edwards(&curve)),
        (Some(name), _, _) => Kind::unsupported(name),
        (None, Some(modulus), _) => rsa(&modulus, exponent.as_deref()),
        (None, None, Some(curve)) => ec(&curve, point.as_deref()),
        (None, None, None) => Kind::unsupported("unknown"),
    };
    Ok(Half { label, id, kind })
}

/// What CKA_KEY_TYPE says of a key that is neither RSA nor ECDSA. It is asked for by itself: a
/// number that cryptoki does not know makes the whole answer unreadable.
fn other_kind(view: &View<'_>, handle: ObjectHandle) -> Option<&'static str> {
    let answer = view.read(handle, &[AttributeType::KeyType]).ok()?;
    let [Attribute::KeyType(kind)] = *answer.as_slice() else { return None };
    Some(match kind {
        KeyType::DSA => "DSA",
        KeyType::EC_EDWARDS => "EdDSA",
        KeyType::EC_MONTGOMERY => "X25519 or X448",
        KeyType::ML_DSA => "ML-DSA",
        KeyType::ML_KEM => "ML-KEM",
        KeyType::SLH_DSA => "SLH-DSA",
        _ => return None,
    })
}

/// Its curve is an object identifier (RFC 8410) or a name (PKCS#11 v3.0 mechanisms, 2.3.5).
fn edwards(curve: &[u8]) -> String {
    match Curve::from_parameters(curve) {
        Err(PublicKeyError::Unsupported(name)) => name,
        _ if curve.ends_with(b"edwards25519") => "Ed25519".to_owned(),
        _ if curve.ends_with(b"edwards448") => "Ed448".to_owned(),
        _ => "EdDSA".to_owned(),
    }
}

/// A private key may lack its public exponent.
fn rsa(modulus: &[u8], exponent: Option<&[u8]>) -> Kind {
    match exponent {
        Some(exponent) => PublicKey::from_rsa(modulus, exponent).into(),
        None => {
            // Any exponent tells the size, and none tells which key it is.
            let kind = Kind::from(PublicKey::from_rsa(modulus, &[1, 0, 1]));
            Kind { fingerprint: None, ..kind }
        }
    }
}

/// A private key has no point.
fn ec(curve: &[u8], point: Option<&[u8]>) -> Kind {
    match (Curve::from_parameters(curve), point) {
        (Ok(_), Some(point)) => PublicKey::from_ec(curve, point).into(),
        (Ok(curve), None) => Kind { supported: true, ..Kind::unsupported(curve.to_string()) },
        (Err(PublicKeyError::Unsupported(name)), _) => Kind::unsupported(name),
        (Err(PublicKeyError::Malformed), _) => Kind::unsupported("EC"),
    }
}

fn certified(view: &View<'_>, handle: ObjectHandle) -> Result<Certified, Failure> {
    use AttributeType::{Id, Label, Value};
    let mut certified = Certified { label: None, id: Vec::new(), facts: None };
    for attribute in view.read(handle, &[Label, Id, Value])? {
        match attribute {
            Attribute::Label(bytes) => certified.label = Some(bytes),
            Attribute::Id(bytes) => certified.id = bytes,
            Attribute::Value(der) => {
                certified.facts = Certificate::from_der(&der).ok().map(|c| Facts::from(&c));
            }
            _ => {}
        }
    }
    Ok(certified)
}
