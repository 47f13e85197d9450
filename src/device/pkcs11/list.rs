//! What is on the tokens, for a person who looks for a key: every key once, with what names it and
//! no other. What is too much for one answer is counted.

use cryptoki::object::ObjectClass;
use serde::Serialize;

use crate::device::pkcs11::module::Token;
use crate::device::pkcs11::object::matching;
use crate::device::pkcs11::quirks::trimmed;
use crate::device::pkcs11::{Attached, Bytes, Device, Failure, View};
use crate::key::uri::{ObjectFilter, TokenFilter, pasteable};
use crate::wire::list::{self, Contents, Listed};

mod objects;
mod pairs;

use objects::Objects;

/// The most tokens that are told.
const TOKENS: usize = 64;

/// The most that all objects of an answer may take, in bytes; a frame has room for the tokens too.
const ROOM: usize = 200 * 1024;

impl Device {
    /// All tokens, as they can be seen without a login.
    ///
    /// # Errors
    /// When the module does not tell its tokens. One that cannot be read is told with the reason.
    pub fn list(&mut self) -> Result<Listed, Failure> {
        let mut tokens = self.module.tokens()?;
        let more = tokens.len().saturating_sub(TOKENS);
        tokens.truncate(TOKENS);
        let mut room = ROOM;
        let tokens = tokens.iter().map(|token| self.listed(token, &mut room)).collect();
        Ok(Listed { tokens, more })
    }

    /// Chooses the token that a login is for.
    ///
    /// # Errors
    /// When none fits any more, or several do.
    pub fn aim(&mut self, filter: &TokenFilter) -> Result<(), Failure> {
        let places = self.attach(filter)?;
        let [place] = *places else {
            let wanted = pasteable(filter, &ObjectFilter::default());
            let shown = |place: &usize| self.attached.get(*place).map(|a| a.token.label());
            let candidates = places.iter().filter_map(shown).collect();
            return Err(Failure::Ambiguous { what: "tokens".to_owned(), wanted, candidates });
        };
        self.hidden = Some(place);
        Ok(())
    }

    /// The token that has been logged in to.
    ///
    /// # Errors
    /// When there is none.
    pub fn list_unlocked(&mut self) -> Result<Listed, Failure> {
        let unlocked = self.attached.iter().find(|attached| attached.logged_in);
        let token = unlocked.map(|attached| attached.token.clone()).ok_or(Failure::Protocol)?;
        let mut room = ROOM;
        Ok(Listed { tokens: vec![self.listed(&token, &mut room)], more: 0 })
    }

    fn listed(&mut self, token: &Token, room: &mut usize) -> list::Token {
        let place = self.session_on(token);
        let attached = place.as_ref().ok().and_then(|place| self.attached.get(*place));
        let logged_in = attached.is_some_and(|attached| attached.logged_in);
        let wants_login = attached.is_some_and(Attached::wants_login);
        let seen = place.and_then(|place| self.view(place, |view| seen(view, wants_login, room)));
        let field = |field: &str| trimmed(field).to_owned();
        list::Token {
            label: token.label(),
            serial: field(token.info.serial_number()),
            model: field(token.info.model()),
            manufacturer: field(token.info.manufacturer_id()),
            slot: token.slot.id(),
            logged_in,
            hides: seen.as_ref().is_ok_and(|(_, hides)| *hides),
            tries: token.tries(),
            has_pin: token.info.user_pin_initialized(),
            contents: seen.map(|(contents, _)| contents),
        }
    }
}

/// As much of a token as there is room for, and whether a login may show more.
fn seen(view: &View<'_>, wants_login: bool, room: &mut usize) -> Result<(Contents, bool), Failure> {
    let objects = Objects::on(view)?;
    let hides = wants_login && objects.private.is_empty();
    let all_read = objects.more_keys == 0;
    let mut keys = pairs::keys(&objects, hides || !all_read);
    for key in keys.iter_mut().filter(|_| !all_read) {
        // Those that were not read may have the same name.
        key.filter = key.filter.take().filter(|filter| is_the_only_one(view, filter));
    }
    let certificates = objects.certificates.into_iter().map(|certificate| list::Certificate {
        label: certificate.label.as_deref().map(shown),
        id: shown_id(&certificate.id),
        facts: certificate.facts,
    });
    let mut certificates: Vec<_> = certificates.collect();
    // A token's own order may be another one with each call.
    keys.sort_by(|one, other| (&one.label, &one.id.0).cmp(&(&other.label, &other.id.0)));
    certificates.sort_by(|one, other| (&one.label, &one.id.0).cmp(&(&other.label, &other.id.0)));
    let (keys, left_keys) = fitting(keys, room);
    let (certificates, left_certificates) = fitting(certificates, room);
    let contents = Contents {
        keys,
        certificates,
        more_keys: objects.more_keys + left_keys,
        more_certificates: objects.more_certificates + left_certificates,
    };
    Ok((contents, hides))
}

fn is_the_only_one(view: &View<'_>, filter: &ObjectFilter) -> bool {
    [ObjectClass::PUBLIC_KEY, ObjectClass::PRIVATE_KEY]
        .into_iter()
        .all(|class| view.handles(class, matching(filter)).is_ok_and(|handles| handles.len() <= 1))
}

/// Those that there is room for, and how many others there are.
fn fitting<T: Serialize>(items: Vec<T>, room: &mut usize) -> (Vec<T>, usize) {
    let (mut good, mut left) = (Vec::new(), 0);
    for item in items {
        let length = serde_json::to_vec(&item).map_or(usize::MAX, |json| json.len() + 1);
        if left == 0 && length <= *room {
            *room -= length;
            good.push(item);
        } else {
            left += 1;
        }
    }
    (good, left)
}

/// A label need not be text.
fn shown(label: &[u8]) -> String {
    list::cut(&String::from_utf8_lossy(label))
}

/// Ids are short on all tokens; one that is not need not be read by anybody.
fn shown_id(id: &[u8]) -> Bytes {
    Bytes::from(id.get(..64).unwrap_or(id))
}
