//! The key in a slot, as the card tells it: by its metadata (YubiKeys from 5.3 on), by an attestation
//! (from 4.3 on, for keys that were made on the card), or by the certificate beside it.

use std::io::Read;

use der::Encode;
use flate2::read::GzDecoder;
use yubikey::piv::{AlgorithmId, SlotAlgorithmId, SlotMetadata};
use zeroize::Zeroizing;

use crate::certificate::{self, Certificate};
use crate::device::piv::card::Card;
use crate::device::piv::identity::Identity;
use crate::device::piv::tlv;
use crate::device::piv::trouble::Trouble;
use crate::key::piv::Slot;
use crate::key::public_key::{Curve, PublicKey, PublicKeyError};
use crate::wire::list::Kind;
use crate::wire::piv::{PinPolicy, TouchPolicy};

/// Tags of a certificate's object (SP 800-73-4 Part 1 table 10).
const CERTIFICATE: u16 = 0x70;
const CERT_INFO: u16 = 0x71;

/// Tags of metadata.
const ALGORITHM: u16 = 0x01;
const POLICY: u16 = 0x02;
const ORIGIN: u16 = 0x03;
const PUBLIC_KEY: u16 = 0x04;

/// The origin of a key that was made on the card.
const GENERATED: u8 = 1;

/// What is known of a key.
#[derive(Clone)]
pub struct Key {
    /// Its public half, or why it is none of ours; `None` where the card does not tell it.
    pub public: Option<Result<PublicKey, PublicKeyError>>,
    /// When it wants a PIN; `None` where the card does not tell it, as the next two.
    pub pin: Option<PinPolicy>,
    /// When it wants a touch.
    pub touch: Option<TouchPolicy>,
    /// Whether it was made on the card.
    pub generated: Option<bool>,
}

/// What a slot has.
pub(super) enum Slotted {
    /// The card says that there is none.
    Empty,
    /// What it says of it.
    Key(Key),
    /// It does not say whether there is one.
    Unknown,
}

impl Key {
    /// What the card tells without a PIN.
    pub(super) fn read(
        card: &Card<'_>,
        identity: &Identity,
        slot: Slot,
    ) -> Result<Slotted, Trouble> {
        match card.metadata(slot)? {
            Some(empty) if empty.is_empty() => return Ok(Slotted::Empty),
            Some(metadata) => {
                let mut key = Self::from_metadata(&metadata);
                if key.public.is_none() {
                    key.public = certified(card, slot)?;
                }
                return Ok(Slotted::Key(key));
            }
            None => {}
        }
        let attestation = if identity.is_yubikey() { card.attestation(slot)? } else { None };
        let attestation = attestation.and_then(|der| Certificate::from_der(&der).ok());
        if let Some(attestation) = attestation {
            return Ok(Slotted::Key(Self::attested(&attestation)));
        }
        let public = certified(card, slot)?;
        let key = |_| Self { public: public.clone(), ..Self::unknown() };
        Ok(public.as_ref().map(key).map_or(Slotted::Unknown, Slotted::Key))
    }

    /// A key of which the card tells nothing.
    pub(super) fn unknown() -> Self {
        Self { public: None, pin: None, touch: None, generated: None }
    }

    /// From what GET METADATA answers. The crate knows how Yubico writes public keys; policies are read
    /// here, since there are more of them than it knows.
    #[must_use]
    pub fn from_metadata(metadata: &[u8]) -> Self {
        let value = |tag| tlv::value(metadata, tag);
        let algorithm = value(ALGORITHM).and_then(|value| value.first()).copied();
        let (pin, touch) = value(POLICY).map_or((None, None), policies);
        // Nothing else: the crate takes it for granted that there is a byte where one should be.
        let known =
            [(ALGORITHM, algorithm.as_slice()), (PUBLIC_KEY, value(PUBLIC_KEY).unwrap_or(&[]))];
        let known = known.map(|(tag, value)| tlv::written(tag, value)).concat();
        let parsed = algorithm.and_then(|_| SlotMetadata::try_from(Zeroizing::new(known)).ok());
        let spki = parsed.as_ref().and_then(|parsed| parsed.public.as_ref()?.to_der().ok());
        let public = match (algorithm.map(named), spki) {
            (Some(Ok(())), Some(spki)) => Some(PublicKey::from_spki(&spki)),
            (Some(Err(name)), _) => Some(Err(PublicKeyError::Unsupported(name))),
            // Some cards that are not Yubico's tell the policies alone.
            (Some(Ok(())) | None, _) => None,
        };
        let generated = value(ORIGIN).and_then(|origin| Some(*origin.first()? == GENERATED));
        Self { public, pin, touch, generated }
    }

    fn attested(attestation: &Certificate) -> Self {
        let (pin, touch) = attestation.attested_policies().map_or((None, None), |p| policies(&p));
        Self { public: Some(attestation.public_key()), pin, touch, generated: Some(true) }
    }

    /// Which kind it is.
    pub(super) fn kind(&self) -> Kind {
        self.public.clone().map_or_else(|| Kind::unsupported("unknown"), Kind::from)
    }
}

/// The key that the certificate in the slot is for.
fn certified(
    card: &Card<'_>,
    slot: Slot,
) -> Result<Option<Result<PublicKey, PublicKeyError>>, Trouble> {
    let object = card.object(slot.certificate_object())?;
    Ok(object.and_then(|object| certificate(&object).ok()).map(|found| found.public_key()))
}

/// Yubico's numbers for policies. Those of keys that a fingerprint opens are not told apart here.
fn policies(value: &[u8]) -> (Option<PinPolicy>, Option<TouchPolicy>) {
    let pin = match value.first() {
        Some(1) => Some(PinPolicy::Never),
        Some(2 | 4) => Some(PinPolicy::Once),
        Some(3 | 5) => Some(PinPolicy::Always),
        _ => None,
    };
    let touch = match value.get(1) {
        Some(1) => Some(TouchPolicy::Never),
        Some(2) => Some(TouchPolicy::Always),
        Some(3) => Some(TouchPolicy::Cached),
        _ => None,
    };
    (pin, touch)
}

/// Whether keys of this algorithm can be ours, or what they are called.
fn named(algorithm: u8) -> Result<(), String> {
    match SlotAlgorithmId::try_from(algorithm) {
        Ok(SlotAlgorithmId::Asymmetric(AlgorithmId::Ed25519)) => Err("Ed25519".to_owned()),
        Ok(SlotAlgorithmId::Asymmetric(AlgorithmId::X25519)) => Err("X25519".to_owned()),
        Ok(SlotAlgorithmId::Asymmetric(_)) => Ok(()),
        _ => Err(format!("unknown ({algorithm:#04x})")),
    }
}

/// What the card calls the algorithm of a key (SP 800-78-4 table 6-2, and Yubico's additions); `None`
/// for keys that no card holds.
pub(super) fn algorithm(key: &PublicKey) -> Option<u8> {
    let algorithm = match (key.curve(), key.rsa_bits()) {
        (Some(Curve::P256), _) => AlgorithmId::EccP256,
        (Some(Curve::P384), _) => AlgorithmId::EccP384,
        (None, Some(2048)) => AlgorithmId::Rsa2048,
        (None, Some(3072)) => AlgorithmId::Rsa3072,
        (None, Some(4096)) => AlgorithmId::Rsa4096,
        _ => return None,
    };
    Some(algorithm.into())
}

/// The certificate in its object (SP 800-73-4 Part 1 table 10), which may be compressed (RFC 1952).
///
/// # Errors
/// When there is none in it.
pub fn certificate(object: &[u8]) -> Result<Certificate, String> {
    let stored = tlv::value(object, CERTIFICATE).ok_or("its object holds no certificate")?;
    let info = tlv::value(object, CERT_INFO).and_then(|info| info.first()).copied();
    let der = match info.unwrap_or(0) & 0x03 {
        0 => stored.to_vec(),
        1 => inflated(stored).ok_or("it is not compressed as its object says")?,
        _ => return Err("it is compressed in a way that this version does not know".to_owned()),
    };
    Certificate::from_der(&der).map_err(|_| "it is no X.509 certificate".to_owned())
}

/// At most as much as a certificate can be.
fn inflated(gzip: &[u8]) -> Option<Vec<u8>> {
    let limit = u64::try_from(certificate::LONGEST).ok()?;
    let mut der = Vec::new();
    GzDecoder::new(gzip).take(limit + 1).read_to_end(&mut der).ok()?;
    (der.len() <= certificate::LONGEST).then_some(der)
}
