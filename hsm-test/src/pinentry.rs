//! A pinentry that answers as a test says, and tells what it was told. `assuan` is the language; real ones speak it
//! with the same client.

use std::fs;
use std::path::{Path, PathBuf};

use crate::assuan::{decoded, encoded};
use crate::files::{read, write};
use crate::tool;

/// The program, with files of its own beside it.
#[derive(Debug)]
pub struct Pinentry {
    directory: PathBuf,
}

/// What it says to one GETPIN, CONFIRM or MESSAGE.
#[derive(Clone, Copy, Debug)]
pub enum Answer<'a> {
    /// The person gave up.
    Cancel,
    /// It ends without a word.
    Die,
    /// An error of that code.
    Error(u32),
    /// Nothing, until it is ended: the person is not there, or a message stands on the screen.
    Hang,
    /// A message was read and closed, or a question without a PIN confirmed.
    Ok,
    /// The person typed this.
    Pin(&'a str),
    /// These lines, which may be wrong.
    Raw(&'a [&'a str]),
    /// Nobody answered for as long as SETTIMEOUT says.
    Timeout,
}

impl Answer<'_> {
    /// One line of the file of answers; a bar ends a line of Assuan, and is encoded where it stands in a PIN.
    fn line(self) -> String {
        let error = |code, text| format!("say ERR {code} {text} <Pinentry>");
        match self {
            Self::Cancel => error(83_886_179, "Operation cancelled"),
            Self::Die => "die".into(),
            Self::Error(code) => error(code, "Something went wrong"),
            Self::Hang => "hang".into(),
            // pinentry sends no data where there is none
            Self::Ok | Self::Pin("") => "say OK".into(),
            Self::Pin(pin) => format!("say D {}|OK", encoded(pin).replace('|', "%7C")),
            Self::Raw(lines) => format!("say {}", lines.join("|")),
            Self::Timeout => error(83_886_142, "Timeout"),
        }
    }
}

impl Pinentry {
    /// Puts the program into `directory`, where a product may insist that others cannot change it. Each answer is
    /// given once, in their order, whichever process is asked; when there are none left it ends.
    ///
    /// # Panics
    /// When the directory is not writable.
    pub fn new(directory: &Path, answers: &[Answer<'_>]) -> Self {
        let pinentry = Self { directory: directory.into() };
        tool::install(include_str!("pinentry/fake.sh"), &pinentry.program());
        let lines: String = answers.iter().map(|answer| answer.line() + "\n").collect();
        write(&directory.join("pinentry.answers"), &lines);
        write(&pinentry.log(), "");
        pinentry
    }

    /// The program.
    pub fn program(&self) -> PathBuf {
        self.directory.join("pinentry")
    }

    /// Every line that it received, of all its processes. Those with a `#` are its own: `# started with: …`,
    /// `# environment: …`, `# descriptor N: …`, `# no answer is left`.
    ///
    /// # Panics
    /// When the directory is gone.
    pub fn received(&self) -> Vec<String> {
        read(&self.log()).lines().map(str::to_owned).collect()
    }

    /// What came with each command of that name, decoded: `SETDESC`, `OPTION`.
    ///
    /// # Panics
    /// When the directory is gone.
    pub fn told(&self, command: &str) -> Vec<String> {
        let received = self.received();
        let with = received.iter().filter_map(|line| line.strip_prefix(command));
        with.filter(|rest| rest.is_empty() || rest.starts_with(' '))
            .map(|rest| decoded(rest.trim_start()))
            .collect()
    }

    /// How many answers have not been asked for.
    ///
    /// # Panics
    /// When the directory is gone.
    pub fn answers_left(&self) -> usize {
        fs::read_to_string(self.directory.join("pinentry.answers"))
            .expect("answers")
            .lines()
            .count()
    }

    fn log(&self) -> PathBuf {
        self.directory.join("pinentry.log")
    }
}
