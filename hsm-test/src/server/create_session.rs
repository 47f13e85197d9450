//! CreateSession of IAM Roles Anywhere, as the service decides it: signature, input, certificates, role.
//!
//! Sources: the IAM Roles Anywhere user guide, "Signing process", "Trust model" and "CreateSession".

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::account::{Account, Session};
use super::http::{Refusal, Request, Response, owned};
use super::sigv4::{Authorization, Demands};
use super::{Config, certificate, clock, diagnosis};
use crate::openssl::{self, Certificate, KeyFamily, Padding, Serial};
use parameters::Parameters;

mod parameters;

/// A request whose signature is right.
pub struct Signed {
    /// The certificate whose key signed.
    pub leaf: Certificate,
    /// The certificates sent along.
    pub chain: Vec<Certificate>,
    /// The leaf's serial number.
    pub serial: Serial,
    /// What was signed, before hashing.
    pub canonical_request: String,
}

/// A session that the service would give.
#[derive(Debug)]
pub(super) struct Grant {
    role_arn: String,
    session_name: String,
    source_identity: String,
    subject_arn: String,
    duration: Duration,
}

/// Verifies the signature of a request to a region at a moment; who issued the certificate is not asked here.
pub fn verify_signature(
    request: &Request,
    now: SystemTime,
    region: &str,
) -> Result<Signed, Refusal> {
    let header = |name: &str| request.header(name);
    let authorization =
        header("authorization").ok_or_else(|| Refusal::signature("authorization is missing"))?;
    let authorization = Authorization::parse(&authorization).map_err(Refusal::signature)?;
    let encoded =
        header("x-amz-x509").ok_or_else(|| Refusal::signature("x-amz-x509 is missing"))?;
    let leaf = certificate::leaf_from_header(&encoded)?;
    let chain = header("x-amz-x509-chain")
        .map(|value| certificate::chain_from_header(&value))
        .transpose()?;
    let headers = &["content-type", "host", "x-amz-date", "x-amz-x509"];
    let demands = Demands { region, service: "rolesanywhere", headers };
    let date = authorization.check(request, now, &demands).map_err(Refusal::signature)?;
    check_algorithm(&authorization.algorithm, &leaf)?;
    let serial = leaf.serial();
    check_serial(&authorization.identifier, &serial)?;
    let canonical_request = authorization.canonical_request(request);
    let message = authorization.string_to_sign(&date, &canonical_request);
    if !leaf.verifies(Padding::Pkcs1, message.as_bytes(), &authorization.signature) {
        let mistake = diagnosis::name_mistake(&leaf, request, &authorization, &date);
        return Err(Refusal::signature(mistake));
    }
    Ok(Signed { leaf, chain: chain.unwrap_or_default(), serial, canonical_request })
}

/// Decides about a request.
pub(super) fn verify(
    request: &Request,
    now: SystemTime,
    account: &Account,
) -> Result<Grant, Refusal> {
    let config = &account.config;
    if request.method != "POST" {
        let reason = format!("/sessions takes no {}", request.method);
        return Err(Refusal::new(405, "UnknownOperationException", "", reason));
    }
    let signed = verify_signature(request, now, &config.region)?;
    let parameters = parameters::read(request)?;
    let anchor = find_anchor(&parameters.trust_anchor_arn, account)?;
    check_profile(&parameters.profile_arn, config)?;
    certificate::check_leaf(&signed.leaf, now)?;
    certificate::check_path(&signed.leaf, &signed.chain, anchor, now)?;
    let duration = check_role(&parameters, config)?;
    let session_name = session_name(&parameters, &signed.serial, config)?;
    let subject = openssl::hex(&openssl::sha256(signed.leaf.der())[..16]);
    Ok(Grant {
        role_arn: parameters.role_arn,
        session_name,
        source_identity: source_identity(&signed),
        subject_arn: format!(
            "arn:aws:rolesanywhere:{}:{}:subject/{subject}",
            config.region, config.account
        ),
        duration,
    })
}

impl Grant {
    /// Fresh credentials.
    pub(super) fn session(&self, now: SystemTime) -> Session {
        let role = self.role_arn.rsplit('/').next().unwrap_or_default();
        let account = self.role_arn.split(':').nth(4).unwrap_or_default();
        let name = &self.session_name;
        // a real token says where it comes from, and is longer than most buffers expect
        let token = [b"origin_ec".as_slice(), &openssl::random::<600>()].concat();
        Session {
            access_key_id: format!("ASIA{}", key_characters(openssl::random::<16>())),
            secret_access_key: STANDARD.encode(openssl::random::<30>()),
            session_token: STANDARD.encode(token),
            expiration: now + self.duration,
            assumed_role_arn: format!("arn:aws:sts::{account}:assumed-role/{role}/{name}"),
            assumed_role_id: format!("AROA{}:{name}", &stable_characters(&self.role_arn)),
        }
    }

    /// The answer that hands them out.
    pub(super) fn response(&self, session: &Session) -> Response {
        let body = json!({
            "credentialSet": [{
                "assumedRoleUser": { "arn": session.assumed_role_arn, "assumedRoleId": session.assumed_role_id },
                "credentials": {
                    "accessKeyId": session.access_key_id,
                    "secretAccessKey": session.secret_access_key,
                    "sessionToken": session.session_token,
                    "expiration": clock::rfc3339(session.expiration),
                },
                "packedPolicySize": 10,
                "roleArn": self.role_arn,
                "sourceIdentity": self.source_identity,
            }],
            "subjectArn": self.subject_arn,
        });
        let headers = owned(&[("content-type", "application/json")]);
        Response { status: 201, headers, body: body.to_string().into_bytes() }
    }
}

fn check_algorithm(algorithm: &str, leaf: &Certificate) -> Result<(), Refusal> {
    let expected = match leaf.key_family() {
        KeyFamily::Ec => "AWS4-X509-ECDSA-SHA256",
        KeyFamily::Rsa => "AWS4-X509-RSA-SHA256",
        KeyFamily::Other => {
            return Err(Refusal::signature("leaf has a key that is neither RSA nor EC"));
        }
    };
    match algorithm == expected {
        true => Ok(()),
        false => Err(Refusal::signature("algorithm does not fit the leaf's key")),
    }
}

fn check_serial(sent: &str, serial: &Serial) -> Result<(), Refusal> {
    let is_hex =
        sent.to_ascii_lowercase().trim_start_matches('0') == serial.hex.trim_start_matches('0');
    let reason = match sent {
        _ if sent == serial.decimal => return Ok(()),
        _ if sent.starts_with('-') => "serial is negative",
        _ if is_hex || !sent.bytes().all(|b| b.is_ascii_digit()) => "serial is not decimal",
        _ => "serial is not the leaf's",
    };
    Err(Refusal::signature(reason))
}

/// The DER of the trust anchor with this ARN or alias.
fn find_anchor<'a>(arn: &str, account: &'a Account) -> Result<&'a [u8], Refusal> {
    let config = &account.config;
    let named = |index: &usize| {
        [config.trust_anchor_arn(*index), config.trust_anchor_alias_arn(*index)]
            .contains(&arn.into())
    };
    check_place(arn, "trust anchor", config)?;
    let index = (0..account.anchors.len()).find(named).ok_or_else(|| missing("trust anchor"))?;
    match config.anchors_enabled {
        true => Ok(&account.anchors[index]),
        false => {
            Err(Refusal::denied("Specified Trust Anchor is disabled.", "trust anchor is disabled"))
        }
    }
}

fn check_profile(arn: &str, config: &Config) -> Result<(), Refusal> {
    check_place(arn, "profile", config)?;
    match [config.profile_arn(), config.profile_alias_arn()].contains(&arn.into()) {
        true => Ok(()),
        false => Err(missing("profile")),
    }
}

/// Anchor and profile are looked up where the request was sent.
fn check_place(arn: &str, what: &str, config: &Config) -> Result<(), Refusal> {
    let mut parts = arn.split(':').skip(3);
    if parts.next() != Some(&config.region) {
        let reason = format!("{what} is of another region");
        return Err(Refusal::invalid("Resource is in another region", reason));
    }
    if parts.next() != Some(&config.account) {
        return Err(Refusal::denied(
            "Resource is in another account",
            format!("{what} is of another account"),
        ));
    }
    Ok(())
}

fn missing(what: &str) -> Refusal {
    let message = format!("Unable to find the specified {what}");
    Refusal::new(404, "ResourceNotFoundException", message, format!("{what} does not exist"))
}

/// How long the session lasts, if the role may be assumed for so long.
fn check_role(parameters: &Parameters, config: &Config) -> Result<Duration, Refusal> {
    let arn = &parameters.role_arn;
    let message = format!("Unable to assume role for {arn}");
    let Some(role) = config.roles.iter().find(|role| role.arn == *arn) else {
        return Err(Refusal::denied(message, "role does not exist"));
    };
    if !config.profile.roles.contains(arn) {
        return Err(Refusal::denied(message, "role is not in the profile"));
    }
    let profile = config.profile.duration_seconds;
    let seconds = parameters.duration_seconds.map_or(profile, |asked| asked.min(profile));
    if seconds > role.max_session_duration {
        let message = format!(
            "{message}: The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
        );
        return Err(Refusal::denied(message, "duration exceeds the role's maximum"));
    }
    Ok(Duration::from_secs(seconds.into()))
}

/// The name asked for where the profile allows one, else the leaf's serial number in hexadecimal.
fn session_name(
    parameters: &Parameters,
    serial: &Serial,
    config: &Config,
) -> Result<String, Refusal> {
    match &parameters.role_session_name {
        Some(_) if !config.profile.accept_role_session_name => Err(Refusal::denied(
            "Not authorized to set roleSessionName.",
            "profile does not accept a roleSessionName",
        )),
        Some(name) => Ok(name.clone()),
        None => Ok(serial.hex.clone()),
    }
}

/// The user guide's "Source identity rules".
fn source_identity(signed: &Signed) -> String {
    match signed.leaf.common_name() {
        Some(name) if name.chars().count() <= 61 => format!("CN={name}"),
        Some(name) => name,
        None => format!("ID={}", signed.serial.hex),
    }
}

/// The alphabet of AWS's identifiers.
fn key_characters(octets: [u8; 16]) -> String {
    octets
        .iter()
        .map(|octet| char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[usize::from(octet % 32)]))
        .collect()
}

/// A role keeps its id.
fn stable_characters(text: &str) -> String {
    let digest = openssl::sha256(text.as_bytes());
    key_characters(digest[..16].try_into().expect("a digest has 32 octets"))
}
