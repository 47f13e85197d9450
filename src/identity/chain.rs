//! Which certificate is the key's, and which lead from it towards a trust anchor: by public key
//! and by signature. Names decide nothing: a CA and its leaf may carry the same one.

use std::time::SystemTime;

use crate::certificate::Certificate;
use crate::identity::Error;
use crate::key::PublicKey;
use crate::signer::{self, Signer};
use crate::wire::{Bytes, Wanted};

/// The most that the service takes in X-Amz-X509-Chain.
pub const LONGEST: usize = 5;

/// A leaf certificate and those above it, up to the trust anchor.
pub struct Chain {
    /// The certificate of the key that signs.
    pub leaf: Certificate,
    /// From the leaf's issuer upward, without the root; [`LONGEST`] at most.
    pub intermediates: Vec<Certificate>,
}

impl Chain {
    /// The chain of a signer's key. The leaf is taken from `found` or, when that is empty, from
    /// beside the key, and must pass `check`; the rest comes from `pool` or from the token.
    ///
    /// # Errors
    /// When there is no leaf, or more than one, or it does not pass.
    pub fn of(
        signer: &dyn Signer,
        mut found: Vec<Certificate>,
        pool: Vec<Certificate>,
        now: SystemTime,
        check: &dyn Fn(&Certificate) -> Result<(), Error>,
    ) -> Result<Self, Error> {
        if found.is_empty() {
            found = signer.certificates(&Wanted::BesideKey)?;
            // A token holds other keys' certificates too: those are not wrong, just not this one's.
            found.retain(|certificate| certificate.certifies(signer.public_key()));
        }
        let leaf = leaf(&found, signer.public_key(), now)?;
        check(&leaf)?;
        let mut pool: Vec<_> = pool.into_iter().chain(found).collect();
        let mut intermediates = above(&leaf, &mut |of| issuer(of, &pool, now));
        if intermediates.is_empty() {
            let mut ask = |of: &Certificate| issuer_on_token(of, signer, &mut pool, now);
            intermediates = above_or_fail(&leaf, &mut ask)?;
        }
        Ok(Self { leaf, intermediates })
    }
}

/// The certificate of this key. Attestation certificates certify the same key and are left out;
/// of several, those that are valid now count.
///
/// # Errors
/// When there is none, or more than one.
fn leaf(found: &[Certificate], key: &PublicKey, now: SystemTime) -> Result<Certificate, Error> {
    let mut fitting: Vec<&Certificate> = Vec::new();
    for certificate in found.iter().filter(|c| c.certifies(key) && !c.is_attestation()) {
        if !fitting.contains(&certificate) {
            fitting.push(certificate);
        }
    }
    if fitting.iter().any(|certificate| certificate.is_valid_at(now)) {
        fitting.retain(|certificate| certificate.is_valid_at(now));
    }
    match (fitting.as_slice(), found) {
        ([leaf], _) => Ok((*leaf).clone()),
        ([], _) => {
            let other = found.iter().find(|certificate| !certificate.certifies(key));
            Err(other.map_or(Error::NoCertificate, |other| differs(other, key)))
        }
        (several, _) => {
            Err(Error::Ambiguous { subjects: several.iter().map(|c| c.subject()).collect() })
        }
    }
}

/// The one certificate of a file that can only be the leaf, before any key is known: the file's
/// only one, or the only one that is not a CA's.
#[must_use]
pub fn certain_leaf(found: &[Certificate]) -> Option<&Certificate> {
    if let [only] = found {
        return Some(only);
    }
    let mut leaves = found.iter().filter(|certificate| !certificate.is_ca());
    leaves.next().filter(|_| leaves.next().is_none())
}

fn differs(certificate: &Certificate, key: &PublicKey) -> Error {
    let subject = certificate.subject();
    match certificate.public_key() {
        Err(source) => Error::UnsupportedKey { subject, source },
        Ok(certified) => Error::KeyDiffers {
            certificate: format!("'{subject}' certifies a key of type {certified}"),
            key: key.to_string(),
        },
    }
}

/// Goes up from the leaf with `issuer`, leaving the root out.
fn above(
    leaf: &Certificate,
    issuer: &mut dyn FnMut(&Certificate) -> Option<Certificate>,
) -> Vec<Certificate> {
    let climbed = above_or_fail(leaf, &mut |of| Ok(issuer(of)));
    climbed.unwrap_or_default()
}

/// The same where looking for an issuer can fail.
///
/// # Errors
/// Those of `issuer`.
fn above_or_fail(
    leaf: &Certificate,
    issuer: &mut dyn FnMut(&Certificate) -> Result<Option<Certificate>, signer::Error>,
) -> Result<Vec<Certificate>, signer::Error> {
    let mut chain = Vec::new();
    let mut current = leaf.clone();
    while chain.len() < LONGEST && !current.is_self_signed() {
        let Some(next) = issuer(&current)? else { break };
        if next == *leaf || chain.contains(&next) || next.is_self_signed() {
            break;
        }
        chain.push(next.clone());
        current = next;
    }
    Ok(chain)
}

/// The certificate of a pool that signed this one. A CA may have several for one key: those that
/// are valid come before those that have expired, and intermediates before roots, because a root
/// ends the chain.
fn issuer(of: &Certificate, pool: &[Certificate], now: SystemTime) -> Option<Certificate> {
    let issuers = pool.iter().filter(|candidate| *candidate != of && of.is_signed_by(candidate));
    issuers.min_by_key(|issuer| (!issuer.is_valid_at(now), issuer.is_self_signed())).cloned()
}

/// The same on a token, which is asked by name; the signature still decides. `pool` keeps what was
/// read.
///
/// # Errors
/// When the token does not answer.
fn issuer_on_token(
    of: &Certificate,
    signer: &dyn Signer,
    pool: &mut Vec<Certificate>,
    now: SystemTime,
) -> Result<Option<Certificate>, signer::Error> {
    pool.extend(signer.certificates(&Wanted::Subject(Bytes(of.issuer_der())))?);
    Ok(issuer(of, pool, now))
}
