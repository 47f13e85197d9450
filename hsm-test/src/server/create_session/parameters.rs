//! The input of CreateSession, from the query and the JSON body: what it may contain, and in which ranges.

use serde_json::{Map, Value};

use super::super::http::{Refusal, Request};
use super::super::sigv4;

const ARNS: [&str; 3] = ["profileArn", "roleArn", "trustAnchorArn"];
const BODY_ONLY: [&str; 4] =
    ["durationSeconds", "instanceProperties", "roleSessionName", "sessionName"];
const LONGEST_ARN: usize = 1011;

/// Input that is well-formed.
#[derive(Debug)]
pub(super) struct Parameters {
    pub(super) profile_arn: String,
    pub(super) role_arn: String,
    pub(super) trust_anchor_arn: String,
    pub(super) duration_seconds: Option<u32>,
    pub(super) role_session_name: Option<String>,
}

/// Reads the members; each ARN stands in the query or in the body, everything else in the body.
pub(super) fn read(request: &Request) -> Result<Parameters, Refusal> {
    let content_type = request.header("content-type").unwrap_or_default();
    if content_type.split(';').next() != Some("application/json") {
        return Err(invalid("Unsupported content type", "content-type is not application/json"));
    }
    let members = members(request)?;
    check_instance_properties(&members)?;
    Ok(Parameters {
        profile_arn: arn(&members, "profileArn", "rolesanywhere", &["profile/", "alias/profile/"])?,
        role_arn: arn(&members, "roleArn", "iam", &["role/"])?,
        trust_anchor_arn: arn(
            &members,
            "trustAnchorArn",
            "rolesanywhere",
            &["trust-anchor/", "alias/trust-anchor/"],
        )?,
        duration_seconds: duration(&members)?,
        role_session_name: role_session_name(&members)?,
    })
}

/// Query and body as one object, without unknown or repeated members.
fn members(request: &Request) -> Result<Map<String, Value>, Refusal> {
    let mut members = body(request)?;
    if let Some(unknown) = members
        .keys()
        .find(|name| !ARNS.contains(&name.as_str()) && !BODY_ONLY.contains(&name.as_str()))
    {
        return Err(invalid("Unexpected member", format!("body has an unknown member {unknown}")));
    }
    for (name, value) in
        sigv4::members(&request.query).map_err(|reason| invalid("Malformed query", reason))?
    {
        if !ARNS.contains(&name.as_str()) {
            return Err(invalid(
                "Unexpected member",
                format!("query has an unknown member {name}"),
            ));
        }
        if members.insert(name.clone(), Value::String(value)).is_some() {
            return Err(invalid("Repeated member", format!("{name} is given twice")));
        }
    }
    Ok(members)
}

fn body(request: &Request) -> Result<Map<String, Value>, Refusal> {
    if request.body.is_empty() {
        return Ok(Map::new());
    }
    match serde_json::from_slice(&request.body) {
        Ok(Value::Object(members)) => Ok(members),
        _ => Err(Refusal::new(
            400,
            "SerializationException",
            "Malformed body",
            "body is not a JSON object",
        )),
    }
}

/// A member that must be an ARN of a service, with a resource of one of these forms.
fn arn(
    members: &Map<String, Value>,
    name: &str,
    service: &str,
    resources: &[&str],
) -> Result<String, Refusal> {
    let value =
        members.get(name).ok_or_else(|| constraint("null", name, "Member must not be null"))?;
    let malformed =
        || constraint(&value.to_string(), name, "Member must satisfy regular expression pattern");
    let text = value.as_str().ok_or_else(malformed)?;
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let ["arn", partition, owner, _, _, resource] = parts[..] else {
        return Err(malformed());
    };
    let fits = partition.starts_with("aws")
        && owner == service
        && text.len() <= LONGEST_ARN
        && resources
            .iter()
            .any(|start| resource.strip_prefix(start).is_some_and(|rest| !rest.is_empty()));
    if fits { Ok(text.to_owned()) } else { Err(malformed()) }
}

fn duration(members: &Map<String, Value>) -> Result<Option<u32>, Refusal> {
    let Some(value) = members.get("durationSeconds") else {
        return Ok(None);
    };
    let refuse = |rule| constraint(&value.to_string(), "durationSeconds", rule);
    match value.as_i64() {
        None => Err(refuse("Member must be an integer")),
        Some(..900) => Err(refuse("Member must have value greater than or equal to 900")),
        Some(43_201..) => Err(refuse("Member must have value less than or equal to 43200")),
        Some(seconds) => Ok(Some(u32::try_from(seconds).expect("the range was checked"))),
    }
}

/// STS's rule: 2 to 64 of letters, digits and `_+=,.@-`.
fn role_session_name(members: &Map<String, Value>) -> Result<Option<String>, Refusal> {
    let Some(value) = members.get("roleSessionName") else {
        return Ok(None);
    };
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    match value.as_str() {
        Some(name) if (2..=64).contains(&name.len()) && name.chars().all(allowed) => {
            Ok(Some(name.into()))
        }
        _ => Err(constraint(
            &value.to_string(),
            "roleSessionName",
            "Member must satisfy regular expression pattern",
        )),
    }
}

/// A map of strings that nothing is done with.
fn check_instance_properties(members: &Map<String, Value>) -> Result<(), Refusal> {
    match members.get("instanceProperties") {
        None => Ok(()),
        Some(Value::Object(map)) if map.values().all(Value::is_string) => Ok(()),
        Some(other) => Err(constraint(
            &other.to_string(),
            "instanceProperties",
            "Member must be a map of strings",
        )),
    }
}

/// The service's sentence about one member.
fn constraint(value: &str, name: &str, rule: &str) -> Refusal {
    let value = value.trim_matches('"');
    let message = format!(
        "1 validation error detected: Value '{value}' at '{name}' failed to satisfy constraint: {rule}"
    );
    invalid(&message, format!("{name} is missing or malformed: {rule}"))
}

fn invalid(message: &str, reason: impl Into<String>) -> Refusal {
    Refusal::invalid(message, reason)
}
