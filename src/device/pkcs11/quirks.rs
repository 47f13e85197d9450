//! What particular modules do otherwise than others, one function each, and what is made of it. Six
//! stand where their work is: several processes break SoftHSM's files, so a host locks its module
//! (`host`); NSS gives private keys no label, so a certificate leads to them (`select`); some modules
//! give an EC point bare (`PublicKey::from_ec`); to some each call of C_Sign is a signature, even one
//! that asks for the length (`raw`); some keys want a login of their own and do not say so (`sign`);
//! and opencryptoki's token info, with a clock that has no time, does not parse: such a token is
//! skipped (`module`).

use cryptoki::context::CInitializeFlags;
use cryptoki::error::{Error, RvError};
use cryptoki::slot::TokenInfo;
use cryptoki_sys::CK_ULONG;
use der::Decode;

use crate::certificate::Certificate;
use crate::device::signature::EcdsaSignature;
use crate::key::PublicKey;

// --- modules and tokens ---

/// A module without locks of its own refuses CKF_OS_LOCKING_OK by CKR_CANT_LOCK. It needs none: one
/// thread calls it.
pub(super) fn initialize(run: impl Fn(CInitializeFlags) -> Result<(), Error>) -> Result<(), Error> {
    match run(CInitializeFlags::OS_LOCKING_OK) {
        Err(Error::Pkcs11(RvError::CantLock, _)) => run(CInitializeFlags::empty()),
        answer => answer,
    }
}

/// Fields are padded with blanks; some modules pad with NULs.
pub(super) fn trimmed(field: &str) -> &str {
    field.trim_end_matches(['\0', ' '])
}

/// NSS says by codes of its own that it cannot open its database.
pub(super) fn meaning(vendors_code: CK_ULONG) -> Option<&'static str> {
    const NSS: CK_ULONG = 0xce53_4350;
    match vendors_code.checked_sub(NSS)? {
        1 => Some("NSS cannot open the database of certificates in its configdir"),
        2 => Some("NSS cannot open the database of keys in its configdir"),
        _ => None,
    }
}

// --- logging in ---

/// Bounds without an upper one (0, CK_EFFECTIVELY_INFINITE) are not believed: kryoptic says that PINs
/// have 8 bytes at least, and takes shorter ones.
pub(super) fn takes_pins_of(info: &TokenInfo, bytes: usize) -> bool {
    info.max_pin_length() == 0 || (info.min_pin_length()..=info.max_pin_length()).contains(&bytes)
}

/// A wrong PIN is CKR_PIN_INCORRECT; to OpenSC one that cannot be right is of a wrong length or
/// invalid, which the standard has for new PINs.
pub(super) fn is_wrong_pin(code: RvError) -> bool {
    matches!(code, RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange)
}

/// YubiKeys wait for a touch within C_Sign, if their key was made so, and PKCS#11 has no flag for it.
/// Yubico's module says that the token is its own; OpenSC's, that it is a PIV card.
pub(super) fn may_want_a_touch(info: &TokenInfo) -> bool {
    let maker = info.manufacturer_id();
    maker.starts_with("Yubico") || maker.starts_with("piv_II")
}

// --- objects ---

/// The key of a certificate. YubiKeys hold attestations under the ids of their keys, which certify
/// the same public key as the real certificate: those are none.
pub(super) fn certified_key(der: &[u8]) -> Option<PublicKey> {
    let certificate = Certificate::from_der(der).ok()?;
    if certificate.is_attestation() { None } else { certificate.public_key().ok() }
}

// --- signing ---

/// Some tokens have no mechanism for a hash that was made elsewhere: they hash by themselves.
pub(super) fn must_hash_by_itself(answer: &Result<(), Error>) -> bool {
    matches!(answer, Err(Error::Pkcs11(RvError::MechanismInvalid, _)))
}

/// After a refused context-specific login some tokens still have the operation, and some do not.
pub(super) fn has_begun(answer: &Result<(), Error>) -> bool {
    matches!(answer, Err(Error::Pkcs11(RvError::OperationActive, _)))
}

/// ECDSA comes out of C_Sign as r ‖ s, of one length. Some modules give it in DER already, and some
/// drop leading zeros, on both halves alike.
pub(super) fn ecdsa_signature(output: &[u8]) -> Option<EcdsaSignature<'_>> {
    if let Ok(signature) = EcdsaSignature::from_der(output) {
        return Some(signature);
    }
    if output.is_empty() || !output.len().is_multiple_of(2) {
        return None;
    }
    let (r, s) = output.split_at(output.len() / 2);
    EcdsaSignature::new(r, s)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_codes_of_nss_have_its_meaning() {
        assert!(meaning(0xce53_4351).is_some_and(|text| text.contains("certificates")));
        assert!(meaning(0xce53_4352).is_some_and(|text| text.contains("keys")));
        assert_eq!((meaning(0xce53_4350), meaning(0x8000_0001)), (None, None));
    }

    #[test]
    fn a_module_without_locks_is_asked_again_and_no_other() {
        let answered = |code: RvError| {
            let calls = std::cell::Cell::new(0);
            let answer = initialize(|flags| {
                calls.set(calls.get() + 1);
                let refused = flags.contains(CInitializeFlags::OS_LOCKING_OK);
                if refused {
                    Err(Error::Pkcs11(code, cryptoki::context::Function::Initialize))
                } else {
                    Ok(())
                }
            });
            (answer.is_ok(), calls.get())
        };
        assert_eq!(answered(RvError::CantLock), (true, 2));
        assert_eq!(answered(RvError::GeneralError), (false, 1));
    }
}
