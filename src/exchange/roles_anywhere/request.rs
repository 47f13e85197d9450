//! A CreateSession request before and after it is signed. `explain` shows the first, and the service
//! gets the second: both are made here, and only here.

use jiff::Timestamp;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;

use crate::certificate::Certificate;
use crate::exchange::endpoint::Endpoint;
use crate::exchange::roles_anywhere::{PATH, Session};
use crate::exchange::sigv4_x509::{Canonical, Request, Scope, amz_date, header_value};
use crate::identity::Chain;
use crate::key::public_key::Scheme;

/// The request's body. Members are in the order of their names.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    duration_seconds: u32,
    profile_arn: &'a str,
    role_arn: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    role_session_name: Option<&'a str>,
    trust_anchor_arn: &'a str,
}

/// A request that lacks nothing but the signature.
pub struct Unsigned<'a> {
    scope: Scope<'a>,
    leaf: &'a Certificate,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    /// What the signature covers.
    pub canonical: Canonical,
}

/// A request that is ready to be sent.
pub struct Signed {
    /// All headers but Host, which the HTTP library writes as it was signed.
    pub headers: HeaderMap,
    /// The JSON that the signature covers.
    pub body: Vec<u8>,
}

impl<'a> Unsigned<'a> {
    /// The request for a session, as of `time`; only a key of that scheme can sign it.
    ///
    /// # Panics
    /// Never: text and numbers are always JSON.
    #[must_use]
    pub fn new(
        session: &'a Session,
        endpoint: &Endpoint,
        chain: &'a Chain,
        scheme: Scheme,
        time: Timestamp,
    ) -> Self {
        let body = serde_json::to_vec(&Body {
            duration_seconds: session.duration,
            profile_arn: session.profile.as_str(),
            role_arn: session.role.as_str(),
            role_session_name: session.session_name.as_deref(),
            trust_anchor_arn: session.trust_anchor.as_str(),
        });
        #[expect(clippy::expect_used, reason = "nothing of it depends on what it says")]
        let body = body.expect("text and numbers are always JSON");
        let headers = headers(endpoint, chain, time);
        let url = endpoint.operation(PATH);
        let request = Request {
            method: "POST",
            path: url.path(),
            query: &[],
            headers: &headers,
            body: &body,
        };
        let canonical = request.canonical();
        let scope = Scope { time, region: &session.region, service: "rolesanywhere", scheme };
        Self { scope, leaf: &chain.leaf, headers, body, canonical }
    }

    /// What the key signs.
    #[must_use]
    pub fn string_to_sign(&self) -> String {
        self.scope.string_to_sign(&self.canonical)
    }

    /// The same with its signature.
    #[must_use]
    pub fn signed(self, signature: &[u8]) -> Signed {
        let authorization = self.scope.authorization(self.leaf, &self.canonical, signature);
        let named = self.headers.iter().filter(|(name, _)| *name != "host");
        let mut headers: HeaderMap = named
            .filter_map(|(name, value)| {
                Some((HeaderName::from_static(name), HeaderValue::from_str(value).ok()?))
            })
            .collect();
        if let Ok(authorization) = HeaderValue::from_str(&authorization) {
            headers.insert(AUTHORIZATION, authorization);
        }
        Signed { headers, body: self.body }
    }
}

/// The headers that are signed.
fn headers(endpoint: &Endpoint, chain: &Chain, time: Timestamp) -> Vec<(&'static str, String)> {
    let mut headers = vec![
        ("content-type", "application/json".to_owned()),
        ("host", endpoint.host()),
        ("x-amz-date", amz_date(time)),
        ("x-amz-x509", header_value(&chain.leaf)),
    ];
    let intermediates: Vec<_> = chain.intermediates.iter().map(header_value).collect();
    if !intermediates.is_empty() {
        headers.push(("x-amz-x509-chain", intermediates.join(",")));
    }
    headers
}
