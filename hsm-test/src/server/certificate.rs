//! The certificates of a request: how they travel in headers, the rules for a leaf, and the way to the trust anchor.

use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::http::Refusal;
use crate::openssl::{Certificate, KeyFamily, Validity};

const LONGEST_CHAIN: usize = 5;
const INSUFFICIENT: &str = "Untrusted certificate. Insufficient certificate";
const UNTRUSTED: &str = "Untrusted signing certificate";

/// The leaf in `X-Amz-X509`: standard base64 of one DER certificate, padded, on one line.
pub(super) fn leaf_from_header(value: &str) -> Result<Certificate, Refusal> {
    decode("x-amz-x509", value).map_err(|reason| Refusal::denied(INSUFFICIENT, reason))
}

/// The chain in `X-Amz-X509-Chain`: the same, separated by commas.
pub(super) fn chain_from_header(value: &str) -> Result<Vec<Certificate>, Refusal> {
    let untrusted = |reason: String| Refusal::denied(UNTRUSTED, reason);
    if value.contains(' ') {
        return Err(untrusted("x-amz-x509-chain contains spaces".into()));
    }
    let elements: Vec<&str> = value.split(',').collect();
    if elements.len() > LONGEST_CHAIN {
        return Err(untrusted(format!(
            "x-amz-x509-chain has more than {LONGEST_CHAIN} certificates"
        )));
    }
    let chain: Result<Vec<_>, _> =
        elements.into_iter().map(|element| decode("x-amz-x509-chain", element)).collect();
    chain.map_err(untrusted)
}

/// The service's rules for an end entity (user guide, "Trust model").
pub(super) fn check_leaf(leaf: &Certificate, now: SystemTime) -> Result<(), Refusal> {
    let validity = leaf.validity(now);
    let rules = [
        (leaf.version() == 3, "leaf is not X.509v3"),
        (!leaf.is_ca(), "leaf is a certificate authority"),
        (leaf.may_sign(), "leaf has no key usage digitalSignature"),
        (!leaf.has_weak_digest(), "leaf is signed over MD5 or SHA-1"),
        (leaf.has_subject(), "leaf has an empty subject"),
        (leaf.key_family() != KeyFamily::Other, "leaf has a key that is neither RSA nor EC"),
        (validity != Validity::NotYet, "leaf is not valid yet"),
        (validity != Validity::Expired, "leaf has expired"),
    ];
    match rules.into_iter().find(|(kept, _)| !kept) {
        Some((_, reason)) => Err(Refusal::denied(INSUFFICIENT, reason)),
        None => Ok(()),
    }
}

/// Whether the leaf leads to the anchor, over the chain that was sent and no other certificate.
pub(super) fn check_path(
    leaf: &Certificate,
    chain: &[Certificate],
    anchor: &[u8],
    now: SystemTime,
) -> Result<(), Refusal> {
    if chain.iter().any(|certificate| certificate.der() == anchor) {
        return Err(Refusal::denied(UNTRUSTED, "x-amz-x509-chain contains the trust anchor"));
    }
    if chain.iter().any(Certificate::has_weak_digest) {
        return Err(Refusal::denied(
            UNTRUSTED,
            "x-amz-x509-chain has a signature over MD5 or SHA-1",
        ));
    }
    let anchor =
        Certificate::from_der(anchor).expect("an anchor was parsed when the server started");
    leaf.chains_to(&anchor, chain, now).map_err(|why| {
        Refusal::denied(UNTRUSTED, format!("leaf does not chain to the trust anchor: {why}"))
    })
}

fn decode(header: &str, value: &str) -> Result<Certificate, String> {
    if value.contains("-----") {
        return Err(format!("{header} has PEM armour"));
    }
    if value.contains(|c: char| c.is_ascii_whitespace()) {
        return Err(format!("{header} has line breaks or spaces"));
    }
    let der = STANDARD.decode(value).map_err(|_| format!("{header} is not standard base64"))?;
    Certificate::from_der(&der).ok_or_else(|| format!("{header} is not one DER certificate"))
}
