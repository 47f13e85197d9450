//! STS GetCallerIdentity, for the credentials that this server has handed out.
//!
//! Source: the AWS General Reference, "Signature Version 4 signing process".

use std::time::SystemTime;

use super::Config;
use super::account::Session;
use super::http::{Refusal, Request, Response, escaped, owned, uuid};
use super::sigv4::{self, Authorization, Demands};
use crate::openssl::hmac_sha256;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const VERSION: &str = "2011-06-15";
const NO_MATCH: &str = "The request signature we calculated does not match the signature you provided. Check your AWS \
                        Secret Access Key and signing method. Consult the service documentation for details.";

/// Says who the caller is; `find` knows the session of an access key id.
pub(super) fn get_caller_identity(
    request: &Request,
    now: SystemTime,
    config: &Config,
    find: impl Fn(&str) -> Option<Session>,
) -> Result<Response, Refusal> {
    check_action(request)?;
    let header = request.header("authorization");
    let header =
        header.ok_or_else(|| denied("MissingAuthenticationToken", "authorization is missing"))?;
    let authorization =
        Authorization::parse(&header).map_err(|why| denied("IncompleteSignature", why))?;
    if authorization.algorithm != ALGORITHM {
        return Err(denied("IncompleteSignature", format!("algorithm is not {ALGORITHM}")));
    }
    let session = find(&authorization.identifier)
        .ok_or_else(|| denied("InvalidClientTokenId", "access key id was not handed out here"))?;
    check_token(request, &session, now)?;
    check_signature(request, now, config, &authorization, &session)?;
    Ok(identity(&session, &config.account))
}

fn check_action(request: &Request) -> Result<(), Refusal> {
    let encoded = match request.method.as_str() {
        "GET" => request.query.clone(),
        _ => String::from_utf8_lossy(&request.body).into_owned(),
    };
    let members = sigv4::members(&encoded)
        .map_err(|why| Refusal::new(400, "MalformedQueryString", &why, &why))?;
    let value = |name: &str| {
        members.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str())
    };
    let (action, version) = (value("Action"), value("Version"));
    if action == "GetCallerIdentity" && version == VERSION {
        return Ok(());
    }
    let message = format!("Could not find operation {action} for version {version}");
    Err(Refusal::new(
        400,
        "InvalidAction",
        message,
        "action is not GetCallerIdentity of version 2011-06-15",
    ))
}

fn check_token(request: &Request, session: &Session, now: SystemTime) -> Result<(), Refusal> {
    if request.header("x-amz-security-token").as_ref() != Some(&session.session_token) {
        return Err(denied(
            "InvalidClientTokenId",
            "x-amz-security-token is not the one handed out",
        ));
    }
    if now >= session.expiration {
        return Err(denied("ExpiredToken", "credentials have expired"));
    }
    Ok(())
}

fn check_signature(
    request: &Request,
    now: SystemTime,
    config: &Config,
    authorization: &Authorization,
    session: &Session,
) -> Result<(), Refusal> {
    let demands =
        Demands { region: &config.region, service: "sts", headers: &["host", "x-amz-date"] };
    let date = authorization
        .check(request, now, &demands)
        .map_err(|why| denied("SignatureDoesNotMatch", why))?;
    let message = authorization.string_to_sign(&date, &authorization.canonical_request(request));
    let seed = format!("AWS4{}", session.secret_access_key).into_bytes();
    let scope = [&authorization.day, &authorization.region, &authorization.service, "aws4_request"];
    let key = scope.iter().fold(seed, |key, part| hmac_sha256(&key, part.as_bytes()).to_vec());
    match hmac_sha256(&key, message.as_bytes()).as_slice() == authorization.signature {
        true => Ok(()),
        false => Err(denied(
            "SignatureDoesNotMatch",
            "signature does not fit the secret key and the canonical request",
        )),
    }
}

fn denied(code: &str, reason: impl Into<String>) -> Refusal {
    let message = match code {
        "ExpiredToken" => "The security token included in the request is expired",
        "IncompleteSignature" => "Request signature is not well-formed",
        "InvalidClientTokenId" => "The security token included in the request is invalid.",
        "MissingAuthenticationToken" => "Request is missing Authentication Token",
        _ => NO_MATCH,
    };
    Refusal::new(403, code, message, reason)
}

fn identity(session: &Session, account: &str) -> Response {
    let identifier = uuid();
    let body = format!(
        "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n  \
         <GetCallerIdentityResult>\n    <Arn>{}</Arn>\n    <UserId>{}</UserId>\n    <Account>{account}</Account>\n  \
         </GetCallerIdentityResult>\n  <ResponseMetadata>\n    <RequestId>{}</RequestId>\n  </ResponseMetadata>\n\
         </GetCallerIdentityResponse>\n",
        escaped(&session.assumed_role_arn),
        escaped(&session.assumed_role_id),
        identifier
    );
    Response {
        status: 200,
        headers: owned(&[("content-type", "text/xml"), ("x-amzn-requestid", &identifier)]),
        body: body.into_bytes(),
    }
}
