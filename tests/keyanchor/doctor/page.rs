//! What `docs/doctor.md` shows is what is printed, and every member is described there.

use std::collections::BTreeSet;
use std::path::Path;

use hsm_test::piv::Template;
use hsm_test::softhsm::SoftHsm;

use super::{doctor, examined};
use crate::golden::members;
use crate::lab::{Lab, lab, run};
use crate::{piv, tpm};

/// Compares with the block of this language, or writes it there.
fn check(language: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/doctor.md");
    let docs = std::fs::read_to_string(&path).expect("docs/doctor.md");
    let start = format!("```{language}\n");
    let (before, rest) = docs.split_once(&start).expect("a block");
    let (documented, after) = rest.split_once("```\n").expect("its end");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, format!("{before}{start}{text}```\n{after}"))
            .expect("docs/doctor.md");
    } else {
        assert_eq!(text, documented, "docs/doctor.md does not show what is printed");
    }
}

/// A run whose module is there and whose token is not, told in words of no computer in particular.
fn shown(lab: &Lab, options: &[&str]) -> String {
    // Paths of a computer would break the lines elsewhere.
    let mut process = lab.command();
    process.args(["credential-process", "--key", "pkcs11:token=other;object=laptop"]);
    let arguments = lab.server.arguments();
    process.args(arguments.chunks(2).filter(|pair| pair[0] != "--ca-bundle").flatten());
    process.args(["--ca-file", "ca/root.pem"]).arg("--certificate").arg(lab.hsm.chain("laptop"));
    process.env("KEYANCHOR_RUNTIME_DIR", "run").env_remove("KEYANCHOR_CACHE").args(options);
    let module = SoftHsm::module().canonicalize().expect("module").display().to_string();
    let text = run(doctor(&process).current_dir(lab.hsm.dir())).stdout;
    let text = text.replace(&module, "/usr/lib/softhsm/libsofthsm2.so");
    let text = text.replace("run, mode", "/run/user/1000/keyanchor, mode");
    let text = text.replace("\"run\"", "\"/run/user/1000/keyanchor\"");
    let text = text.replace("\"run/cache\"", "\"/run/user/1000/keyanchor/cache\"");
    let text = text.replace(&lab.server.address().port().to_string(), "8443");
    text.lines().map(neutral).collect()
}

/// Times, days and limits.
fn neutral(line: &str) -> String {
    let json = ["\"milliseconds\": ", "\"bytes\": ", "\"days_left\": ", "\"owner\": "];
    if let Some(member) = json.into_iter().find(|member| line.trim_start().starts_with(member)) {
        let comma = if line.ends_with(',') { "," } else { "" };
        let (before, _) = line.split_once(member).expect("a member");
        let value = match member {
            "\"days_left\": " => "364",
            "\"owner\": " => "1000",
            "\"bytes\": " => "8388608",
            _ => "20",
        };
        return format!("{before}{member}{value}{comma}\n");
    }
    let mut words: Vec<_> = line.split(' ').map(str::to_owned).collect();
    for place in 1..words.len() {
        if words[place] == "ms" {
            words[place - 1] = "20".to_owned();
        }
        if words[place] == "KiB" {
            words[place - 1] = "8192".to_owned();
        }
    }
    for word in &mut words {
        if word.starts_with("20") && word.len() == 10 && word.matches('-').count() == 2 {
            *word = "2027-11-25".to_owned();
        } else if word.starts_with("\"20") && word.contains("T") && word.contains("Z\"") {
            *word = "\"2027-11-25T12:00:00Z\",".to_owned();
        }
    }
    words.join(" ") + "\n"
}

#[test]
fn the_table_is_as_documented_and_fits_a_hundred_columns() {
    let table = shown(&lab(), &[]);
    assert!(table.lines().all(|line| line.chars().count() <= 100), "{table}");
    check("text", &table);
}

#[test]
fn the_json_is_as_documented() {
    check("json", &shown(&lab(), &["--json"]));
}

#[test]
fn every_member_is_described() {
    let (softhsm, card, tpm) = (lab(), piv::with_key(Template::P256), tpm::lab());
    let key = tpm.tpm.key(&hsm_test::swtpm::Template::P256);
    tpm.tpm.persist(&key, 0x8100_0101);
    let mut found = BTreeSet::new();
    for process in [
        softhsm.with_key("laptop").arg("--login"),
        card.with_pin("piv:slot=9a").arg("--login"),
        &mut tpm.with("tpm:handle=0x81000101", &tpm.tpm.chain(&key)),
    ] {
        let (_, steps) = examined(process);
        found.extend(steps.iter().flat_map(members));
        found.extend(steps.iter().map(|step| step["step"].as_str().expect("a name").to_owned()));
        found.extend(steps.iter().map(|step| step["status"].as_str().expect("one").to_owned()));
    }
    let page = include_str!("../../../docs/doctor.md");
    let missing: Vec<_> =
        found.iter().filter(|name| !page.contains(&format!("`{name}`"))).collect();
    assert!(missing.is_empty() && found.len() > 50, "{missing:?} of {}", found.len());
}
