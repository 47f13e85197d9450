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
/// A clock that is further off is said, and not corrected: whoever stands between us and the service
/// must not get a signature for a time far ahead, to be used then. In seconds, a day.
const MOST_CORRECTED: i64 = 86_400;

/// Longest body that is searched for the words of a refusal, in bytes: as a tree of values it takes a
/// hundred times as much.
const LONGEST_REFUSAL: usize = 64 * 1024;

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
    let body = if answer.body.len() > LONGEST_REFUSAL { &[] } else { answer.body.as_slice() };
    let said: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let member = |names: [&str; 2]| {
        names.iter().find_map(|name| said.get(name)?.as_str()).map(ToOwned::to_owned)
    };
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

/// Whether a refusal is such as AWS's services write: by its headers, or a JSON body with their members.
#[must_use]
pub fn is_of_a_service(answer: &Answer) -> bool {
    let refusal = refusal(answer);
    let named = refusal.kind != format!("HTTP {}", answer.status);
    let refused = (400..500).contains(&answer.status);
    refused && (named || !refusal.message.is_empty() || refusal.request_id.is_some())
}

/// How far the service's clock is ahead of ours, in seconds, where it refuses a signature and that
/// may be why. The Date header is the word of a server that TLS vouches for.
#[must_use]
pub fn blames_the_clock(answer: &Answer) -> Option<i64> {
    let of_the_signature = || refusal(answer).message.to_ascii_lowercase().contains("signature");
    let ahead =
        answer.clock_ahead.filter(|ahead| (CLOCK_WINDOW..=MOST_CORRECTED).contains(&ahead.abs()));
    ahead.filter(|_| answer.status == 403 && of_the_signature())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use reqwest::header::HeaderMap;
    use serde_json::json;
    use zeroize::Zeroizing;

    use super::*;

    const ROLE: &str = "arn:aws:iam::111122223333:role/Example";

    fn now() -> Timestamp {
        "2026-11-22T12:00:00Z".parse().expect("time")
    }

    fn said(body: Vec<u8>) -> Refusal {
        let (headers, body) = (HeaderMap::new(), Zeroizing::new(body));
        refusal(&Answer { status: 403, headers, body, clock_ahead: None })
    }

    #[test]
    fn a_refusal_is_looked_into_up_to_its_longest() {
        let padded = |length: usize| {
            let mut body = br#"{"code":"A","message":"words"}"#.to_vec();
            body.resize(length, b' ');
            said(body)
        };
        assert_eq!(padded(LONGEST_REFUSAL).message, "words");
        let longer = padded(LONGEST_REFUSAL + 1);
        assert_eq!((&*longer.kind, &*longer.message), ("HTTP 403", ""));
    }

    #[test]
    fn a_body_that_nests_without_end_does_not_fill_the_stack() {
        for nest in ["[", "{\"a\":", "{\"credentialSet\":[{\"x\":"] {
            let body = nest.repeat(1024 * 1024 / nest.len());
            assert!(granted(body.as_bytes(), ROLE, now()).is_err(), "{nest}");
            assert_eq!(said(nest.repeat(LONGEST_REFUSAL / nest.len()).into()).kind, "HTTP 403");
        }
    }

    proptest! {
        #[test]
        fn credentials_are_granted_only_if_they_can_be_used(
            id in "[!-~]{0,3}|.{0,3}", secret in "[!-~]{0,3}|.{0,3}", token in "[!-~]{0,3}|.{0,3}",
            seconds in -3_i64..4,
        ) {
            let expiration = Timestamp::from_second(now().as_second() + seconds).expect("time");
            let credentials = json!({
                "accessKeyId": id, "secretAccessKey": secret, "sessionToken": token,
                "expiration": expiration.to_string(),
            });
            let body = json!({"credentialSet": [{"credentials": credentials, "roleArn": ROLE}]});
            let usable = |text: &str| !text.is_empty() && text.bytes().all(|b| (33..127).contains(&b));
            let expected = [&id, &secret, &token].into_iter().all(|text| usable(text)) && seconds > 0;
            match granted(body.to_string().as_bytes(), ROLE, now()) {
                Ok(credentials) => {
                    prop_assert!(expected);
                    prop_assert_eq!(credentials.secret_access_key.expose(), secret);
                    prop_assert_eq!(credentials.session_token.expose(), token);
                    prop_assert_eq!(credentials.access_key_id, id);
                }
                Err(reason) => prop_assert!(!expected, "{}", reason),
            }
        }
    }
}
