//! What is told when the service refuses or cannot be reached: its own words, what they mean, and
//! what to do. The service does not promise its texts: they are recognised by what they contain.

use crate::error::{Class, Report, TRY_EACH_STEP, tls};
use crate::exchange::{Error, Refusal};

/// Beyond this the service refuses signatures as invalid; in seconds.
const CLOCK_WINDOW: i64 = 300;

/// Texts of the service and their causes, as seen in the field.
const KNOWN: [(&str, &str, &str); 10] = [
    (
        "exceeds the maxsessionduration",
        "the role allows shorter sessions only",
        "ask for less with --session-duration, or raise the role's maximum session duration",
    ),
    (
        "failed to be mapped into session tags",
        "an attribute of the certificate cannot become a session tag",
        "have the certificate issued without it, or remove the profile's attribute mapping for it",
    ),
    (
        "untrusted signing certificate",
        "no path from the certificate to the trust anchor was found",
        "give the intermediate certificates with --intermediates, and check --trust-anchor-arn",
    ),
    (
        "untrusted certificate. insufficient certificate",
        "the certificate lacks something that the service demands",
        "have it issued anew with key usage digitalSignature, CA:FALSE and a subject",
    ),
    (
        "invalid signature",
        "the signature did not verify there",
        "check this computer's clock, and that --region is the endpoint's",
    ),
    (
        "certificate revoked",
        "the certificate is on a revocation list",
        "have a new certificate issued",
    ),
    (
        "specified trust anchor is disabled",
        "the trust anchor is switched off",
        "enable it, or give another one with --trust-anchor-arn",
    ),
    (
        "not authorized to set rolesessionname",
        "the profile does not accept a session name",
        "leave --role-session-name out, or set acceptRoleSessionName on the profile",
    ),
    (
        "unable to assume role",
        "the role's trust policy does not allow it",
        "allow sts:AssumeRole, sts:TagSession and sts:SetSourceIdentity to rolesanywhere.amazonaws.com for this certificate, and list the role in the profile",
    ),
    (
        "1 validation error",
        "a value is malformed or out of range",
        "correct the value that the service names",
    ),
];

pub(super) fn report(error: &Error) -> Report {
    match error {
        Error::Answer { reason, .. } => Report::new(Class::Remote, error)
            .cause(reason)
            .hint("check --endpoint; something other than IAM Roles Anywhere may have answered"),
        Error::Clock { .. } => Report::new(Class::Local, error)
            .cause("signatures are good for five minutes")
            .hint("set it right, and keep it so by NTP"),
        Error::Identity(error) => crate::error::pair::report(error),
        Error::Insecure { reason, .. } => {
            let (cause, hint) = tls::told(reason);
            Report::new(Class::Remote, error).cause(cause).hint(hint)
        }
        Error::Refused { refusal, .. } => {
            Report::new(Class::Remote, error).cause(cause(refusal)).hint(hint(refusal))
        }
        Error::Roots { reason } => Report::new(Class::Local, error)
            .cause(reason)
            .hint("give a PEM file with --ca-bundle, or install the system's CA certificates"),
        Error::System(error) => Report::out_of_resources(error),
        Error::TimedOut { .. } => Report::new(Class::Deadline, error).hint(format!(
            "check the network and HTTPS_PROXY, or allow more time with --timeout{TRY_EACH_STEP}"
        )),
        Error::Unreachable { reason, .. } => Report::new(Class::Remote, error).cause(reason).hint(
            format!("check the network, --region, --endpoint and HTTPS_PROXY{TRY_EACH_STEP}"),
        ),
    }
}

fn cause(refusal: &Refusal) -> String {
    let said = if refusal.message.is_empty() {
        format!("HTTP status {}", refusal.status)
    } else {
        refusal.message.trim_end_matches('.').chars().take(190).collect()
    };
    let meant = known(refusal).map_or(String::new(), |(_, meaning, _)| format!(": {meaning}"));
    let request =
        refusal.request_id.as_ref().map_or(String::new(), |id| format!(" (request {id})"));
    format!("{said}{meant}{request}")
}

fn hint(refusal: &Refusal) -> String {
    let ahead = refusal.clock_ahead.unwrap_or(0);
    if refusal.status == 403 && ahead.abs() > CLOCK_WINDOW {
        let minutes = (ahead.abs() + 30) / 60;
        let how = if ahead > 0 { "slow" } else { "fast" };
        return format!("this computer's clock is {minutes} minutes {how}; set it right");
    }
    if let Some((_, _, hint)) = known(refusal) {
        return (*hint).to_owned();
    }
    match refusal.status {
        300..=399 => "check --endpoint; redirects are not followed".to_owned(),
        403 => format!(
            "check the trust anchor, the profile, the role and its trust policy{TRY_EACH_STEP}"
        ),
        404 => "check --trust-anchor-arn and --profile-arn, and that both are in this region"
            .to_owned(),
        429 => "too many requests; wait a little".to_owned(),
        500.. => "the service has trouble; try again later".to_owned(),
        _ => format!("check the options, and --endpoint{TRY_EACH_STEP}"),
    }
}

fn known(refusal: &Refusal) -> Option<&'static (&'static str, &'static str, &'static str)> {
    let message = refusal.message.to_lowercase();
    KNOWN.iter().find(|(text, _, _)| message.contains(text))
}
