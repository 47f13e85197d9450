//! Assuan, as far as a pinentry speaks it: a line for each command, and a few for each answer.
//! What the program says is not believed: lines and their number have limits.

use std::mem;

use crate::prompt::program::Program;
use crate::prompt::{NoPin, plain};
use crate::secret::SecretBytes;

/// Longest line without its end, in bytes (ASSUAN_LINELENGTH).
pub const LONGEST: usize = 1000;

/// The most lines of one answer.
const LINES: usize = 100;

/// A conversation with a program that has said it is ready.
pub(super) struct Dialogue(Program);

/// What was answered to a command.
pub enum Answer {
    /// It was done, and this is what came with it.
    Good(SecretBytes),
    /// It was not done.
    Refused {
        /// Without the part that says where the error comes from.
        code: u32,
        /// Why, for a person.
        text: String,
    },
}

impl Dialogue {
    /// Waits for the greeting.
    pub(super) fn begin(program: Program) -> Result<Self, NoPin> {
        let mut dialogue = Self(program);
        match dialogue.answer()? {
            Answer::Good(_) => Ok(dialogue),
            Answer::Refused { text, .. } => Err(dialogue.unusable(&text)),
        }
    }

    /// Gives a command, and waits for what comes of it.
    pub(super) fn ask(&mut self, command: &str) -> Result<Answer, NoPin> {
        self.0.write_line(command)?;
        self.answer()
    }

    /// Lets the program wipe its memory and go.
    pub(super) fn end(mut self) {
        self.0.let_end();
    }

    pub(super) fn unusable(&self, reason: &str) -> NoPin {
        self.0.unusable(reason)
    }

    fn answer(&mut self) -> Result<Answer, NoPin> {
        let mut data = SecretBytes::with_capacity(LONGEST);
        for _ in 0..LINES {
            let line = self.0.read_line(LONGEST)?;
            let line = line.ok_or_else(|| self.unusable("it ended without an answer"))?;
            if let Some(answer) = take(&line, &mut data).map_err(|why| self.unusable(why))? {
                return Ok(answer);
            }
        }
        Err(self.unusable("its answer has too many lines"))
    }
}

/// Takes a line of an answer; the last one gives out what has gathered in `data`, which has room for
/// [`LONGEST`] bytes.
///
/// # Errors
/// When it is no line of an answer, or `data` would hold too much.
pub fn take(line: &[u8], data: &mut SecretBytes) -> Result<Option<Answer>, &'static str> {
    let mut words = line.splitn(2, |byte| *byte == b' ');
    let (word, rest) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    match word {
        b"OK" => {
            let said = mem::replace(data, SecretBytes::with_capacity(LONGEST));
            return Ok(Some(Answer::Good(said)));
        }
        b"ERR" => return Ok(Some(refusal(rest))),
        b"D" if data.len() + rest.len() <= LONGEST => decode(rest, data),
        b"D" => return Err("its answer is too long"),
        b"S" => {}
        comment if comment.starts_with(b"#") => {}
        _ => return Err("it does not speak as a pinentry does"),
    }
    Ok(None)
}

/// `CODE TEXT <SOURCE>`; the upper half of the code says where the error comes from.
fn refusal(rest: &[u8]) -> Answer {
    let rest = plain(&String::from_utf8_lossy(rest));
    let (code, text) = rest.split_once(' ').unwrap_or((&rest, ""));
    let code = code.parse().unwrap_or(0) & 0xffff;
    let text = text.split(" <").next().filter(|text| !text.trim().is_empty());
    Answer::Refused { code, text: text.unwrap_or("it refuses without a reason").to_lowercase() }
}

/// `%25` is a percent sign; one that stands for nothing stands for itself.
fn decode(mut text: &[u8], into: &mut SecretBytes) {
    while let [byte, rest @ ..] = text {
        let hex = text.get(1..3).filter(|_| *byte == b'%').and_then(|hex| str::from_utf8(hex).ok());
        // A number may have a sign, and an escape may not.
        let hex = hex.filter(|hex| !hex.starts_with('+'));
        let decoded = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        into.push(decoded.unwrap_or(*byte));
        text = text.get(3..).filter(|_| decoded.is_some()).unwrap_or(rest);
    }
}

/// A command with lines of text, as much of them as a line of the protocol can hold.
pub(super) fn with_text(command: &str, lines: &[String]) -> String {
    let mut line = format!("{command} ");
    for character in lines.join("\n").chars() {
        let mut buffer = [0; 4];
        let escaped = match character {
            '%' => "%25",
            '\n' => "%0A",
            // Some dialogs would take it for the beginning of markup.
            '<' => "‹",
            character => character.encode_utf8(&mut buffer),
        };
        if line.len() + escaped.len() > LONGEST {
            break;
        }
        line.push_str(escaped);
    }
    line
}
