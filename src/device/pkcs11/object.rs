//! Objects on a token: found by class, label and id, and read into values. Attributes that a
//! module leaves out are simply absent; nothing is read by position.

use cryptoki::object::{Attribute, AttributeType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;

use crate::device::pkcs11::module::Module;
use crate::device::pkcs11::quirks;
use crate::device::pkcs11::return_value::readable;
use crate::key::PublicKey;
use crate::key::uri::ObjectFilter;
use crate::wire::Failure;

/// Most objects of one kind that are looked at.
const MOST: usize = 4096;

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
        let flag = || self.module.raw.flag(self.session, key, AttributeType::AlwaysAuthenticate);
        self.module.call("C_GetAttributeValue", self.token, flag)
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
        self.module.again(|| {
            let (module, session) = (self.module, self.session);
            let find = || module.raw.find(session, &template);
            module.call("C_FindObjectsInit", self.token, find)?;
            let found = self.found();
            // Whatever came of it: a search that is left open stands in the way of the next.
            let end = || module.raw.end_find(session);
            let _ = module.call("C_FindObjectsFinal", self.token, end);
            found
        })
    }

    fn found(&self) -> Result<Vec<ObjectHandle>, Failure> {
        let mut all = Vec::new();
        while all.len() < MOST {
            let next = || self.module.raw.found(self.session);
            let (found, more) = self.module.call("C_FindObjects", self.token, next)?;
            all.extend(found);
            if !more {
                return Ok(all);
            }
        }
        Err(Failure::TooMuch)
    }

    pub(super) fn read(
        &self,
        handle: ObjectHandle,
        types: &[AttributeType],
    ) -> Result<Vec<Attribute>, Failure> {
        let get = || self.module.raw.attributes(self.session, handle, types);
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

/// CKA_LABEL is compared as exact bytes, CKA_ID too.
pub(super) fn matching(filter: &ObjectFilter) -> Vec<Attribute> {
    let label = filter.label.as_ref().map(|label| Attribute::Label(label.clone().into_bytes()));
    let id = filter.id.as_ref().map(|id| Attribute::Id(id.clone()));
    label.into_iter().chain(id).collect()
}
