//! The answer of `keyanchor explain`, for people and for programs. `docs/explain.md` shows both; a
//! change to a member of the JSON is a new version.

use std::io;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::certificate::Certificate;
use crate::explain::Explanation;
use crate::output::page::{Page, Tone, WIDTH, folded, shown};
use crate::output::print;

/// The version of the JSON document.
const VERSION: u8 = 1;

/// Prints the document for programs.
///
/// # Errors
/// When stdout is closed or full.
pub fn json(explanation: &Explanation) -> io::Result<()> {
    print(format!("{:#}\n", document(explanation)).as_bytes())
}

/// Prints the page for people.
///
/// # Errors
/// When stdout is closed or full.
pub fn page(explanation: &Explanation, colour: bool) -> io::Result<()> {
    print(text(explanation, colour).as_bytes())
}

fn document(of: &Explanation) -> Value {
    let chain = of.chain.iter().map(|certificate| {
        json!({
            "subject": certificate.subject(),
            "not_before": time(certificate.not_before()),
            "not_after": time(certificate.not_after()),
        })
    });
    let tags = of.derived.tags.iter();
    let tags = tags.map(|tag| json!({ "key": tag.key, "value": tag.value, "fits": tag.fits }));
    json!({
        "version": VERSION,
        "chain": chain.collect::<Vec<_>>(),
        "key": of.key.to_string(),
        "findings": of.findings.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "request": {
            "method": "POST",
            "url": of.url,
            "region": of.region,
            "canonical": of.canonical,
            "string_to_sign": of.string_to_sign,
        },
        "derived": {
            "role_session_name": of.derived.session_name,
            "source_identity": of.derived.source_identity,
            "session_tags": tags.collect::<Vec<_>>(),
        },
        "trust_policy": of.trust_policy,
    })
}

fn text(of: &Explanation, colour: bool) -> String {
    let mut page = Page::new(colour);
    heading(&mut page, "Certificates that would be sent");
    for (place, certificate) in of.chain.iter().enumerate() {
        let role = if place == 0 { format!("leaf, {}", of.key) } else { "intermediate".to_owned() };
        page.line(2, shown(&certificate.subject(), WIDTH - 2));
        page.line(4, format!("{role}, {}", validity(certificate)));
    }
    findings(&mut page, of);
    request(&mut page, of);
    derived(&mut page, of);
    heading(&mut page, "A trust policy for the role, to paste");
    // Text and numbers are always JSON.
    page.line(0, serde_json::to_string_pretty(&of.trust_policy).unwrap_or_default());
    if of.anchor_is_an_alias {
        page.gap();
        page.line(0, "Put the trust anchor's own ARN in place of its alias: policies need that.");
    }
    page.text
}

fn findings(page: &mut Page, of: &Explanation) {
    heading(page, "The service's rules for the leaf");
    if of.findings.is_empty() {
        page.line(2, page.paint(Tone::Good, "it keeps all of them"));
    }
    for finding in &of.findings {
        for line in folded(&finding.to_string(), WIDTH - 2) {
            page.line(2, page.paint(Tone::Bad, &line));
        }
    }
}

fn request(page: &mut Page, of: &Explanation) {
    heading(page, "The request, signed for the region and this moment");
    page.line(2, format!("POST {}", of.url));
    page.line(2, format!("region {}, time {}", of.region, of.time.strftime("%FT%TZ")));
    heading(page, "Canonical request");
    page.line(0, &of.canonical);
    heading(page, "String to sign");
    page.line(0, &of.string_to_sign);
}

fn derived(page: &mut Page, of: &Explanation) {
    heading(page, "What AWS derives from the leaf");
    page.line(2, format!("role session name  {}", shown(&of.derived.session_name, WIDTH)));
    page.line(2, format!("source identity    {}", shown(&of.derived.source_identity, WIDTH)));
    heading(page, "Session tags, where the profile maps attributes as it does by default");
    for tag in &of.derived.tags {
        let name = format!("aws:PrincipalTag/{}", tag.key);
        let value = shown(&tag.value, WIDTH);
        let note = if tag.fits {
            String::new()
        } else {
            format!("  {}", page.paint(Tone::Warning, "cannot be a tag: the service may refuse"))
        };
        page.line(2, format!("{name:<34} {value}{note}"));
    }
    if of.derived.tags.is_empty() {
        page.line(2, "none");
    }
}

fn heading(page: &mut Page, text: &str) {
    page.gap();
    page.line(0, page.paint(Tone::Strong, text));
}

fn validity(certificate: &Certificate) -> String {
    format!("valid {} to {}", time(certificate.not_before()), time(certificate.not_after()))
}

/// In UTC, to the second.
fn time(time: std::time::SystemTime) -> String {
    Timestamp::try_from(time).unwrap_or(Timestamp::MAX).strftime("%FT%TZ").to_string()
}
