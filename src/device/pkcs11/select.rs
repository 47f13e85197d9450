//! Which key, and which certificates: what a URI chooses, without logging in where that is enough.
//! Nothing is picked silently: two keys that fit are an error, unless the certificate decides.

use crate::device::pkcs11::{
    Attached, Bytes, Device, Failure, Found, Key, Object, PublicKey, Select, Selected, View, Wanted,
};
use crate::key::uri::{ObjectFilter, TokenFilter, pasteable};
use crate::wire::Named;

/// How many of the objects or tokens that are there an error names.
pub(super) const NAMED: usize = 8;

impl Device {
    /// Finds one private key by its public half, which needs no login on most tokens.
    ///
    /// # Errors
    /// When no token or no key fits, or more than one does.
    pub fn select(&mut self, wanted: &Select) -> Result<Found<Selected>, Failure> {
        let Named::Pkcs11(named) = &wanted.key else { return Err(Failure::Protocol) };
        let (token, object) = named.as_ref();
        let expected =
            wanted.public_key.as_ref().and_then(|spki| PublicKey::from_spki(&spki.0).ok());
        let places = self.attach(token)?;
        let mut found = Vec::new();
        for &place in &places {
            let keys = self.view(place, |view| keys(view, object))?;
            found.extend(keys.into_iter().map(|key| (place, key)));
        }
        if let Some(expected) = expected
            && found.iter().any(|(_, key)| key.public_key.as_ref() == Some(&expected))
        {
            found.retain(|(_, key)| key.public_key.as_ref() == Some(&expected));
        }
        // The same key, seen through two public objects, is one.
        let mut distinct: Vec<(usize, Object)> = Vec::new();
        for (place, key) in found {
            if !distinct.iter().any(|(p, k)| *p == place && k.is_same_key(&key)) {
                distinct.push((place, key));
            }
        }
        match distinct.as_slice() {
            [] => self.not_seen("key", &places, token, object),
            [(place, key)] => Ok(Found::Visible(self.choose(*place, key))),
            several => Err(self.ambiguous("keys", several, token, object)),
        }
    }

    fn choose(&mut self, place: usize, key: &Object) -> Selected {
        let uri = self.uri(place, key);
        self.read = place;
        let (filter, public_key) = (key.filter(), key.public_key.clone());
        self.key = Some(Key { place, filter, public_key, private_half: None, uri: uri.clone() });
        Selected { uri, public_key: key.public_key.as_ref().map(|key| Bytes::from(key.spki())) }
    }

    /// Reads certificates; those of one URI must all be on one token.
    ///
    /// # Errors
    /// When no token or no certificate fits, or tokens that cannot be told apart do.
    pub fn certificates(&mut self, wanted: &Wanted) -> Result<Found<Vec<Vec<u8>>>, Failure> {
        let found = match wanted {
            Wanted::At(filters) => return self.certificates_at(&filters.0, &filters.1),
            Wanted::BesideKey => return self.beside_key(),
            Wanted::Subject(name) => self.view(self.read, |view| view.certificates_of(&name.0))?,
        };
        Ok(Found::Visible(ders(found)))
    }

    fn certificates_at(
        &mut self,
        token: &TokenFilter,
        object: &ObjectFilter,
    ) -> Result<Found<Vec<Vec<u8>>>, Failure> {
        let places = self.attach(token)?;
        let mut found = Vec::new();
        for &place in &places {
            let certificates = self.view(place, |view| view.certificates(object))?;
            found.extend(certificates.into_iter().map(|certificate| (place, certificate)));
        }
        let Some(&(first, _)) = found.first() else {
            return self.not_seen("certificate", &places, token, object);
        };
        if found.iter().any(|(place, _)| *place != first) {
            return Err(self.ambiguous("certificates", &found, token, object));
        }
        self.read = first;
        Ok(Found::Visible(ders(found.into_iter().map(|(_, certificate)| certificate).collect())))
    }

    /// A certificate has the CKA_ID of its key. Where none that does certifies it, all of the token
    /// are read, and the public key decides; some are hidden until a login.
    fn beside_key(&mut self) -> Result<Found<Vec<Vec<u8>>>, Failure> {
        let key = self.key.as_ref().ok_or(Failure::Protocol)?;
        let (place, of_id) = (key.place, ObjectFilter { label: None, ..key.filter.clone() });
        let certify = |found: &[Object]| match &key.public_key {
            None => !found.is_empty(),
            key => found.iter().any(|certificate| certificate.public_key == *key),
        };
        let mut found = match of_id.id {
            Some(_) => self.view(place, |view| view.certificates(&of_id))?,
            None => Vec::new(),
        };
        if !certify(&found) {
            found = self.view(place, |view| view.certificates(&ObjectFilter::default()))?;
        }
        if !certify(&found) && self.attached.get(place).is_some_and(Attached::wants_login) {
            self.hidden = Some(place);
            return Ok(Found::Hidden);
        }
        if let Some(key) = &key.public_key {
            // The rest would only make the answer longer than a frame can be.
            found.retain(|certificate| certificate.public_key.as_ref() == Some(key));
        }
        self.read = place;
        Ok(Found::Visible(ders(found)))
    }

    /// Nothing fits what can be seen. Where one token is meant and it can be logged in to, that
    /// may show more; where several are, none is tried.
    fn not_seen<T>(
        &mut self,
        what: &str,
        places: &[usize],
        token: &TokenFilter,
        object: &ObjectFilter,
    ) -> Result<Found<T>, Failure> {
        if let [place] = *places
            && self.attached.get(place).is_some_and(Attached::wants_login)
        {
            self.hidden = Some(place);
            return Ok(Found::Hidden);
        }
        let mut present = Vec::new();
        for &place in places {
            let anything = ObjectFilter::default();
            let objects = self.view(place, |view| match what {
                "certificate" => view.certificates(&anything),
                _ => keys(view, &anything),
            })?;
            present.extend(objects.iter().map(|object| self.uri(place, object)));
        }
        present.truncate(NAMED);
        let (what, wanted) = (what.to_owned(), pasteable(token, object));
        Err(Failure::NoObject { what, wanted, present })
    }

    fn ambiguous(
        &self,
        what: &str,
        found: &[(usize, Object)],
        token: &TokenFilter,
        object: &ObjectFilter,
    ) -> Failure {
        let mut candidates: Vec<_> =
            found.iter().map(|(place, object)| self.uri(*place, object)).collect();
        candidates.truncate(NAMED);
        Failure::Ambiguous { what: what.to_owned(), wanted: pasteable(token, object), candidates }
    }

    fn uri(&self, place: usize, object: &Object) -> String {
        self.attached.get(place).map_or_else(String::new, |a| a.token.uri(&object.filter()))
    }
}

/// Keys, seen by their public objects; else by themselves, where the token shows them; else by
/// the certificate that fits, whose CKA_ID is the way back to a key without a label. Where there is
/// no public object, a certificate tells the public half too.
fn keys(view: &View<'_>, filter: &ObjectFilter) -> Result<Vec<Object>, Failure> {
    let public = view.public_keys(filter)?;
    if !public.is_empty() {
        return Ok(public);
    }
    let mut private = view.private_keys(filter)?;
    for key in private.iter_mut().filter(|key| key.public_key.is_none() && !key.id.is_empty()) {
        key.public_key = public_half(view, &key.id)?;
    }
    if !private.is_empty() {
        return Ok(private);
    }
    let mut keys = Vec::<Object>::new();
    for certificate in view.certificates(filter)? {
        if certificate.id.is_empty() || keys.iter().any(|key| key.id == certificate.id) {
            continue;
        }
        let public_key = public_half(view, &certificate.id)?;
        keys.push(Object { label: None, der: None, public_key, ..certificate });
    }
    Ok(keys)
}

/// The public key of that CKA_ID, by its own object or by a certificate.
fn public_half(view: &View<'_>, id: &[u8]) -> Result<Option<PublicKey>, Failure> {
    let of_id = ObjectFilter { id: Some(id.to_vec()), ..ObjectFilter::default() };
    let mut objects = view.public_keys(&of_id)?;
    if objects.is_empty() {
        objects = view.certificates(&of_id)?;
    }
    Ok(objects.into_iter().find_map(|object| object.public_key))
}

fn ders(objects: Vec<Object>) -> Vec<Vec<u8>> {
    objects.into_iter().filter_map(|object| object.der).collect()
}
