//! Why a signature does not verify: the known mistakes are tried one by one, and named when one of them fits.
//!
//! The service only says `Invalid signature`; a developer at a token wants to know which of a dozen it was.

use serde_json::Value;

use super::http::Request;
use super::sigv4::Authorization;
use crate::openssl::{Certificate, KeyFamily, Padding, hex, sha256};

const NO_MATCH: &str = "signature does not fit the leaf's key and the canonical request";

/// The mistake behind a signature that does not verify.
pub(super) fn name_mistake(
    leaf: &Certificate,
    request: &Request,
    authorization: &Authorization,
    date: &str,
) -> &'static str {
    let canonical = authorization.canonical_request(request);
    let message = authorization.string_to_sign(date, &canonical);
    let fits = |message: &[u8]| leaf.verifies(Padding::Pkcs1, message, &authorization.signature);
    let form = name_form(leaf, message.as_bytes(), &authorization.signature);
    form.or_else(|| name_message(&fits, &message, &canonical))
        .or_else(|| {
            let mut variants = canonical_variants(request, authorization, &canonical);
            variants
                .find(|(canonical, _)| {
                    fits(authorization.string_to_sign(date, canonical).as_bytes())
                })
                .map(|v| v.1)
        })
        .unwrap_or(NO_MATCH)
}

/// The right message, signed in the wrong form.
fn name_form(leaf: &Certificate, message: &[u8], signature: &[u8]) -> Option<&'static str> {
    match leaf.key_family() {
        KeyFamily::Ec if signature.len() == 2 * leaf.key_bits().div_ceil(8) => {
            let (r, s) = signature.split_at(signature.len() / 2);
            let der = ecdsa_der(r, s);
            leaf.verifies(Padding::Pkcs1, message, &der)
                .then_some("signature is raw r and s, not DER")
        }
        KeyFamily::Rsa => {
            leaf.verifies(Padding::Pss, message, signature).then_some("signature is RSA-PSS")
        }
        _ => None,
    }
}

/// The right canonical request, in the wrong message.
fn name_message(
    fits: &dyn Fn(&[u8]) -> bool,
    message: &str,
    canonical: &str,
) -> Option<&'static str> {
    if fits(&sha256(message.as_bytes())) {
        return Some("signature is over the hash of the string to sign, so it was hashed twice");
    }
    if fits(canonical.as_bytes()) {
        return Some("signature is over the canonical request instead of the string to sign");
    }
    fits(format!("{message}\n").as_bytes()).then_some("string to sign ends with a newline")
}

/// Canonical requests with one mistake each.
fn canonical_variants(
    request: &Request,
    authorization: &Authorization,
    canonical: &str,
) -> impl Iterator<Item = (String, &'static str)> {
    let names = authorization.signed_headers.join(";");
    let no_empty_line = canonical.replace(&format!("\n\n{names}\n"), &format!("\n{names}\n"));
    let with_hash = |body: &[u8]| authorization.canonical_request_of(request, &hex(&sha256(body)));
    let mut variants = vec![
        (no_empty_line, "canonical request has no empty line after the headers"),
        (format!("{canonical}\n"), "canonical request ends with a newline"),
        (with_hash(b""), "canonical request has the hash of an empty body"),
    ];
    for body in serialisations(&request.body) {
        variants.push((
            with_hash(body.as_bytes()),
            "canonical request has the hash of a re-serialised body",
        ));
    }
    variants.into_iter()
}

/// The same JSON in the forms that serialisers write: compact, indented, and with Python's spaces.
fn serialisations(body: &[u8]) -> Vec<String> {
    let Ok(value) = serde_json::from_slice::<Value>(body) else {
        return Vec::new();
    };
    let indented = serde_json::to_string_pretty(&value).unwrap_or_default();
    let python = indented.replace(",\n ", ",").replace("{\n  ", "{").replace("\n}", "}");
    vec![value.to_string(), indented, python]
}

/// `SEQUENCE { INTEGER r, INTEGER s }`.
fn ecdsa_der(r: &[u8], s: &[u8]) -> Vec<u8> {
    let content = [der_integer(r), der_integer(s)].concat();
    let mut der = vec![0x30];
    der.extend(der_length(content.len()));
    der.extend(content);
    der
}

fn der_integer(octets: &[u8]) -> Vec<u8> {
    let leading = octets.iter().take_while(|octet| **octet == 0).count();
    let octets = &octets[leading.min(octets.len() - 1)..];
    let sign = if octets[0] & 0x80 == 0 { &[][..] } else { &[0] };
    let mut der = vec![0x02];
    der.extend(der_length(sign.len() + octets.len()));
    der.extend(sign);
    der.extend(octets);
    der
}

/// The lengths of a signature on P-521 reach 139.
fn der_length(length: usize) -> Vec<u8> {
    let octet = u8::try_from(length).expect("an ECDSA signature is short");
    if octet < 0x80 { vec![octet] } else { vec![0x81, octet] }
}
