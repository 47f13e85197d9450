//! The floor plan of `docs/architecture.md`: a module imports only what stands below it, the main
//! program never sees a device, and no file grows beyond what a person reads in one sitting.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Modules from the ground up; those of one line are strangers to each other.
const FLOORS: [&[&str]; 16] = [
    &["deadline", "process", "sandbox", "secret", "timing"],
    &["paths"],
    &["aside", "credentials", "key", "lock", "refusals"],
    &["cache", "certificate"],
    &["wire"],
    &["prompt"],
    &["device"],
    &["host"],
    &["signer"],
    &["identity"],
    &["exchange"],
    &["explain"],
    &["output"],
    &["error"],
    &["doctor"],
    &["cli"],
];

/// What only device hosts may contain.
const HOSTS_ONLY: [&str; 3] = ["prompt", "device", "host"];

pub(crate) fn sources() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut folders, mut files) = (vec![root], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// The module that a file belongs to: the first part of its path.
fn module(file: &Path) -> String {
    let inside =
        file.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).expect("in src");
    let first =
        inside.components().next().expect("a name").as_os_str().to_string_lossy().into_owned();
    first.trim_end_matches(".rs").to_owned()
}

/// The modules that a file names by `crate::` or, in the programs, by `keyanchor::`.
fn imports(text: &str) -> BTreeSet<String> {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let mut found = BTreeSet::new();
    for line in code {
        for prefix in ["crate::", "keyanchor::"] {
            for part in line.split(prefix).skip(1) {
                let names = part.strip_prefix('{').map_or(vec![part], |list| {
                    list.split('}').next().unwrap_or_default().split(", ").collect()
                });
                for name in names {
                    let end = name
                        .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                        .unwrap_or(name.len());
                    found.insert(name[..end].to_owned());
                }
            }
        }
    }
    found
}

fn floor(module: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&module))
}

#[test]
fn a_module_imports_only_what_stands_below_it() {
    let mut seen = BTreeMap::<String, BTreeSet<String>>::new();
    for file in sources() {
        let text = std::fs::read_to_string(&file).expect("source");
        let own = module(&file);
        if ["main", "lib", "bin"].contains(&own.as_str()) {
            continue;
        }
        let from =
            floor(&own).unwrap_or_else(|| panic!("{own} has no floor: draw it into the plan"));
        for import in imports(&text).into_iter().filter(|import| *import != own) {
            let to = floor(&import)
                .unwrap_or_else(|| panic!("{}: {import} has no floor", file.display()));
            assert!(
                to < from,
                "{} imports crate::{import}, which does not stand below it",
                file.display()
            );
            seen.entry(own.clone()).or_default().insert(import);
        }
    }
    assert!(
        seen.values().map(BTreeSet::len).sum::<usize>() > 20,
        "the imports were read: {seen:?}"
    );
}

#[test]
fn the_main_program_sees_no_device() {
    for file in sources() {
        let own = module(&file);
        let host_side =
            HOSTS_ONLY.contains(&own.as_str()) || ["lib", "bin"].contains(&own.as_str());
        let text = std::fs::read_to_string(&file).expect("source");
        let seen: Vec<_> =
            imports(&text).into_iter().filter(|i| HOSTS_ONLY.contains(&i.as_str())).collect();
        assert!(host_side || seen.is_empty(), "{} sees {seen:?}", file.display());
    }
}

#[test]
fn devices_and_prompts_see_nothing_above_them() {
    let above = ["signer", "identity", "exchange", "output", "error", "doctor", "cli"];
    for file in sources().iter().filter(|file| HOSTS_ONLY.contains(&module(file).as_str())) {
        let text = std::fs::read_to_string(file).expect("source");
        let seen: Vec<_> =
            imports(&text).into_iter().filter(|i| above.contains(&i.as_str())).collect();
        assert!(seen.is_empty(), "{} sees {seen:?}", file.display());
    }
}

#[test]
fn files_can_be_read_in_one_sitting() {
    let mut lengths: Vec<_> = sources()
        .into_iter()
        .map(|file| (std::fs::read_to_string(&file).expect("source").lines().count(), file))
        .collect();
    lengths.sort();
    let (longest, file) = lengths.last().expect("files");
    assert!(*longest <= 500, "{} has {longest} lines", file.display());
    let (median, _) = lengths[lengths.len() / 2];
    assert!(median <= 150, "the median file has {median} lines");
}

#[test]
fn unsafe_code_is_in_two_modules() {
    let with_unsafe = |file: &PathBuf| {
        let text = std::fs::read_to_string(file).expect("source");
        ["unsafe {", "unsafe fn", "unsafe impl"].iter().any(|word| text.contains(word))
    };
    let files: Vec<_> = sources().into_iter().filter(with_unsafe).collect();
    assert!(
        matches!(files.as_slice(), [calls, memory]
            if calls.ends_with("device/pkcs11/raw.rs") && memory.ends_with("secret/pages.rs")),
        "{files:?}"
    );
}
