//! The page about PINs has all that there is.

use crate::lab::{lab, run};

#[test]
fn the_page_names_every_option_about_pins() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/pins.md");
    let page = std::fs::read_to_string(page).expect("docs/pins.md");
    let help = run(lab().command().args(["credential-process", "--help"])).stdout;
    let words = help.split_whitespace().filter(|word| word.starts_with("--"));
    let about = |word: &&str| {
        word.contains("pin-")
            || ["--no-prompt", "--reuse-pin", "--use-last-try", "--wait"].contains(word)
    };
    let options: Vec<_> = words.filter(about).collect();
    assert!(options.len() >= 9, "{options:?}");
    for option in options {
        assert!(page.contains(option), "docs/pins.md does not have {option}");
    }
}
