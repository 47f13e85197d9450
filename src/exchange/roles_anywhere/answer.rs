//! What CreateSession answers: one set of credentials, or a refusal. Both are foreign text, and
//! nothing of it is believed before it has been checked.

use jiff::Timestamp;
use serde::Deserialize;

use crate::credentials::Credentials;
use crate::exchange::Refusal;
use crate::exchange::http::Answer;
use crate::secret::Secret;

/// Signatures whose time is off by five minutes are refused; half a minute is for what the Date
/// header and the way here blur. In seconds.
const CLOCK_WINDOW: i64 = 270;

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

/// The credentials of a body with status 201 (Roles Anywhere User Guide, "CreateSession API"): the
/// first of its set, for that role, and good at `now`.
///
/// # Errors
/// What is wrong with it.
pub fn granted(body: &[u8], role: &str, now: Timestamp) -> Result<Credentials, &'static str> {
    let granted: Granted =
        serde_json::from_slice(body).map_err(|_| "it is not the JSON of a session")?;
    let set = granted.credential_set.into_iter().next().ok_or("its credentialSet is empty")?;
    if set.role_arn.is_some_and(|own| own != role) {
        return Err("it is for another role");
    }
    let given = set.credentials;
    let secret_access_key = Secret::new(given.secret_access_key);
    let session_token = Secret::new(given.session_token);
    let members = [&given.access_key_id, secret_access_key.expose(), session_token.expose()];
    let printable = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
    if !members.into_iter().all(printable) {
        return Err("a member of its credentials is empty or not printable");
    }
    let expiration: Timestamp =
        given.expiration.parse().map_err(|_| "its expiration is not a time")?;
    if expiration <= now {
        return Err("its credentials have expired already");
    }
    let access_key_id = given.access_key_id;
    Ok(Credentials { access_key_id, secret_access_key, session_token, expiration })
}

/// The refusal in any other answer. The error's type is in a header, perhaps with a namespace before
/// `#` and a URL after `:`, or in the body.
#[must_use]
pub fn refusal(answer: &Answer) -> Refusal {
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

/// How far the service's clock is ahead of ours, in seconds, where it refuses a signature and that
/// may be why. The Date header is the word of a server that TLS vouches for.
#[must_use]
pub fn blames_the_clock(answer: &Answer) -> Option<i64> {
    let of_the_signature = || refusal(answer).message.to_ascii_lowercase().contains("signature");
    let ahead = answer.clock_ahead.filter(|ahead| ahead.abs() >= CLOCK_WINDOW);
    ahead.filter(|_| answer.status == 403 && of_the_signature())
}
