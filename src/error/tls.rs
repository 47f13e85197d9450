//! What is told when TLS fails: the library's words are for those who know it, these for the others.

use crate::error::TRY_EACH_STEP;

/// What the library says, what it means, and what to do.
const KNOWN: [(&str, &str, &str); 10] = [
    (
        "certificate expired",
        "its certificate has expired",
        "have the server's certificate renewed, or correct this computer's clock",
    ),
    ("not valid yet", "its certificate is not valid yet", "correct this computer's clock, or wait"),
    (
        "not valid for name",
        "its certificate is for another name",
        "check --endpoint: the host must be one that the certificate names",
    ),
    ("unknownissuer", "its certificate is of a CA that is not trusted here", ADD),
    // An issuer of the right name with another key.
    ("badsignature", "its certificate is of a CA that is not trusted here", ADD),
    (
        "causedasendentity",
        "its certificate is a CA's own, as some tools make them by default",
        ANEW,
    ),
    (
        "unsupportedsignaturealgorithm",
        "its certificate is signed with SHA-1, or another algorithm that is not safe",
        ANEW,
    ),
    (
        "protocolversion",
        "it speaks an old version of TLS; 1.2 and 1.3 are safe",
        "update the server, or what stands between it and this computer",
    ),
    (
        "handshakefailure",
        "it refuses the handshake",
        "check --endpoint, and what stands between it and this computer",
    ),
    (
        "corrupt message",
        "what answers there does not speak TLS",
        "check --endpoint with its port, and HTTPS_PROXY",
    ),
];

const ADD: &str =
    "if a private CA or a TLS proxy is in between, add its certificate with --ca-file";
const ANEW: &str = "have the server's certificate issued anew, by a CA and with SHA-256";

/// Cause and hint.
pub(super) fn told(reason: &str) -> (String, String) {
    let lower = reason.to_lowercase();
    match KNOWN.iter().find(|(text, _, _)| lower.contains(text)) {
        Some((_, meaning, hint)) => (format!("{meaning}{}", names(reason)), (*hint).to_owned()),
        None => (reason.to_owned(), format!("{ADD}{TRY_EACH_STEP}")),
    }
}

/// The names that a certificate is for, where that is the trouble.
fn names(reason: &str) -> String {
    let after = reason.split_once("only valid for ").map(|(_, after)| after);
    let quoted = after.map(|after| after.split('"').skip(1).step_by(2).collect::<Vec<_>>());
    quoted
        .filter(|names| !names.is_empty())
        .map_or(String::new(), |names| format!(": {}", names.join(", ")))
}
