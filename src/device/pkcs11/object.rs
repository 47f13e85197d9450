//! Objects on a token: found by class, label and id, and read into values. Attributes that a
//! module leaves out are simply absent; nothing is read by position.

use cryptoki::object::{Attribute, AttributeType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;

use crate::device::pkcs11::module::Module;
use crate::device::pkcs11::quirks;
use crate::key::PublicKey;
use crate::key::uri::ObjectFilter;
use crate::wire::Failure;

/// A token with an open session, to look for objects on.
pub(super) struct View<'a> {
    pub(super) module: &'a Module<'a>,
    pub(super) session: &'a Session,
    pub(super) token: &'a str,
}

/// A public key, a private key or a certificate, as far as it can be seen.
#[derive(Clone)]
pub(super) struct Object {
    pub(super) label: Option<String>,
    pub(super) id: Vec<u8>,
    pub(super) public_key: Option<PublicKey>,
    /// The DER of a certificate.
    pub(super) der: Option<Vec<u8>>,
}

impl Object {
    /// Whether it is the same key, written down twice.
    pub(super) fn is_same_key(&self, other: &Self) -> bool {
        self.public_key.is_some() && self.public_key == other.public_key && self.id == other.id
    }

    /// The filter that names it.
    pub(super) fn filter(&self) -> ObjectFilter {
        let id = Some(self.id.clone()).filter(|id| !id.is_empty());
        ObjectFilter { label: self.label.clone(), id, class: None }
    }
}

impl View<'_> {
    pub(super) fn public_keys(&self, filter: &ObjectFilter) -> Result<Vec<Object>, Failure> {
        self.objects(ObjectClass::PUBLIC_KEY, matching(filter))
    }

    pub(super) fn private_keys(&self, filter: &ObjectFilter) -> Result<Vec<Object>, Failure> {
        self.objects(ObjectClass::PRIVATE_KEY, matching(filter))
    }

    pub(super) fn certificates(&self, filter: &ObjectFilter) -> Result<Vec<Object>, Failure> {
        self.objects(ObjectClass::CERTIFICATE, matching(filter))
    }

    /// Certificates with this subject, a DER Name.
    pub(super) fn certificates_of(&self, subject: &[u8]) -> Result<Vec<Object>, Failure> {
        self.objects(ObjectClass::CERTIFICATE, vec![Attribute::Subject(subject.into())])
    }

    /// Handles of private keys, for one that is known already: nothing is read.
    pub(super) fn private_handles(
        &self,
        filter: &ObjectFilter,
    ) -> Result<Vec<ObjectHandle>, Failure> {
        self.handles(ObjectClass::PRIVATE_KEY, matching(filter))
    }

    /// Whether each signature with the key wants a login of its own.
    pub(super) fn always_authenticates(&self, key: ObjectHandle) -> Result<bool, Failure> {
        let attributes = self.read(key, &[AttributeType::AlwaysAuthenticate])?;
        Ok(attributes.contains(&Attribute::AlwaysAuthenticate(true)))
    }

    fn objects(
        &self,
        class: ObjectClass,
        template: Vec<Attribute>,
    ) -> Result<Vec<Object>, Failure> {
        let handles = self.handles(class, template)?;
        // One that cannot be read must not hide the others.
        readable(handles.into_iter().map(|handle| self.object(class, handle)))
    }

    pub(super) fn handles(
        &self,
        class: ObjectClass,
        mut template: Vec<Attribute>,
    ) -> Result<Vec<ObjectHandle>, Failure> {
        template.push(Attribute::Class(class));
        self.module.call("C_FindObjects", self.token, || self.session.find_objects(&template))
    }

    pub(super) fn read(
        &self,
        handle: ObjectHandle,
        types: &[AttributeType],
    ) -> Result<Vec<Attribute>, Failure> {
        let get = || self.session.get_attributes(handle, types);
        self.module.call("C_GetAttributeValue", self.token, get)
    }

    fn object(&self, class: ObjectClass, handle: ObjectHandle) -> Result<Object, Failure> {
        use AttributeType::{EcParams, EcPoint, Id, Label, Modulus, PublicExponent, Value};
        // CKA_VALUE of a key is its secret: only that of a certificate is asked for.
        let types: &[_] = match class {
            ObjectClass::CERTIFICATE => &[Label, Id, Value],
            _ => &[Label, Id, Modulus, PublicExponent, EcParams, EcPoint],
        };
        let mut object = Object { label: None, id: vec![], public_key: None, der: None };
        let (mut modulus, mut exponent, mut curve, mut point) = (None, None, None, None);
        for attribute in self.read(handle, types)? {
            match attribute {
                Attribute::Label(label) => object.label = String::from_utf8(label).ok(),
                Attribute::Id(id) => object.id = id,
                Attribute::Value(der) => object.der = Some(der),
                Attribute::Modulus(bytes) => modulus = Some(bytes),
                Attribute::PublicExponent(bytes) => exponent = Some(bytes),
                Attribute::EcParams(bytes) => curve = Some(bytes),
                Attribute::EcPoint(bytes) => point = Some(bytes),
                _ => {}
            }
        }
        let rsa = modulus.zip(exponent).and_then(|(m, e)| PublicKey::from_rsa(&m, &e).ok());
        let ec = curve.zip(point).and_then(|(c, p)| PublicKey::from_ec(&c, &p).ok());
        object.public_key = rsa.or(ec).or_else(|| quirks::certified_key(object.der.as_ref()?));
        Ok(object)
    }
}

/// The good ones; the first error only where there are none.
pub(super) fn readable<T>(
    results: impl Iterator<Item = Result<T, Failure>>,
) -> Result<Vec<T>, Failure> {
    let (mut good, mut first) = (Vec::new(), None);
    for result in results {
        match result {
            Ok(value) => good.push(value),
            Err(failure) => first = first.or(Some(failure)),
        }
    }
    match first {
        Some(failure) if good.is_empty() => Err(failure),
        _ => Ok(good),
    }
}

/// CKA_LABEL is compared as exact bytes, CKA_ID too.
pub(super) fn matching(filter: &ObjectFilter) -> Vec<Attribute> {
    let label = filter.label.as_ref().map(|label| Attribute::Label(label.clone().into_bytes()));
    let id = filter.id.as_ref().map(|id| Attribute::Id(id.clone()));
    label.into_iter().chain(id).collect()
}
