//! The page about the cache says what the program does.

use super::{answered, journey, later};
use crate::lab::{lab, run};

fn page() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/cache.md");
    std::fs::read_to_string(path).expect("docs/cache.md")
}

/// Times differ from run to run.
fn without_times(text: &str) -> String {
    let words = text.split_inclusive([' ', '\n', ',']).map(|word| {
        let time = word.len() >= 20 && word.starts_with("20") && word.contains("T");
        if time { word.replacen(&word[..20], "[time]", 1) } else { word.to_owned() }
    });
    words.collect()
}

#[test]
fn the_page_and_the_help_show_what_the_list_prints() {
    let lab = lab();
    answered(&mut journey(&lab));
    let said = |words: &[&str]| run(lab.command().arg("cache").args(words)).stdout;
    let (list, clear) = (said(&["list"]), said(&["clear"]));
    let shown = format!("$ keyanchor cache list\n{list}$ keyanchor cache clear\n{clear}");
    assert!(without_times(&page()).contains(&without_times(&shown)), "{shown}");
    let help = said(&["--help"]).replace("\n  ", "\n");
    assert!(without_times(&help).contains(&without_times(&shown)), "{help}");
}

#[test]
fn the_page_says_when_a_session_of_15_minutes_is_renewed() {
    assert!(page().contains("a session of 15 minutes is given out for seven and a half"));
    let lab = lab();
    let mut command = super::file_journey(&lab);
    command.args(["--session-duration", "900"]);
    let first = answered(&mut later(&command, "+0s")).stdout;
    assert_eq!(answered(&mut later(&command, "+440s")).stdout, first);
    lab.server.clock_offset(455);
    assert_ne!(answered(&mut later(&command, "+455s")).stdout, first);
}
