//! What is at the persistent handles: facts about keys, for people.

use tss_esapi::constants::CapabilityType;
use tss_esapi::handles::{KeyHandle, PersistentTpmHandle, TpmHandle};
use tss_esapi::structures::{CapabilityData, Public};

use crate::device::tpm::public::{self, Facts};
use crate::device::tpm::{Device, Failure, lockout};
use crate::wire::list::Kind;
use crate::wire::tpm::{Key, Listed};

/// Most keys that are told. TPMs have room for a few dozen.
const MOST: u32 = 64;

/// The first persistent handle.
const FIRST: u32 = 0x8100_0000;

impl Device<'_> {
    /// The keys at all persistent handles. Nothing is loaded, and no password is wanted.
    ///
    /// # Errors
    /// When the TPM does not answer.
    pub fn list(&mut self) -> Result<Listed, Failure> {
        let answer = self.link.call("TPM2_GetCapability", |context| {
            context.get_capability(CapabilityType::Handles, FIRST, MOST)
        });
        let (data, more) = answer.map_err(|refused| refused.failure("the TPM"))?;
        let CapabilityData::Handles(handles) = data else { return Err(Failure::Protocol) };
        let persistent = handles.into_inner().into_iter().filter_map(|handle| match handle {
            TpmHandle::Persistent(handle) => Some(handle),
            _ => None,
        });
        let keys = persistent.map(|handle| self.listed(handle)).collect::<Result<_, _>>()?;
        // What it does not say is not told: the keys are the news.
        let lockout = lockout::read(&mut self.link).ok().flatten();
        Ok(Listed { keys, more: more.into(), lockout })
    }

    /// One that cannot be read does not hide the others.
    fn listed(&mut self, handle: PersistentTpmHandle) -> Result<Key, Failure> {
        let number = u32::from(handle);
        let name = format!("tpm:handle={number:#x}");
        let known = self.link.know(handle.into()).map_err(|refused| refused.failure(&name))?;
        let read = self
            .link
            .call("TPM2_ReadPublic", |context| context.read_public(KeyHandle::from(known)));
        self.link.release(known);
        let key = match read {
            Ok((public, ..)) => of(&public),
            Err(refused) if refused.is_unreadable() => unknown(),
            Err(refused) => return Err(refused.failure(&name)),
        };
        Ok(Key { handle: Some(number), ..key })
    }
}

fn of(public: &Public) -> Key {
    Key {
        handle: None,
        kind: public::public_key(public).into(),
        attributes: attributes(public),
        protected: !public.object_attributes().no_da(),
        unusable: Facts::of(public).err(),
    }
}

fn unknown() -> Key {
    let unusable = Some("it is of a kind that this version does not know".to_owned());
    Key {
        handle: None,
        kind: Kind::unsupported("unknown"),
        attributes: Vec::new(),
        protected: true,
        unusable,
    }
}

/// By the names of tpm2-tools.
fn attributes(public: &Public) -> Vec<String> {
    let set = public.object_attributes();
    let named = [
        ("fixedtpm", set.fixed_tpm()),
        ("stclear", set.st_clear()),
        ("fixedparent", set.fixed_parent()),
        ("sensitivedataorigin", set.sensitive_data_origin()),
        ("userwithauth", set.user_with_auth()),
        ("adminwithpolicy", set.admin_with_policy()),
        ("noda", set.no_da()),
        ("encryptedduplication", set.encrypted_duplication()),
        ("restricted", set.restricted()),
        ("decrypt", set.decrypt()),
        ("sign", set.sign_encrypt()),
    ];
    named.iter().filter(|(_, set)| *set).map(|(name, _)| (*name).to_owned()).collect()
}
