//! Which key, and which certificates: what a URI chooses, without logging in where that is enough.
//! Nothing is picked silently: two keys that fit are an error, unless the certificate decides.

use crate::device::pkcs11::{
    Attached, Bytes, Device, Failure, Found, Key, Object, PublicKey, Select, Selected, View, Wanted,
};
use crate::key::uri::{ObjectFilter, TokenFilter, pasteable};

/// How many of the objects that are there an error names.
const NAMED: usize = 8;

impl Device<'_> {
    /// Finds one private key by its public half, which needs no login on most tokens.
    ///
    /// # Errors
    /// When no token or no key fits, or more than one does.
    pub fn select(&mut self, wanted: &Select) -> Result<Found<Selected>, Failure> {
        let expected =
            wanted.public_key.as_ref().and_then(|spki| PublicKey::from_spki(&spki.0).ok());
        let places = self.attach(&wanted.token)?;
        let mut found = Vec::new();
        for &place in &places {
            let keys = self.view(place, |view| keys(view, &wanted.object))?;
            found.extend(keys.into_iter().map(|key| (place, key)));
        }
        if let Some(expected) = expected
            && found.iter().any(|(_, key)| key.public_key.as_ref() == Some(&expected))
        {
            found.retain(|(_, key)| key.public_key.as_ref() == Some(&expected));
        }
        match found.as_slice() {
            [] => self.not_seen("key", &places, &wanted.token, &wanted.object),
            [(place, key)] => Ok(Found::Visible(self.choose(*place, key))),
            several => Err(self.ambiguous("keys", several, &wanted.token, &wanted.object)),
        }
    }

    fn choose(&mut self, place: usize, key: &Object) -> Selected {
        let uri = self.uri(place, key);
        self.read = place;
        self.key = Some(Key { place, filter: key.filter(), uri: uri.clone() });
        Selected { uri, public_key: key.public_key.as_ref().map(|key| Bytes::from(key.spki())) }
    }

    /// Reads certificates; those of one URI must all be on one token.
    ///
    /// # Errors
    /// When no token or no certificate fits, or tokens that cannot be told apart do.
    pub fn certificates(&mut self, wanted: &Wanted) -> Result<Found<Vec<Vec<u8>>>, Failure> {
        let found = match wanted {
            Wanted::At(filters) => return self.certificates_at(&filters.0, &filters.1),
            Wanted::BesideKey => self.beside_key()?,
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

    /// A certificate has the CKA_ID of its key. Where none has, all of the token are read, and
    /// the public key decides.
    fn beside_key(&self) -> Result<Vec<Object>, Failure> {
        let key = self.key.as_ref().ok_or(Failure::Protocol)?;
        let of_id = ObjectFilter { label: None, ..key.filter.clone() };
        self.view(key.place, |view| {
            let found = if of_id.id.is_some() { view.certificates(&of_id)? } else { vec![] };
            if found.is_empty() { view.certificates(&ObjectFilter::default()) } else { Ok(found) }
        })
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
        let candidates = found.iter().map(|(place, object)| self.uri(*place, object)).collect();
        Failure::Ambiguous { what: what.to_owned(), wanted: pasteable(token, object), candidates }
    }

    fn uri(&self, place: usize, object: &Object) -> String {
        self.attached.get(place).map_or_else(String::new, |a| a.token.uri(&object.filter()))
    }
}

/// Keys, seen by their public objects; else by themselves, where the token shows them; else by
/// the certificate that fits, whose CKA_ID is the way back to a key without a label.
fn keys(view: &View<'_>, filter: &ObjectFilter) -> Result<Vec<Object>, Failure> {
    let public = view.public_keys(filter)?;
    if !public.is_empty() {
        return Ok(public);
    }
    let mut private = view.private_keys(filter)?;
    for key in private.iter_mut().filter(|key| key.public_key.is_none() && !key.id.is_empty()) {
        let of_id = ObjectFilter { id: Some(key.id.clone()), ..ObjectFilter::default() };
        key.public_key = view.public_keys(&of_id)?.into_iter().find_map(|public| public.public_key);
    }
    if !private.is_empty() {
        return Ok(private);
    }
    let mut keys = Vec::<Object>::new();
    for certificate in view.certificates(filter)? {
        if certificate.id.is_empty() || keys.iter().any(|key| key.id == certificate.id) {
            continue;
        }
        let of_id = ObjectFilter { id: Some(certificate.id.clone()), ..ObjectFilter::default() };
        let public = view.public_keys(&of_id)?;
        keys.extend(public.into_iter().next().or(Some(Object { label: None, ..certificate })));
    }
    Ok(keys)
}

fn ders(objects: Vec<Object>) -> Vec<Vec<u8>> {
    objects.into_iter().filter_map(|object| object.der).collect()
}
