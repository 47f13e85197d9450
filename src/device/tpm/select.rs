//! Finding a key: at a persistent handle, or in what a file holds. Its public area says whether it
//! can be used; the TPM is asked for no more.

use tss_esapi::handles::{KeyHandle, PersistentTpmHandle};
use tss_esapi::structures::{Private, Public, PublicBuffer};
use tss_esapi::traits::UnMarshall;

use crate::device::tpm::parent::Parent;
use crate::device::tpm::public::Facts;
use crate::device::tpm::{Device, Failure, Key, Place};
use crate::wire::tpm;

impl Device<'_> {
    pub(super) fn find(&mut self, place: &tpm::Place) -> Result<Key, Failure> {
        match place {
            tpm::Place::File(file) => from_file(file),
            tpm::Place::Handle(handle) => self.at_handle(*handle),
        }
    }

    fn at_handle(&mut self, number: u32) -> Result<Key, Failure> {
        let uri = format!("tpm:handle={number:#x}");
        let unusable = |reason: String| Failure::Key { key: uri.clone(), reason };
        let handle = PersistentTpmHandle::new(number)
            .map_err(|_| unusable("it is no persistent handle (0x81000000 and above)".into()))?;
        let known = self.link.know(handle.into()).map_err(|refused| refused.failure(&uri))?;
        let read = self
            .link
            .call("TPM2_ReadPublic", |context| context.read_public(KeyHandle::from(known)));
        let read = read.map_err(|refused| {
            if refused.is_unreadable() { unusable(UNKNOWN.into()) } else { refused.failure(&uri) }
        });
        let facts = read.and_then(|(public, ..)| Facts::of(&public).map_err(unusable));
        let facts = facts.inspect_err(|_| self.link.release(known))?;
        let may_be_open = !facts.protected;
        Ok(Key { uri, place: Place::Handle(known), facts, may_be_open })
    }
}

const UNKNOWN: &str = "it is of a kind that this version does not know";

/// A file that says that it has no password may be wrong, and so may be one that says that it has:
/// either is tried where that costs nothing.
fn from_file(file: &tpm::File) -> Result<Key, Failure> {
    let unusable = |reason: String| Failure::Key { key: file.name.clone(), reason };
    let parent = Parent::new(file.parent, file.rsa_parent).ok_or_else(|| {
        unusable(format!("its parent {:#x} is neither a hierarchy nor persistent", file.parent))
    })?;
    let malformed = || unusable("it does not hold the two halves of a TPM's key".into());
    let private = sized(&file.private.0).and_then(|private| Private::try_from(private).ok());
    let private = private.ok_or_else(malformed)?;
    let public = public(&file.public.0).ok_or_else(malformed)?;
    let facts = Facts::of(&public).map_err(unusable)?;
    let may_be_open = file.empty_auth || !facts.protected;
    let place = Place::File(Box::new((parent, private, public)));
    Ok(Key { uri: file.name.clone(), place, facts, may_be_open })
}

/// A TPM2B_PUBLIC with its size.
pub(super) fn public(bytes: &[u8]) -> Option<Public> {
    sized(bytes)?;
    Public::try_from(PublicBuffer::unmarshall(bytes).ok()?).ok()
}

/// What follows a size of two bytes, if it is as long as that says.
fn sized(bytes: &[u8]) -> Option<&[u8]> {
    let (size, rest) = bytes.split_first_chunk::<2>()?;
    (usize::from(u16::from_be_bytes(*size)) == rest.len()).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_that_is_wrong_is_noticed() {
        assert_eq!(sized(&[0, 2, 7, 8]), Some(&[7, 8][..]));
        for bytes in [&[][..], &[0], &[0, 1], &[0, 1, 7, 8], &[1, 0, 7]] {
            assert_eq!(sized(bytes), None, "{bytes:?}");
            assert!(public(bytes).is_none(), "{bytes:?}");
        }
    }
}
