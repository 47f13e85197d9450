//! clap's errors in our form: what is wrong, and the nearest right thing, in three lines at most.

use clap::error::{ContextKind, ContextValue, ErrorKind};

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

pub(super) fn parsed<T>(result: Result<T, clap::Error>) -> Parsed<T> {
    match result {
        Ok(arguments) => Parsed::Arguments(arguments),
        Err(error) => match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
                Parsed::Text(error.render().to_string())
            }
            _ => Parsed::Wrong(usage(&error).into()),
        },
    }
}

fn usage(error: &clap::Error) -> Usage {
    let named = |kind| words(error, kind).join(", ");
    let argument = named(ContextKind::InvalidArg);
    let what = match error.kind() {
        ErrorKind::ArgumentConflict => match named(ContextKind::PriorArg) {
            prior if prior.is_empty() || prior == argument => {
                format!("{argument} cannot be given twice")
            }
            prior => format!("{argument} cannot be given together with {prior}"),
        },
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand => {
            "no command is given".to_owned()
        }
        ErrorKind::InvalidSubcommand => match named(ContextKind::InvalidSubcommand) {
            word if is_name(&word) => format!("there is no command '{word}'"),
            _ => "there is no such command".to_owned(),
        },
        ErrorKind::InvalidValue | ErrorKind::NoEquals | ErrorKind::WrongNumberOfValues => {
            format!("{argument} has no value")
        }
        ErrorKind::MissingRequiredArgument => format!("missing: {argument}"),
        // A stray word may be half of a URI, with a PIN in it.
        ErrorKind::UnknownArgument if !is_option(name(&argument)) => {
            "there is a word that belongs to no option".to_owned()
        }
        ErrorKind::UnknownArgument => format!("there is no option '{}'", name(&argument)),
        _ => "the command line cannot be understood".to_owned(),
    };
    let nearest = [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand]
        .into_iter()
        .flat_map(|kind| words(error, kind))
        .next();
    let help = if what.starts_with("there is a word") {
        "put values with spaces or ; into double quotes"
    } else if argument.is_empty()
        || what.starts_with("there is no command")
        || what.starts_with("there is no such")
    {
        "see keyanchor --help"
    } else if words(error, ContextKind::Usage).concat().contains("keyanchor list") {
        "see keyanchor list --help"
    } else {
        "see keyanchor credential-process --help"
    };
    let hint =
        nearest.map_or_else(|| help.to_owned(), |nearest| format!("did you mean {nearest}?"));
    Usage { what, cause: None, hint: Some(hint) }
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
fn words(error: &clap::Error, kind: ContextKind) -> Vec<String> {
    match error.get(kind) {
        Some(ContextValue::String(word)) => vec![word.clone()],
        Some(ContextValue::Strings(words)) => words.clone(),
        Some(ContextValue::StyledStr(usage)) => vec![usage.to_string()],
        _ => Vec::new(),
    }
}
