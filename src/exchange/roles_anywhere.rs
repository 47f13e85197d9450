//! IAM Roles Anywhere: CreateSession (API version 2018-05-10), signed with the certificate's key.

use std::thread::JoinHandle;
use std::time::SystemTime;

use jiff::Timestamp;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use tracing::debug;

use crate::credentials::Credentials;
use crate::deadline::Deadline;
use crate::exchange::arn::Arn;
use crate::exchange::endpoint::Endpoint;
use crate::exchange::http::{Answer, Client};
use crate::exchange::sigv4_x509::{Request, Scope, amz_date, header_value};
use crate::exchange::{Error, Refusal};
use crate::identity::Identity;
use crate::secret::Secret;
use crate::timing::Phase;

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

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Granted {
    credential_set: Vec<CredentialSet>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CredentialSet {
    credentials: WireCredentials,
    role_arn: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireCredentials {
    access_key_id: String,
    secret_access_key: String,
    session_token: String,
    expiration: String,
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
        self.granted(&client, answer, now)
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

    fn granted(
        &self,
        client: &Client,
        answer: Answer,
        now: Timestamp,
    ) -> Result<Credentials, Error> {
        if answer.status != 201 {
            return Err(Error::Refused { host: self.endpoint.host(), refusal: refusal(&answer) });
        }
        let unusable = |reason: &str| client.unusable(reason);
        let granted: Granted = serde_json::from_slice(&answer.body)
            .map_err(|_| unusable("it is not the JSON of a session"))?;
        let set = granted.credential_set.into_iter().next();
        let set = set.ok_or_else(|| unusable("its credentialSet is empty"))?;
        if set.role_arn.is_some_and(|role| role != self.session.role.as_str()) {
            return Err(unusable("it is for another role"));
        }
        let given = set.credentials;
        let secret_access_key = Secret::new(given.secret_access_key);
        let session_token = Secret::new(given.session_token);
        let members = [&given.access_key_id, secret_access_key.expose(), session_token.expose()];
        if !members
            .into_iter()
            .all(|text| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic()))
        {
            return Err(unusable("a member of its credentials is empty or not printable"));
        }
        let expiration: Timestamp =
            given.expiration.parse().map_err(|_| unusable("its expiration is not a time"))?;
        if expiration <= now {
            return Err(unusable("its credentials have expired already"));
        }
        Ok(Credentials {
            access_key_id: given.access_key_id,
            secret_access_key,
            session_token,
            expiration,
        })
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

/// The error's type is in a header, perhaps with a namespace before `#` and a URL after `:`, or in
/// the body.
fn refusal(answer: &Answer) -> Refusal {
    let header = |name: &str| {
        let value = answer.headers.get(name).and_then(|value| value.to_str().ok());
        value.map(ToOwned::to_owned)
    };
    let said: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let member =
        |names: [&str; 2]| names.iter().find_map(|name| said[name].as_str()).map(ToOwned::to_owned);
    let (code, message) = (member(["code", "__type"]), member(["message", "Message"]));
    let kind = header("x-amzn-errortype").or(code).unwrap_or_default();
    let kind = kind.split(':').next().unwrap_or_default();
    let kind = kind.rsplit('#').next().unwrap_or_default();
    Refusal {
        kind: if kind.is_empty() { format!("HTTP {}", answer.status) } else { kind.to_owned() },
        message: message.unwrap_or_default(),
        status: answer.status,
        request_id: header("x-amzn-requestid"),
        clock_ahead: answer.clock_ahead,
    }
}

#[cfg(test)]
mod tests;
