//! Signature Version 4 from the receiving side, as far as both services share it: the grammar of `Authorization`,
//! the canonical request rebuilt from what arrived, and the rules about scope, date and headers.
//!
//! An error is the lab's reason; each service has its own words for the client.

use std::time::{Duration, SystemTime};

use super::clock;
use super::http::Request;
use crate::openssl::{hex, sha256};

const TOLERANCE: Duration = Duration::from_secs(5 * 60);

/// The parts of an `Authorization` header.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Authorization {
    /// The algorithm, like `AWS4-X509-RSA-SHA256`.
    pub algorithm: String,
    /// What the credential begins with: a serial number or an access key id.
    pub identifier: String,
    /// The scope's day, `20261122`.
    pub day: String,
    /// The scope's region.
    pub region: String,
    /// The scope's service.
    pub service: String,
    /// The names of the signed headers, in lower case, sorted.
    pub signed_headers: Vec<String>,
    /// The signature.
    pub signature: Vec<u8>,
}

/// What a service demands of a signature's frame.
#[derive(Debug)]
pub(super) struct Demands<'a> {
    pub(super) region: &'a str,
    pub(super) service: &'a str,
    /// Headers that must be there and signed, beside all `x-amz-` ones.
    pub(super) headers: &'a [&'a str],
}

impl Authorization {
    /// Reads exactly the form that AWS documents, with `, ` between the parts and `;` between header names.
    pub fn parse(header: &str) -> Result<Self, String> {
        let (algorithm, rest) = header.split_once(' ').ok_or("authorization has no parts")?;
        let rest = rest
            .strip_prefix("Credential=")
            .ok_or("authorization does not go on with Credential=")?;
        let (credential, rest) =
            rest.split_once(", SignedHeaders=").ok_or("authorization has no `, SignedHeaders=`")?;
        let (names, signature) =
            rest.split_once(", Signature=").ok_or("authorization has no `, Signature=`")?;
        let parts: Vec<&str> = credential.split('/').collect();
        let [identifier, day, region, service, "aws4_request"] = parts[..] else {
            return Err("credential is not of the form id/day/region/service/aws4_request".into());
        };
        Ok(Self {
            algorithm: algorithm.into(),
            identifier: identifier.into(),
            day: day.into(),
            region: region.into(),
            service: service.into(),
            signed_headers: header_names(names)?,
            signature: lower_hex(signature)?,
        })
    }

    /// The scope, as it stands in the credential and in the string to sign.
    pub fn scope(&self) -> String {
        format!("{}/{}/{}/aws4_request", self.day, self.region, self.service)
    }

    /// Checks what does not need a key, and gives the value of `X-Amz-Date`.
    pub(super) fn check(
        &self,
        request: &Request,
        now: SystemTime,
        demands: &Demands<'_>,
    ) -> Result<String, String> {
        let date = self.check_date(request, now)?;
        if self.region != demands.region {
            return Err(format!("scope is not of region {}", demands.region));
        }
        if self.service != demands.service {
            return Err(format!("scope is not of service {}", demands.service));
        }
        self.check_headers(request, demands.headers)?;
        check_query(&request.query)?;
        match request.header("x-amz-content-sha256") {
            Some(sent) if sent != hex(&sha256(&request.body)) => {
                Err("x-amz-content-sha256 is not the hash of the body".into())
            }
            _ => Ok(date),
        }
    }

    /// Step 1 of the specification, over what arrived.
    pub fn canonical_request(&self, request: &Request) -> String {
        self.canonical_request_of(request, &hex(&sha256(&request.body)))
    }

    /// The same with a body hash of the caller's.
    pub(super) fn canonical_request_of(&self, request: &Request, body_hash: &str) -> String {
        let header = |name: &String| {
            format!("{name}:{}\n", collapsed(&request.header(name).unwrap_or_default()))
        };
        let headers: String = self.signed_headers.iter().map(header).collect();
        let names = self.signed_headers.join(";");
        format!(
            "{}\n{}\n{}\n{headers}\n{names}\n{body_hash}",
            request.method, request.path, request.query
        )
    }

    /// Step 2 of the specification; the date is that of `X-Amz-Date`.
    pub fn string_to_sign(&self, date: &str, canonical_request: &str) -> String {
        let hash = hex(&sha256(canonical_request.as_bytes()));
        format!("{}\n{date}\n{}\n{hash}", self.algorithm, self.scope())
    }

    fn check_date(&self, request: &Request, now: SystemTime) -> Result<String, String> {
        let date = request.header("x-amz-date").ok_or("x-amz-date is missing")?;
        let signed_at =
            clock::from_compact(&date).ok_or("x-amz-date is not of the form YYYYMMDDTHHMMSSZ")?;
        if clock::distance(signed_at, now) > TOLERANCE {
            return Err("x-amz-date is more than 5 minutes from the server's clock".into());
        }
        if !date.starts_with(&self.day) || self.day.len() != 8 {
            return Err("scope is not of the day of x-amz-date".into());
        }
        Ok(date)
    }

    fn check_headers(&self, request: &Request, demanded: &[&str]) -> Result<(), String> {
        let sent = request.headers.iter().map(|(name, _)| name.as_str());
        let amazon = sent.filter(|name| name.starts_with("x-amz-"));
        for name in demanded.iter().copied().chain(amazon) {
            if !self.signed_headers.iter().any(|signed| signed == name) {
                return Err(format!("{name} is not signed"));
            }
        }
        match self.signed_headers.iter().find(|name| request.header(name).is_none()) {
            Some(name) => Err(format!("{name} is signed but was not sent")),
            None => Ok(()),
        }
    }
}

/// The members of a query or form, decoded.
pub(super) fn members(encoded: &str) -> Result<Vec<(String, String)>, String> {
    let pairs = encoded.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decoded(name)?, decoded(value)?))
        })
        .collect()
}

fn header_names(list: &str) -> Result<Vec<String>, String> {
    if list.contains(',') {
        return Err("SignedHeaders is separated by commas".into());
    }
    let names: Vec<String> = list.split(';').map(String::from).collect();
    let well_formed = |name: &String| {
        !name.is_empty()
            && name
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b))
    };
    if !names.iter().all(well_formed) {
        return Err("SignedHeaders is not in lower case".into());
    }
    if !names.is_sorted_by(|a, b| a < b) {
        return Err("SignedHeaders is not sorted".into());
    }
    Ok(names)
}

fn lower_hex(text: &str) -> Result<Vec<u8>, String> {
    let digits = text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if !digits || text.is_empty() || !text.len().is_multiple_of(2) {
        return Err("signature is not lower-case hexadecimal".into());
    }
    let octet = |at| u8::from_str_radix(&text[at..at + 2], 16).expect("two hexadecimal digits");
    Ok((0..text.len()).step_by(2).map(octet).collect())
}

/// The query must be canonical as it is: then what was signed is what was sent, whoever reads it.
fn check_query(query: &str) -> Result<(), String> {
    if query.contains('+') {
        return Err("query contains a plus sign".into());
    }
    let members = members(query)?;
    let pairs: Vec<String> = members
        .iter()
        .map(|(name, value)| format!("{}={}", encoded(name), encoded(value)))
        .collect();
    let mut sorted =
        members.iter().map(|(name, value)| (encoded(name), encoded(value))).collect::<Vec<_>>();
    sorted.sort();
    if pairs.join("&") != query {
        return Err("query is not strictly percent-encoded".into());
    }
    let canonical: Vec<String> =
        sorted.iter().map(|(name, value)| format!("{name}={value}")).collect();
    if canonical != pairs {
        return Err("query is not sorted".into());
    }
    Ok(())
}

fn encoded(text: &str) -> String {
    let unreserved = |b: u8| b.is_ascii_alphanumeric() || b"-_.~".contains(&b);
    text.bytes()
        .map(|b| if unreserved(b) { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}

fn decoded(text: &str) -> Result<String, String> {
    let malformed = || format!("{text} is not percent-encoded");
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (first, tail) {
            (b'%', [a, b, after @ ..]) => {
                let digits = std::str::from_utf8(&[*a, *b])
                    .ok()
                    .and_then(|d| u8::from_str_radix(d, 16).ok());
                octets.push(digits.ok_or_else(malformed)?);
                rest = after;
            }
            (b'%', _) => return Err(malformed()),
            (b'+', _) => octets.push(b' '),
            _ => octets.push(*first),
        }
    }
    String::from_utf8(octets).map_err(|_| malformed())
}

/// Runs of spaces count as one, those at the ends not at all.
fn collapsed(value: &str) -> String {
    value.split(' ').filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}
