//! `docs/errors.md`: every error in one table, made from the golden files; and no error without one:
//! each sentence of the source must stand in a golden file, or be excepted with its reason.
//!
//! `UPDATE_GOLDEN=1 cargo test --test keyanchor catalogue` writes the page.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

mod exceptions;
mod sentences;

use exceptions::EXCEPTIONS;
use sentences::sentences;

/// An exit code and what it stands for.
const CLASSES: [(&str, &str, &str); 5] = [
    (
        "2",
        "the command line",
        "An option, a value or a variable cannot be used. Nothing was touched: no file, no token, no network.",
    ),
    (
        "3",
        "key, token, local",
        "The key, its token, a file or this computer is the trouble. Nothing was sent, unless it is stdout that failed.",
    ),
    (
        "4",
        "PIN",
        "A PIN is wrong, locked, or not to be had. Where it says that nothing was tried, no try was used up.",
    ),
    (
        "5",
        "the remote side",
        "The service refused, answered what makes no sense, cannot be trusted or cannot be reached.",
    ),
    ("6", "the deadline", "A token, a person or the network did not answer in time."),
];

const HEAD: &str = "\
# Errors

What `keyanchor` says on stderr when it fails, each with the behaviour that it was made by in the tests. stdout is
empty then. What is in brackets differs: `[server]` is the host and port, `[dir]` and `[safe]` are folders, `[softhsm]` is a
module, `[time]` and `[id]` are a time and the id of a request.

This page is made from `tests/golden/` by `UPDATE_GOLDEN=1 cargo test --test keyanchor catalogue`, and a test compares it.
";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The golden files by name.
fn golden() -> BTreeMap<String, String> {
    let files = std::fs::read_dir(root().join("tests/golden")).expect("golden files").flatten();
    let read = |path: PathBuf| {
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        (name, std::fs::read_to_string(path).expect("text"))
    };
    files.map(|file| read(file.path())).collect()
}

/// The line of that kind, without its beginning.
fn line<'a>(text: &'a str, kind: &str) -> &'a str {
    let start = format!("keyanchor: {kind}: ");
    text.lines().find_map(|line| line.strip_prefix(&start)).unwrap_or_default()
}

/// As Markdown shows it in a table.
fn cell(text: &str) -> String {
    let mut out = String::new();
    for word in text.split_inclusive(' ') {
        let cut: String = word.chars().take(120).collect();
        let rest = if cut.len() < word.len() { "…" } else { "" };
        for character in cut.chars() {
            if r"\`*_<>[]|#~".contains(character) {
                out.push('\\');
            }
            out.push(character);
        }
        out += rest;
    }
    out
}

fn page(golden: &BTreeMap<String, String>) -> String {
    let mut page = HEAD.to_owned();
    for (code, class, sentence) in CLASSES {
        page += &format!("\n## Exit code {code}: {class}\n\n{sentence}\n\n");
        page += "| behaviour | error | cause | hint |\n|---|---|---|---|\n";
        for (name, text) in
            golden.iter().filter(|(_, text)| text.starts_with(&format!("exit {code}\n")))
        {
            let [error, cause, hint] =
                ["error", "cause", "hint"].map(|kind| cell(line(text, kind)));
            page +=
                &format!("| [{name}](../tests/golden/{name}.txt) | {error} | {cause} | {hint} |\n");
        }
    }
    page
}

#[test]
fn the_page_of_errors_has_every_golden_file() {
    let golden = golden();
    let page = page(&golden);
    for name in golden.keys() {
        assert!(page.contains(&format!("[{name}]")), "{name} has an exit code without a class");
    }
    let path = root().join("docs/errors.md");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &page).expect("docs/errors.md");
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        page == written,
        "docs/errors.md is out of date; UPDATE_GOLDEN=1 cargo test --test keyanchor catalogue"
    );
}

/// Whether a sentence stands in one of the lines, whatever stands at its places for values.
fn stands(fragments: &[String], lines: &[String]) -> bool {
    let in_line = |line: &String| {
        let mut rest = line.as_str();
        fragments.iter().all(|fragment| {
            let Some(place) = rest.find(fragment.as_str()) else { return false };
            rest = &rest[place + fragment.len()..];
            true
        })
    };
    lines.iter().any(in_line)
}

#[test]
fn no_sentence_of_the_source_is_without_a_golden_file_or_a_reason() {
    let golden = golden();
    let lines: Vec<_> =
        golden.values().flat_map(|text| text.lines()).map(str::to_lowercase).collect();
    let excepted = |text: &str| {
        EXCEPTIONS.iter().any(|(_, texts)| texts.iter().any(|excepted| text.starts_with(excepted)))
    };
    let (mut missing, mut seen) = (Vec::new(), Vec::new());
    for (place, text) in sentences(&root().join("src")) {
        let stands = stands(&sentences::fragments(&text), &lines);
        if !stands && !excepted(&text) {
            missing.push(format!("{place}: {text:?}"));
        }
        seen.push((text, stands));
    }
    assert!(seen.len() > 200, "the source was read: {} sentences", seen.len());
    assert!(
        missing.is_empty(),
        "no golden file has these, and {} gives no reason:\n{}",
        "tests/keyanchor/catalogue/exceptions.rs",
        missing.join("\n")
    );
    let needed = |excepted: &&&str| {
        seen.iter().any(|(text, stands)| !stands && text.starts_with(**excepted))
    };
    let stale: Vec<_> =
        EXCEPTIONS.iter().flat_map(|(_, texts)| texts.iter()).filter(|e| !needed(e)).collect();
    assert!(stale.is_empty(), "these exceptions are none any more, remove them: {stale:#?}");
}
