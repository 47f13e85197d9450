//! The sentences of the source: string literals with a space in them, where they could reach a
//! person as an error.

use std::path::Path;

/// What stands before a literal that is no error: logs, invariants, the names of phases, help.
const NO_ERRORS: [&str; 7] = [
    "debug!(",
    "expect(",
    "Phase::start(",
    "reason = ",
    "const EXAMPLE",
    "const KEY_HELP",
    "warn(",
];

/// Place and text of each.
pub(super) fn sentences(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut entries: Vec<_> = std::fs::read_dir(folder).expect("source").flatten().collect();
    entries.sort_by_key(|entry| entry.path());
    for path in entries.into_iter().map(|entry| entry.path()) {
        if path.ends_with("src/output") || path.ends_with("src/doctor") {
            // Answers, not errors; they are documented on pages of their own.
        } else if path.is_dir() {
            found.extend(sentences(&path));
        } else if !path.ends_with("tests.rs") && !path.ends_with("properties.rs") {
            let text = std::fs::read_to_string(&path).expect("source");
            let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
            let name = path.strip_prefix(env!("CARGO_MANIFEST_DIR")).expect("ours").display();
            let place = |line: usize| format!("{name}:{line}");
            found.extend(literals(code).into_iter().map(|(line, text)| (place(line), text)));
        }
    }
    found
}

/// Line and text of the literals that could be errors.
fn literals(code: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut rest = code;
    while let Some(start) = rest.find(['"', '/', '\'']) {
        let before = &rest[..start];
        let tail = &rest[start..];
        if tail.starts_with("//") {
            rest = tail.split_once('\n').map_or("", |(_, rest)| rest);
        } else if let Some(after) = tail.strip_prefix('"') {
            let raw = before.ends_with('r');
            let (text, end) = literal(after, raw);
            let before = &code[..code.len() - tail.len()];
            let near = before.rsplit([';', '{', '}']).next().unwrap_or_default();
            if text.contains(' ') && !NO_ERRORS.iter().any(|mark| near.contains(mark)) {
                found.push((before.matches('\n').count() + 1, text));
            }
            rest = &after[end..];
        } else {
            rest = after_quote(tail);
        }
    }
    found
}

/// The text of a literal up to its closing quote, and where that ends.
fn literal(after: &str, raw: bool) -> (String, usize) {
    let mut text = String::new();
    let mut characters = after.char_indices();
    while let Some((place, character)) = characters.next() {
        match character {
            '"' => return (text, place + 1),
            '\\' if !raw => match characters.next() {
                // A line that goes on: its break and the space before the next word are not in it.
                Some((place, '\n')) => {
                    let skipped = after[place..].len() - after[place..].trim_start().len();
                    while characters.as_str().len() > after.len() - place - skipped {
                        characters.next();
                    }
                }
                Some((_, 'n')) => text.push('\n'),
                Some((_, other)) => text.push(other),
                None => break,
            },
            other => text.push(other),
        }
    }
    (text, after.len())
}

/// Behind a slash, a character or the name of a lifetime.
fn after_quote(tail: &str) -> &str {
    let bytes = tail.as_bytes();
    let character = match bytes {
        [b'\'', b'\\', ..] => tail[2..].find('\'').map(|end| 2 + end.max(1) + 1),
        [b'\'', ..] => {
            let width = tail[1..].chars().next().map_or(0, char::len_utf8);
            (tail.as_bytes().get(1 + width) == Some(&b'\'')).then_some(width + 2)
        }
        _ => None,
    };
    &tail[character.unwrap_or(1)..]
}

/// What stands between the places for values, in lower case.
pub(super) fn fragments(text: &str) -> Vec<String> {
    let mut fragments = vec![String::new()];
    let mut characters =
        text.replace("{{", "\u{1}").replace("}}", "\u{2}").into_bytes().into_iter();
    let mut bytes = Vec::new();
    while let Some(byte) = characters.next() {
        if byte == b'{' {
            characters.by_ref().find(|byte| *byte == b'}');
            fragments.push(String::from_utf8_lossy(&std::mem::take(&mut bytes)).into_owned());
        } else {
            bytes.push(byte);
        }
    }
    fragments.push(String::from_utf8_lossy(&bytes).into_owned());
    let shown = |text: String| {
        let text = text.replace('\u{1}', "{").replace('\u{2}', "}").to_lowercase();
        text.trim().to_owned()
    };
    fragments.into_iter().map(shown).filter(|text| text.len() > 2).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_found_and_nothing_else() {
        let code = r#"/// not "this one"
fn f<'a>(c: char) -> &'a str { debug!("nor this"); if c == '"' { "but this" } else { r"and \ this" } }
const X: &str = "a long \
    line"; // "not this""#;
        let texts: Vec<_> = literals(code).into_iter().map(|(_, text)| text).collect();
        assert_eq!(texts, ["but this", r"and \ this", "a long line"]);
    }

    #[test]
    fn fragments_stand_between_values() {
        assert_eq!(fragments("{} or {x:?} of {{it}}: end"), ["of {it}: end"]);
        assert_eq!(fragments("no {what} fits {wanted}"), ["fits"]);
    }
}
