//! IAM Roles Anywhere: CreateSession (API version 2018-05-10), signed with the certificate's key.

use std::thread::JoinHandle;
use std::time::SystemTime;

use jiff::Timestamp;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;
use tracing::debug;

use crate::credentials::Credentials;
use crate::deadline::Deadline;
use crate::exchange::Error;
use crate::exchange::arn::Arn;
use crate::exchange::endpoint::Endpoint;
use crate::exchange::http::Client;
use crate::exchange::sigv4_x509::{Request, Scope, amz_date, header_value};
use crate::identity::Identity;
use crate::timing::Phase;

pub mod answer;

const PATH: &str = "/sessions";

/// What is asked for. All of it has been checked.
pub struct Session {
    /// Canonical or alias ARN.
    pub trust_anchor: Arn,
    /// Canonical or alias ARN.
    pub profile: Arn,
    /// The role.
    pub role: Arn,
    /// The region of the signature: that of the endpoint.
    pub region: String,
    /// Seconds, 900 to 43200.
    pub duration: u32,
    /// The role session's name, where the profile accepts one.
    pub session_name: Option<String>,
}

/// An exchange of an identity for a role's credentials.
pub struct RolesAnywhere {
    identity: Identity,
    session: Session,
    endpoint: Endpoint,
    client: std::sync::Mutex<Option<JoinHandle<Result<Client, Error>>>>,
}

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

/// A request that is ready to be sent.
struct Signed {
    headers: HeaderMap,
    body: Vec<u8>,
}

impl RolesAnywhere {
    /// An exchange whose client is being made on a thread of its own.
    #[must_use]
    pub fn new(
        identity: Identity,
        session: Session,
        endpoint: Endpoint,
        client: JoinHandle<Result<Client, Error>>,
    ) -> Self {
        Self { identity, session, endpoint, client: std::sync::Mutex::new(Some(client)) }
    }

    /// Signs once, asks, and checks the answer.
    ///
    /// # Errors
    /// When the device, the network or the service fails, or does not answer in time.
    pub async fn credentials(
        &self,
        now: SystemTime,
        deadline: &Deadline,
    ) -> Result<Credentials, Error> {
        let now = Timestamp::try_from(now).unwrap_or(Timestamp::UNIX_EPOCH);
        let signed = {
            let _phase = Phase::start("sign");
            self.signed(now)?
        };
        self.identity.release();
        let client = self.client()?;
        let _phase = Phase::start("CreateSession");
        let answer = client.post(PATH, &signed.headers, &signed.body, deadline).await?;
        debug!("{} answered {}", self.endpoint.host(), answer.status);
        if answer.status != 201 {
            let refusal = answer::refusal(&answer);
            return Err(Error::Refused { host: self.endpoint.host(), refusal });
        }
        let granted = answer::granted(&answer.body, self.session.role.as_str(), now);
        granted.map_err(|reason| client.unusable(reason))
    }

    fn client(&self) -> Result<Client, Error> {
        let mut client = self.client.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let lost = || Error::Roots { reason: "they were read already".to_owned() };
        let thread = client.take().ok_or_else(lost)?;
        thread.join().unwrap_or_else(|_| Err(lost()))
    }

    fn signed(&self, time: Timestamp) -> Result<Signed, Error> {
        let (host, url) = (self.endpoint.host(), self.endpoint.operation(PATH));
        let body = serde_json::to_vec(&Body {
            duration_seconds: self.session.duration,
            profile_arn: self.session.profile.as_str(),
            role_arn: self.session.role.as_str(),
            role_session_name: self.session.session_name.as_deref(),
            trust_anchor_arn: self.session.trust_anchor.as_str(),
        });
        let body =
            body.map_err(|error| Error::Answer { host: host.clone(), reason: error.to_string() })?;
        let mut headers = vec![
            ("content-type", "application/json".to_owned()),
            ("host", host),
            ("x-amz-date", amz_date(time)),
            ("x-amz-x509", header_value(self.identity.leaf())),
        ];
        let chain: Vec<_> = self.identity.intermediates().iter().map(header_value).collect();
        if !chain.is_empty() {
            headers.push(("x-amz-x509-chain", chain.join(",")));
        }
        let request = Request {
            method: "POST",
            path: url.path(),
            query: &[],
            headers: &headers,
            body: &body,
        };
        let canonical = request.canonical();
        let scheme = self.identity.scheme();
        let scope = Scope { time, region: &self.session.region, service: "rolesanywhere", scheme };
        let to_sign = scope.string_to_sign(&canonical);
        debug!("string to sign: {to_sign:?}");
        let signature = self.identity.sign(to_sign.as_bytes())?;
        let authorization = scope.authorization(self.identity.leaf(), &canonical, &signature);
        Ok(Signed { headers: sent(&headers, &authorization), body })
    }
}

/// The signed headers but Host, which the HTTP library writes as it was signed, and the signature.
fn sent(signed: &[(&'static str, String)], authorization: &str) -> HeaderMap {
    let named = signed.iter().filter(|(name, _)| *name != "host");
    let mut headers: HeaderMap = named
        .filter_map(|(name, value)| {
            Some((HeaderName::from_static(name), HeaderValue::from_str(value).ok()?))
        })
        .collect();
    if let Ok(authorization) = HeaderValue::from_str(authorization) {
        headers.insert(AUTHORIZATION, authorization);
    }
    headers
}

#[cfg(test)]
mod tests;
