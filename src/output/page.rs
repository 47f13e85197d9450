//! What people read: lines with an indent, a few colours where the terminal has them, and foreign
//! text made harmless.

use std::fmt::{self, Write};

/// The columns of a terminal.
pub(super) const WIDTH: usize = 80;

/// What a word is, and so its colour.
#[derive(Clone, Copy)]
pub(super) enum Tone {
    /// It can be used.
    Good,
    /// Somebody should know.
    Warning,
    /// It failed.
    Bad,
    /// A heading.
    Strong,
}

/// A text that grows line by line.
pub(super) struct Page {
    pub(super) text: String,
    colour: bool,
}

impl Page {
    pub(super) fn new(colour: bool) -> Self {
        Self { text: String::new(), colour }
    }

    pub(super) fn line(&mut self, indent: usize, text: impl fmt::Display) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.text, "{:indent$}{text}", "");
    }

    /// An empty line, except at the top.
    pub(super) fn gap(&mut self) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
    }

    pub(super) fn paint(&self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Good => "32",
            Tone::Warning => "33",
            Tone::Bad => "31",
            Tone::Strong => "1",
        };
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// Lines of at most so many characters, where the words allow it.
pub(super) fn folded(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let Some(line) = lines.last_mut() else { break };
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
            lines.push(word.to_owned());
        } else {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

/// Foreign text: control characters, and marks that turn a text around, are escaped.
pub(super) fn shown(text: &str, most: usize) -> String {
    let mut out = String::new();
    for (number, character) in text.chars().enumerate() {
        match character {
            _ if number >= most => {
                out.push('…');
                break;
            }
            ' '..='~' => out.push(character),
            _ => out.extend(character.escape_debug()),
        }
    }
    out
}
