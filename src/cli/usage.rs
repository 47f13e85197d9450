//! clap's errors in our form: what is wrong, and the nearest right thing, in three lines at most.

use std::ffi::OsString;

use clap::Parser;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::cli::words::Words;
use crate::error::{Error, Usage};

/// What became of the arguments.
pub enum Parsed<T> {
    /// They are right.
    Arguments(T),
    /// They ask for help or the version: text for stdout.
    Text(String),
    /// They are wrong.
    Wrong(Error),
}

/// Reads a command line, the program's name first.
pub(super) fn parsed<T: Parser>(words: Vec<OsString>) -> Parsed<T> {
    let mut program = T::command();
    let words = match Words::read(words, &program) {
        Ok(words) => words,
        Err(usage) => return Parsed::Wrong(usage.into()),
    };
    let matches = program.try_get_matches_from_mut(&words.list);
    match matches.and_then(|matches| T::from_arg_matches(&matches)) {
        Ok(arguments) => Parsed::Arguments(arguments),
        Err(error) => match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
                Parsed::Text(error.render().to_string())
            }
            _ => Parsed::Wrong(usage(&error, &words).into()),
        },
    }
}

fn usage(error: &clap::Error, words: &Words) -> Usage {
    let missing = error.kind() == ErrorKind::MissingRequiredArgument;
    let cause = match words.cut_at() {
        Some(at) if missing => Some(format!("the URI seems to be cut at '{at}'")),
        _ if words.were_continued() => Some("the line seems to be continued with '\\'".to_owned()),
        _ => None,
    };
    let hint = match (&cause, missing) {
        (Some(_), true) => "put it in double quotes in ~/.aws/config".to_owned(),
        (Some(_), false) => "write credential_process as one line of ~/.aws/config".to_owned(),
        (None, _) => hint(error, words),
    };
    Usage { what: what(error), cause, hint: Some(hint) }
}

fn what(error: &clap::Error) -> String {
    let named = |kind| names(error, kind).join(", ");
    let argument = named(ContextKind::InvalidArg);
    match error.kind() {
        ErrorKind::ArgumentConflict => {
            format!("{argument} cannot be given together with {}", named(ContextKind::PriorArg))
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand => {
            "no command is given".to_owned()
        }
        ErrorKind::InvalidSubcommand => match named(ContextKind::InvalidSubcommand) {
            word if is_name(&word) => format!("there is no command '{word}'"),
            _ => "there is no such command".to_owned(),
        },
        ErrorKind::InvalidValue => format!("{argument} has no value"),
        ErrorKind::MissingRequiredArgument => format!("missing: {argument}"),
        ErrorKind::TooManyValues => format!("{argument} takes no value"),
        // A stray word may be half of a URI, with a PIN in it.
        ErrorKind::UnknownArgument if !is_option(name(&argument)) => {
            "there is a word that belongs to no option".to_owned()
        }
        ErrorKind::UnknownArgument => format!("there is no option '{}'", name(&argument)),
        _ => "the command line cannot be understood".to_owned(),
    }
}

/// The nearest right thing, or where to read on.
fn hint(error: &clap::Error, words: &Words) -> String {
    let nearest = [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand]
        .into_iter()
        .flat_map(|kind| names(error, kind))
        .next();
    let argument = names(error, ContextKind::InvalidArg).into_iter().next();
    let stray = error.kind() == ErrorKind::UnknownArgument
        && argument.is_none_or(|argument| !is_option(name(&argument)));
    match (nearest, &words.verb) {
        (Some(nearest), _) => format!("did you mean {nearest}?"),
        (None, _) if stray => "put values with spaces or ; into double quotes".to_owned(),
        (None, Some(verb)) if words.early => format!("options stand after the command {verb}"),
        (None, Some(verb)) => format!("see keyanchor {verb} --help"),
        (None, None) => "see keyanchor --help".to_owned(),
    }
}

/// `--option=value` without the value.
fn name(argument: &str) -> &str {
    argument.split('=').next().unwrap_or_default()
}

/// Like `--pkcs11-lib`.
fn is_option(word: &str) -> bool {
    let letters = |name: &str| name.chars().filter(|c| !c.is_ascii_digit()).collect::<String>();
    let name =
        word.strip_prefix("--").filter(|name| name.starts_with(|c: char| c.is_ascii_lowercase()));
    name.is_some_and(|name| is_name(&letters(name)))
}

/// Like the name of a command, and not like a PIN or a URI.
fn is_name(word: &str) -> bool {
    word.len() <= 40 && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
}

/// Names only: the values of options may be secret, and are in other kinds of context.
fn names(error: &clap::Error, kind: ContextKind) -> Vec<String> {
    match error.get(kind) {
        Some(ContextValue::String(word)) => vec![word.clone()],
        Some(ContextValue::Strings(words)) => words.clone(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Parser)]
    #[command(name = "keyanchor")]
    enum Verb {
        Bring {
            #[arg(long)]
            what: String,
        },
        Look {
            #[arg(long)]
            far: bool,
        },
    }

    fn hint(words: &[&str]) -> Option<String> {
        let words = words.iter().map(|word| OsString::from(*word)).collect();
        match parsed::<Verb>(words) {
            Parsed::Wrong(Error::Usage(usage)) => usage.hint,
            _ => None,
        }
    }

    #[test]
    fn each_command_sends_to_its_own_help() {
        assert_eq!(hint(&["", "look", "--zzz"]).as_deref(), Some("see keyanchor look --help"));
        assert_eq!(hint(&["", "bring"]).as_deref(), Some("see keyanchor bring --help"));
        assert_eq!(hint(&["", "look", "--farr"]).as_deref(), Some("did you mean --far?"));
        assert_eq!(hint(&["", "brin"]).as_deref(), Some("did you mean bring?"));
        assert_eq!(hint(&["", "--far"]).as_deref(), Some("see keyanchor --help"));
        assert_eq!(hint(&["", "look", "--far", "--far"]), None, "said twice, and meant once");
    }
}
