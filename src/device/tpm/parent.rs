//! The parent of a key that comes from a file: a persistent key, or one that is made for the moment
//! from a hierarchy's seed, by the template that all who write such files agree on.

use std::fmt;

use tss_esapi::attributes::ObjectAttributesBuilder;
use tss_esapi::handles::{KeyHandle, PersistentTpmHandle};
use tss_esapi::interface_types::algorithm::{HashingAlgorithm, PublicAlgorithm};
use tss_esapi::interface_types::ecc::EccCurve;
use tss_esapi::interface_types::key_bits::RsaKeyBits;
use tss_esapi::interface_types::resource_handles::Hierarchy;
use tss_esapi::interface_types::session_handles::AuthSession;
use tss_esapi::structures::{
    EccPoint, Public, PublicBuilder, PublicEccParametersBuilder, PublicKeyRsa,
    PublicRsaParametersBuilder, RsaExponent, SymmetricDefinitionObject,
};

use crate::device::tpm::link::{Link, Refused};
use crate::device::tpm::{Device, Failure, Place, Tries};
use crate::wire::failure::Holder;
use crate::wire::tpm::response_code as code;

/// What a key is loaded under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parent {
    Handle(PersistentTpmHandle),
    /// And whether its primary key is an RSA key.
    Hierarchy(Hierarchy, bool),
}

impl Parent {
    /// From the INTEGER in a file; `None` for what can be no parent.
    pub(super) fn new(number: u32, rsa: bool) -> Option<Self> {
        let hierarchy = match number {
            0x4000_0001 => Hierarchy::Owner,
            0x4000_0007 => Hierarchy::Null,
            0x4000_000b => Hierarchy::Endorsement,
            0x4000_000c => Hierarchy::Platform,
            _ => return PersistentTpmHandle::new(number).ok().map(Self::Handle),
        };
        Some(Self::Hierarchy(hierarchy, rsa))
    }
}

impl fmt::Display for Parent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Handle(handle) => return write!(f, "{:#x}", u32::from(*handle)),
            Self::Hierarchy(Hierarchy::Endorsement, _) => "endorsement",
            Self::Hierarchy(Hierarchy::Null, _) => "null",
            Self::Hierarchy(Hierarchy::Owner, _) => "owner",
            Self::Hierarchy(Hierarchy::Platform, _) => "platform",
        };
        write!(f, "the {name} hierarchy")
    }
}

impl Device<'_> {
    /// The parent, ready to load a key. `ready` is one that is there already.
    pub(super) fn parent(
        &mut self,
        parent: Parent,
        session: AuthSession,
        ready: Option<KeyHandle>,
    ) -> Result<KeyHandle, Failure> {
        if let Some(ready) = ready {
            return Ok(ready);
        }
        let found = match parent {
            Parent::Hierarchy(hierarchy, rsa) => {
                if let Some(pin) = &self.parent_password {
                    self.link.tell(hierarchy.into(), &pin.secret)?;
                }
                primary(&mut self.link, hierarchy, rsa, session)
            }
            Parent::Handle(handle) => self.link.know(handle.into()).map(KeyHandle::from),
        };
        let found = found.map_err(|refused| self.parent_refused(&refused, parent))?;
        if let Parent::Handle(_) = parent {
            let answer = match &self.parent_password {
                Some(pin) => self.link.tell(found.into(), &pin.secret),
                None => self.may_try_without(parent, found),
            };
            answer.inspect_err(|_| self.link.release(found))?;
        }
        Ok(found)
    }

    /// Without a password an empty one is tried: not where that could lock the TPM.
    fn may_try_without(&mut self, parent: Parent, handle: KeyHandle) -> Result<(), Failure> {
        let read = self.link.call("TPM2_ReadPublic", |context| context.read_public(handle));
        let (public, ..) = read.map_err(|refused| refused.failure(&parent.to_string()))?;
        if public.object_attributes().no_da() || self.tries()? != Tries::One || self.last_try {
            return Ok(());
        }
        Err(Failure::PinAtLastTry { of: Holder::TpmParent(parent.to_string()) })
    }

    /// Why a parent could not be had, or would not load the key.
    pub(super) fn parent_refused(&mut self, refused: &Refused, parent: Parent) -> Failure {
        if refused.is(code::is_lockout) {
            return self.locked(false);
        }
        if !refused.is(code::is_wrong_password) {
            return refused.failure(&parent.to_string());
        }
        match self.parent_password.take() {
            None => Failure::ParentPassword { key: self.key(), parent: parent.to_string() },
            Some(pin) => Failure::PinWrong {
                of: Holder::TpmParent(parent.to_string()),
                origin: pin.origin,
                tries: self.tries_after(refused),
            },
        }
    }

    /// Whether the selected key is loaded under the primary key that sessions are salted with where
    /// there is no other: then it is made once.
    pub(super) fn is_under_the_owners_primary(&self) -> bool {
        let Some(Place::File(file)) = self.key.as_ref().map(|key| &key.place) else { return false };
        file.0 == Parent::Hierarchy(Hierarchy::Owner, false) && self.parent_password.is_none()
    }
}

/// TPM2_CreatePrimary by the standard template; the same key each time.
pub(super) fn primary(
    link: &mut Link<'_>,
    hierarchy: Hierarchy,
    rsa: bool,
    session: AuthSession,
) -> Result<KeyHandle, Refused> {
    let made = link.call_with(session, "TPM2_CreatePrimary", |context| {
        let template = if rsa { rsa_template() } else { ecc_template() };
        context.create_primary(hierarchy, template?, None, None, None, None)
    })?;
    link.keep(made.key_handle);
    Ok(made.key_handle)
}

/// H-2 of the TCG's EK Credential Profile §B.4: ECC P-256 with empty unique fields.
fn ecc_template() -> tss_esapi::Result<Public> {
    let aes = SymmetricDefinitionObject::AES_128_CFB;
    let parameters =
        PublicEccParametersBuilder::new_restricted_decryption_key(aes, EccCurve::NistP256);
    template(PublicAlgorithm::Ecc)?
        .with_ecc_parameters(parameters.build()?)
        .with_ecc_unique_identifier(EccPoint::default())
        .build()
}

/// H-1 of the same: RSA-2048.
fn rsa_template() -> tss_esapi::Result<Public> {
    let aes = SymmetricDefinitionObject::AES_128_CFB;
    let parameters = PublicRsaParametersBuilder::new_restricted_decryption_key(
        aes,
        RsaKeyBits::Rsa2048,
        RsaExponent::default(),
    );
    template(PublicAlgorithm::Rsa)?
        .with_rsa_parameters(parameters.build()?)
        .with_rsa_unique_identifier(PublicKeyRsa::default())
        .build()
}

/// What both have in common: attributes 0x00030472.
fn template(algorithm: PublicAlgorithm) -> tss_esapi::Result<PublicBuilder> {
    let attributes = ObjectAttributesBuilder::new()
        .with_fixed_tpm(true)
        .with_fixed_parent(true)
        .with_sensitive_data_origin(true)
        .with_user_with_auth(true)
        .with_no_da(true)
        .with_restricted(true)
        .with_decrypt(true)
        .build()?;
    Ok(PublicBuilder::new()
        .with_public_algorithm(algorithm)
        .with_name_hashing_algorithm(HashingAlgorithm::Sha256)
        .with_object_attributes(attributes))
}

#[cfg(test)]
mod tests {
    use tss_esapi::traits::Marshall;

    use super::*;

    /// TPMT_PUBLIC as tpm2-tools writes it for `-G ecc256:aes128cfb` and these attributes.
    #[test]
    fn the_template_is_the_one_of_the_standard() {
        let bytes = ecc_template().and_then(|public| public.marshall()).expect("template");
        let wanted = [
            0x00, 0x23, 0x00, 0x0b, 0x00, 0x03, 0x04, 0x72, 0x00, 0x00, 0x00, 0x06, 0x00, 0x80,
            0x00, 0x43, 0x00, 0x10, 0x00, 0x03, 0x00, 0x10, 0x00, 0x00, 0x00, 0x00,
        ];
        assert_eq!(bytes, wanted);
        let bytes = rsa_template().and_then(|public| public.marshall()).expect("template");
        let wanted = [
            0x00, 0x01, 0x00, 0x0b, 0x00, 0x03, 0x04, 0x72, 0x00, 0x00, 0x00, 0x06, 0x00, 0x80,
            0x00, 0x43, 0x00, 0x10, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        ];
        assert_eq!(bytes, wanted);
    }

    #[test]
    fn a_parent_is_a_persistent_handle_or_a_hierarchy() {
        assert!(matches!(Parent::new(0x8100_0001, false), Some(Parent::Handle(_))));
        assert_eq!(Parent::new(0x4000_0001, true), Some(Parent::Hierarchy(Hierarchy::Owner, true)));
        for number in [0, 0x8000_0001, 0x4000_000a, 0x0100_0000] {
            assert_eq!(Parent::new(number, false), None, "{number:#x}");
        }
    }
}
