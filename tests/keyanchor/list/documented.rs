//! What `docs/list.md` shows is what is printed, and every member is described there.

use hsm_test::piv::{Algorithm, PinPolicy, Stored, Template, TouchPolicy};
use hsm_test::softhsm::SoftHsm;
use serde_json::Value;

use crate::golden::members;
use crate::lab::{Lab, lab};
use crate::list::{items, json, list, table};
use crate::piv::{self, PivLab};

const TOP: &str = "# `keyanchor list`\n";
const CARD: &str = "### A card\n";

/// Compares with the first block of this language below a heading, or writes it there.
fn check(heading: &str, language: &str, text: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/list.md");
    let docs = std::fs::read_to_string(&path).expect("docs/list.md");
    let below = docs.find(heading).expect("a heading");
    let start = format!("```{language}\n");
    let block = below + docs[below..].find(&start).expect("a block");
    let (before, rest) = (&docs[..block], &docs[block + start.len()..]);
    let (documented, after) = rest.split_once("```\n").expect("its end");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let docs = format!("{before}```{language}\n{text}```\n{after}");
        std::fs::write(&path, docs).expect("docs/list.md");
    } else {
        assert_eq!(text, documented, "docs/list.md does not show what is printed");
    }
}

/// The provisioned token with one certificate more, which is another key's.
fn shown() -> Lab {
    let lab = lab();
    lab.hsm.import_certificate(&lab.hsm.certificate("laptop"), "p384", "03");
    lab
}

/// Whatever differs between two tokens and two days, in words of the same length.
fn neutral(text: &str) -> String {
    let module = SoftHsm::module().canonicalize().expect("module").display().to_string();
    let text = text.replace(&module, "/usr/lib/softhsm/libsofthsm2.so");
    let (mut neutral, mut fingerprints) = (String::new(), Vec::new());
    for word in text.split_inclusive(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != ':') {
        let bare = word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
        let rest = &word[bare.len()..];
        let hexadecimal = bare.bytes().all(|b| b.is_ascii_hexdigit());
        let date = bare.starts_with("20") && bare.as_bytes().get(4) == Some(&b'-');
        neutral += &match bare.len() {
            16 if hexadecimal => format!("52bd1d5b4ae2aeb2{rest}"),
            64 if hexadecimal => {
                let known = fingerprints.iter().position(|known| *known == bare);
                let number = known.unwrap_or_else(|| {
                    fingerprints.push(bare);
                    fingerprints.len() - 1
                });
                format!("{}{rest}", format!("{:02x}", 0xa1 + number).repeat(32))
            }
            10 if date => format!("2027-11-25{rest}"),
            20 if date => format!("2027-11-25T12:00:00Z{rest}"),
            _ => word.to_owned(),
        };
    }
    neutral
}

#[test]
fn the_table_is_as_documented_and_fits_eighty_columns() {
    let lab = shown();
    let table = table(&mut list(&lab));
    assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");
    check(TOP, "text", &neutral(&table));
}

#[test]
fn the_json_is_as_documented() {
    let lab = shown();
    let mut command = list(&lab);
    let text = crate::lab::run(command.arg("--json")).stdout;
    let fixed = |line: &str| {
        let (name, _) = line.split_once(": ")?;
        let value = match name.trim() {
            "\"milliseconds\"" => "20",
            "\"not_before\"" => "\"2026-11-25T12:00:00Z\"",
            "\"days_left\"" => "364",
            _ => return None,
        };
        Some(format!("{name}: {value},\n"))
    };
    let text = neutral(&text);
    let lines = text.split_inclusive('\n');
    let text: String = lines.map(|line| fixed(line).unwrap_or_else(|| line.to_owned())).collect();
    check(TOP, "json", &text);
}

/// A YubiKey with keys that want different things.
fn card() -> PivLab {
    let lab = piv::lab();
    for template in [
        Template { touch_policy: TouchPolicy::Cached, ..Template::P256 },
        Template { slot: 0x9c, pin_policy: PinPolicy::Always, ..Template::RSA2048 },
        Template { slot: 0x9e, ..Template::P384 },
        Template { slot: 0x82, stored: Stored::Not, ..Template::of(Algorithm::P256) },
    ] {
        lab.card.key(&Template { imported: true, ..template });
    }
    lab
}

#[test]
fn the_table_of_a_card_is_as_documented_and_fits_eighty_columns() {
    let (lab, card) = (lab(), card());
    let table = table(list(&lab).envs(card.pcscd.command_env()));
    let (_, table) = table.split_once("\n\n").expect("the card comes after the module");
    assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");
    check(CARD, "text", &neutral(table));
}

#[test]
fn every_member_is_described() {
    let (lab, card) = (shown(), card());
    let mut command = list(&lab);
    command.envs(card.pcscd.command_env());
    command.arg("--certificate").arg(lab.hsm.chain("laptop")).args(["--key", "/nonexistent"]);
    let found = members(&json(&mut command));
    let docs = include_str!("../../../docs/list.md");
    let missing: Vec<_> = found
        .iter()
        .filter(|name| !docs.contains(&format!("`{name}`")) && !docs.contains(&format!(".{name}`")))
        .collect();
    assert!(missing.is_empty() && found.len() > 35, "{missing:?} of {}", found.len());
}

#[test]
fn every_member_of_a_card_is_described_as_such() {
    let (lab, card) = (lab(), card());
    let document = json(list(&lab).envs(card.pcscd.command_env()));
    let [card] = items(&document, "cards") else { panic!("{document}") };
    let names = |value: &Value, before: &str| -> Vec<String> {
        let members = value.as_object().expect("members").keys();
        members.map(|name| format!("`{before}{name}`")).collect()
    };
    let found = [names(card, ""), names(&items(card, "slots")[0], "slots.")].concat();
    let (_, docs) = include_str!("../../../docs/list.md").split_once(CARD).expect("a section");
    let missing: Vec<_> = found.iter().filter(|name| !docs.contains(*name)).collect();
    assert!(missing.is_empty() && found.len() == 20, "{missing:?} of {}", found.len());
}
