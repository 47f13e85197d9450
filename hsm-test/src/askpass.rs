//! Programs that are started with what they are to show: an askpass, a notify-send. Each answers as a test says, and
//! tells what it was told.

use std::path::{Path, PathBuf};

use crate::files::{read, write};
use crate::tool;

/// The program, with files of its own beside it.
#[derive(Debug)]
pub struct Askpass {
    program: PathBuf,
}

/// What it does when it is started.
#[derive(Clone, Copy, Debug)]
pub enum Answer<'a> {
    /// The person gave up: exit 1, nothing on stdout.
    Cancel,
    /// Nothing, until it is ended.
    Hang,
    /// This on stdout, and a line break.
    Say(&'a str),
}

impl Askpass {
    /// Puts the program into `directory` under that name. Each answer is given once, in their order; when there are
    /// none left it gives up.
    ///
    /// # Panics
    /// When the directory is not writable.
    pub fn new(directory: &Path, name: &str, answers: &[Answer<'_>]) -> Self {
        let askpass = Self { program: directory.join(name) };
        tool::install(include_str!("askpass/fake.sh"), &askpass.program);
        let line = |answer: &Answer<'_>| match answer {
            Answer::Cancel => "fail\n".to_owned(),
            Answer::Hang => "hang\n".to_owned(),
            Answer::Say(text) => format!("say {text}\n"),
        };
        write(&askpass.beside("answers"), &answers.iter().map(line).collect::<String>());
        write(&askpass.beside("log"), "");
        askpass
    }

    /// The program.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// The arguments of each time that it was started, a line each, with `\n` for the line breaks in them as well.
    ///
    /// # Panics
    /// When the directory is gone.
    pub fn started(&self) -> Vec<String> {
        read(&self.beside("log")).split("# started\n").skip(1).map(str::to_owned).collect()
    }

    fn beside(&self, extension: &str) -> PathBuf {
        self.program.with_extension(extension)
    }
}
