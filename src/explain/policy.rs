//! The trust policy that lets one certificate take on a role (Roles Anywhere User Guide, "Trust
//! policy"): the service, the trust anchor, and something that only this certificate has.

use serde_json::{Value, json};

use crate::explain::Derived;

/// The policy for a trust anchor. The common name is the condition where it is a session tag, else
/// the source identity.
pub(super) fn of(anchor: &str, derived: &Derived) -> Value {
    let common_name = derived.tags.iter().find(|tag| tag.key == "x509Subject/CN" && tag.fits);
    let (key, value) = match common_name {
        Some(tag) => (format!("aws:PrincipalTag/{}", tag.key), &tag.value),
        None => ("sts:SourceIdentity".to_owned(), &derived.source_identity),
    };
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": { "Service": "rolesanywhere.amazonaws.com" },
            "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"],
            "Condition": {
                "ArnEquals": { "aws:SourceArn": anchor },
                "StringEquals": { key: value },
            },
        }],
    })
}
