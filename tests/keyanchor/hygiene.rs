//! What the program is made of: crates without known holes, as far as they are known here, and code
//! that nothing from outside can bring to an end.

use std::path::Path;

use crate::floors::sources;

/// The oldest version without a hole that we know of, by RustSec as of 2026-08-21: its numbers are
/// beside it.
const FLOORS: [(&str, [u64; 3]); 17] = [
    ("aws-lc-sys", [0, 39, 0]), // 2026-0044 to 0048
    ("aws-sigv4", [0, 55, 1]),  // 2023-0125: its Debug shows secrets
    ("bytes", [1, 11, 1]),      // 2026-0007
    ("h2", [0, 4, 16]),         // 2026-0258
    ("hyper", [0, 14, 10]),     // 2021-0078, 2021-0079
    ("idna", [1, 0, 0]),
    ("memmap2", [0, 9, 11]),
    ("ml-dsa", [0, 1, 0]), // 2025-0144
    ("openssl", [0, 10, 72]),
    ("rand", [0, 10, 1]), // the 0.9 and 0.8 before it were mended as well, and nobody here needs them
    ("ring", [0, 17, 12]), // 2025-0009
    ("rustls", [0, 23, 18]), // 2024-0336, 2024-0399
    ("rustls-webpki", [0, 103, 13]), // 2026-0049, 0098, 0099, 0104
    ("time", [0, 3, 47]),
    ("tiny_http", [0, 8, 0]),           // 2020-0031
    ("tokio", [1, 23, 1]),              // 2023-0001
    ("tracing-subscriber", [0, 3, 20]), // 2025-0055: escapes in logs
];

/// Unsound, unmaintained, or both.
const BANNED: [&str; 6] = ["atty", "daemonize", "pkcs11", "rustls-pemfile", "serde_yaml", "users"];

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Names and versions of all that is locked, for all programs and tests.
fn locked() -> Vec<(String, [u64; 3])> {
    let lock = read("Cargo.lock");
    let value = |line: Option<&str>, name: &str| {
        let line = line.and_then(|line| line.strip_prefix(name)).expect("name, then version");
        line.trim_matches([' ', '=', '"']).to_owned()
    };
    let packages = lock.split("[[package]]\n").skip(1).map(|package| {
        let mut lines = package.lines();
        let (name, version) = (value(lines.next(), "name"), value(lines.next(), "version"));
        let mut numbers = version.split(['.', '-', '+']).map(|number| number.parse().unwrap_or(0));
        let version = std::array::from_fn(|_| numbers.next().expect("three numbers"));
        (name, version)
    });
    packages.collect()
}

#[test]
fn no_crate_is_older_than_its_holes_allow_or_banned() {
    let locked = locked();
    assert!(locked.len() > 100, "{} crates were read", locked.len());
    for (name, version) in &locked {
        let floor = FLOORS.iter().find(|(known, _)| known == name);
        assert!(floor.is_none_or(|(_, floor)| version >= floor), "{name} {version:?} has a hole");
        assert!(!BANNED.contains(&name.as_str()), "{name} is banned");
    }
    let known = FLOORS.iter().filter(|(name, _)| locked.iter().any(|(locked, _)| locked == name));
    assert!(known.count() >= 8, "the names are those of crates");
}

#[test]
fn a_number_that_overflows_is_an_error_and_a_panic_is_caught_in_what_is_shipped() {
    let manifest = read("Cargo.toml");
    let (_, release) = manifest.split_once("[profile.release]\n").expect("a profile");
    let release = release.split("\n[").next().expect("its lines");
    for line in ["overflow-checks = true", "panic = \"unwind\""] {
        assert!(release.lines().any(|own| own == line), "{line} is missing from\n{release}");
    }
}

/// clippy enforces them, and this that they are asked for.
#[test]
fn what_could_end_a_process_is_denied_by_lints() {
    let library = read("src/lib.rs");
    for lint in ["expect_used", "indexing_slicing", "panic", "string_slice", "unreachable"] {
        assert!(library.contains(&format!("clippy::{lint}")), "{lint}");
    }
    assert!(read("Cargo.toml").contains("unwrap_used = \"deny\""));
    for program in ["main.rs", "bin/keyanchor-pkcs11.rs", "bin/keyanchor-tpm.rs"] {
        assert!(read(&format!("src/{program}")).contains("#![forbid(unsafe_code)]"), "{program}");
    }
}

/// Each block of unsafe code says why it is sound.
#[test]
fn unsafe_code_is_explained() {
    let mut blocks = 0;
    for file in sources() {
        let text = std::fs::read_to_string(&file).expect("source");
        let lines: Vec<_> = text.lines().collect();
        for place in (0..lines.len()).filter(|place| lines[*place].contains("unsafe {")) {
            let before = &lines[place.saturating_sub(5)..=place];
            let said = before.iter().any(|line| line.contains("// SAFETY:"));
            assert!(said, "{}:{}", file.display(), place + 1);
            blocks += 1;
        }
    }
    assert!(blocks > 0, "there is some");
}
