//! Golden files: the exact text of an error and its exit code, one file a behaviour. What differs
//! from run to run is replaced by a name in brackets. `UPDATE_GOLDEN=1` writes them anew.

use std::collections::BTreeSet;
use std::path::Path;

use crate::lab::{Ended, Lab};

/// Compares a failed run with its file, and checks what every error must keep to.
pub(crate) fn check(name: &str, lab: &Lab, ended: &Ended) {
    compare(name, ended, &neutral(&ended.stderr, lab));
}

/// The same with a text in which what differs from run to run is replaced already, but for words.
pub(crate) fn compare(name: &str, ended: &Ended, text: &str) {
    assert_eq!(ended.stdout, "", "{name}: stdout is empty on failure");
    assert!(ended.stderr.len() <= 1024 && ended.stderr.lines().count() <= 3, "{}", ended.stderr);
    assert!(!ended.stderr.contains(hsm_test::softhsm::SoftHsm::PIN), "{name}: the PIN is shown");
    let lines = ended.stderr.lines().map(|line| line.split_once(": ").map(|(who, _)| who));
    assert!(lines.into_iter().all(|who| who == Some("keyanchor")), "{}", ended.stderr);

    let text = format!("exit {}\n{}", ended.code, neutral_words(text));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/{name}.txt"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &text).expect(name);
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, golden, "{name} differs from its golden file");
}

/// The names of all members of a document, at whatever depth.
pub(crate) fn members(value: &serde_json::Value) -> BTreeSet<String> {
    match value {
        serde_json::Value::Array(items) => items.iter().flat_map(members).collect(),
        serde_json::Value::Object(named) => {
            let within = named.values().flat_map(members);
            named.keys().cloned().chain(within).collect()
        }
        _ => BTreeSet::new(),
    }
}

fn neutral(stderr: &str, lab: &Lab) -> String {
    let module = hsm_test::softhsm::SoftHsm::module().canonicalize().expect("module");
    let text = stderr
        .replace(&lab.hsm.dir().display().to_string(), "[dir]")
        .replace(&lab.safe.path().display().to_string(), "[safe]")
        .replace(&lab.server.url().replace("https://", ""), "[server]")
        .replace(&module.display().to_string(), "[softhsm]");
    // SoftHSM makes its slot ids up.
    let mut parts = text.split(" slot ").map(|part| part.trim_start_matches(char::is_numeric));
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + " slot [id]" + part)
}

fn neutral_words(text: &str) -> String {
    let words: Vec<_> = text.split_inclusive([' ', '\n', ')', ',']).map(neutral_word).collect();
    words.concat()
}

/// Times, request ids, and ports of this test's own servers.
fn neutral_word(word: &str) -> String {
    let end = word.len() - word.trim_end_matches([' ', '\n', ')', ',']).len();
    let (bare, rest) = word.split_at(word.len() - end);
    let time = bare.len() == 20 && bare.ends_with('Z') && bare.starts_with("20");
    let id = bare.len() >= 32 && bare.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    let server = bare.strip_prefix("127.0.0.1:").is_some_and(|port| port.len() > 3);
    match (time, id, server) {
        (true, ..) => format!("[time]{rest}"),
        (_, true, _) => format!("[id]{rest}"),
        (.., true) => format!("[server]{rest}"),
        _ => word.to_owned(),
    }
}
