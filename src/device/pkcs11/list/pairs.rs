//! Which objects are one key, and what names it: the same steps by which a URI finds a key and a
//! key its private half, so that what is listed can be pasted.

use std::collections::BTreeSet;

use crate::device::pkcs11::list::objects::{Half, Objects};
use crate::device::pkcs11::list::{shown, shown_id};
use crate::key::uri::ObjectFilter;
use crate::wire::list::{Key, Private};

/// Longest label, and longest id, that a URI names, in bytes: percent-encoded, both have room in
/// the longest URI that is read.
const LONGEST: usize = 512;

/// Every key once: public objects with their private halves, then private ones without. `unseen`
/// says that there may be private ones that were not read.
pub(super) fn keys(objects: &Objects, unseen: bool) -> Vec<Key> {
    let public = distinct(&objects.public);
    let mut keys = Vec::new();
    let mut paired = BTreeSet::new();
    for half in &public {
        let private = private_halves(half, &objects.private);
        let private = match private.as_slice() {
            [] if unseen => (Private::Hidden, true),
            [] => (Private::Absent, true),
            several => {
                paired.extend(several.iter().copied());
                (Private::Seen, several.len() == 1)
            }
        };
        let filter = Some(filter(half)).filter(|f| private.1 && fits(f, &public) == 1);
        keys.push(key(half, filter, private.0));
    }
    let private = objects.private.iter().enumerate();
    for (_, half) in private.filter(|(place, _)| !paired.contains(place)) {
        let filter = Some(filter(half));
        let filter = filter.filter(|f| fits(f, &public) == 0 && count(f, &objects.private) == 1);
        keys.push(key(half, filter, Private::Seen));
    }
    keys
}

fn key(half: &Half, filter: Option<ObjectFilter>, private: Private) -> Key {
    let label = half.label.as_deref().filter(|label| !label.is_empty()).map(shown);
    Key { label, id: shown_id(&half.id), filter, kind: half.kind.clone(), private }
}

/// The same key, written down twice, is one.
fn distinct(halves: &[Half]) -> Vec<&Half> {
    let mut distinct: Vec<&Half> = Vec::new();
    for half in halves {
        if !distinct.iter().any(|known| is_same(known, half)) {
            distinct.push(half);
        }
    }
    distinct
}

fn is_same(one: &Half, other: &Half) -> bool {
    one.kind.fingerprint.is_some()
        && one.kind.fingerprint == other.kind.fingerprint
        && one.id == other.id
}

/// The places of the private keys that a signature would be made with: by id, and by label where
/// ids do not decide.
fn private_halves(public: &Half, private: &[Half]) -> Vec<usize> {
    let has_label = public.label.as_ref().is_some_and(|label| !label.is_empty());
    let places = |wanted: &dyn Fn(&Half) -> bool| {
        let wanted = private.iter().enumerate().filter(|(_, half)| wanted(half));
        wanted.map(|(place, _)| place).collect::<Vec<_>>()
    };
    let same_label = |half: &Half| half.label == public.label;
    let mut found = Vec::new();
    if !public.id.is_empty() {
        found = places(&|half| half.id == public.id);
    }
    if found.len() > 1 && has_label {
        found = places(&|half| half.id == public.id && same_label(half));
    }
    if found.is_empty() && has_label {
        found = places(&same_label);
    }
    found
}

/// All that a URI can say about it.
fn filter(half: &Half) -> ObjectFilter {
    let short = |bytes: &&[u8]| !bytes.is_empty() && bytes.len() <= LONGEST;
    let label = half.label.as_deref().filter(short).filter(|label| !label.contains(&0));
    let label = label.and_then(|label| String::from_utf8(label.to_vec()).ok());
    let id = Some(half.id.as_slice()).filter(short).map(<[u8]>::to_vec);
    ObjectFilter { label, id, class: None }
}

fn is_named(filter: &ObjectFilter, half: &Half) -> bool {
    let label = filter.label.as_ref();
    label.is_none_or(|label| half.label.as_deref() == Some(label.as_bytes()))
        && filter.id.as_ref().is_none_or(|id| half.id == *id)
}

fn fits(filter: &ObjectFilter, halves: &[&Half]) -> usize {
    halves.iter().filter(|half| is_named(filter, half)).count()
}

fn count(filter: &ObjectFilter, halves: &[Half]) -> usize {
    halves.iter().filter(|half| is_named(filter, half)).count()
}
