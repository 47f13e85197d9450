//! The trust policy that lets one certificate take on a role (Roles Anywhere User Guide, "Trust
//! policy"): the service, the trust anchor, and something that only this certificate has.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::explain::Derived;

/// A trust policy in IAM's JSON, its members in the order that people write them.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct TrustPolicy {
    version: &'static str,
    statement: [Statement; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Statement {
    effect: &'static str,
    principal: BTreeMap<&'static str, &'static str>,
    action: [&'static str; 3],
    /// By operator, then by key.
    condition: BTreeMap<&'static str, BTreeMap<String, String>>,
}

/// The policy for a trust anchor. The common name is the condition where it is a session tag, else
/// the source identity.
pub(super) fn of(anchor: &str, derived: &Derived) -> TrustPolicy {
    let common_name = derived.tags.iter().find(|tag| tag.key == "x509Subject/CN" && tag.fits);
    let (key, value) = match common_name {
        Some(tag) => (format!("aws:PrincipalTag/{}", tag.key), &tag.value),
        None => ("sts:SourceIdentity".to_owned(), &derived.source_identity),
    };
    let statement = Statement {
        effect: "Allow",
        principal: [("Service", "rolesanywhere.amazonaws.com")].into(),
        action: ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"],
        condition: [
            ("ArnEquals", [("aws:SourceArn".to_owned(), anchor.to_owned())].into()),
            ("StringEquals", [(key, value.clone())].into()),
        ]
        .into(),
    };
    TrustPolicy { version: "2012-10-17", statement: [statement] }
}
