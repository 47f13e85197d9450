//! The words of the command line before clap reads them: an option that is repeated with the same
//! value counts once, and what clap would tell badly or not at all is told here: empty values,
//! text that is none, and lines that a shell or an SDK has cut.

use std::any::TypeId;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use clap::{Arg, ArgAction, Command, Id};

use crate::error::Usage;

/// The words as clap gets them, and whose they are.
pub(super) struct Words {
    /// The program's name first.
    pub(super) list: Vec<OsString>,
    /// The command, where one was given.
    pub(super) verb: Option<String>,
    /// Whether something stands before the command.
    pub(super) early: bool,
}

/// An option with its value, as it stands in one word or two.
struct Given<'a> {
    option: &'a Arg,
    name: String,
    value: Option<&'a OsStr>,
    words: usize,
}

impl Words {
    /// Reads the words of a command line, the program's name first.
    ///
    /// # Errors
    /// When an option is empty, is no text, or was given twice with different values.
    pub(super) fn read(words: Vec<OsString>, program: &Command) -> Result<Self, Usage> {
        let verbs = verbs(&words, program);
        let verb = verbs.last().copied();
        let mut list = Vec::new();
        let mut seen: Vec<(&Id, Option<&OsStr>)> = Vec::new();
        let mut rest = words.as_slice();
        while let [word, after @ ..] = rest {
            let given = verb.and_then(|verb| given(word, after.first(), verb));
            let (words, repeated) = match &given {
                Some(given) => (given.words, repeated(given, &seen)?),
                None => (1, false),
            };
            if !repeated {
                list.extend(rest.iter().take(words).cloned());
                seen.extend(given.map(|given| (given.option.get_id(), given.value)));
            }
            rest = rest.get(words..).unwrap_or_default();
        }
        let names: Vec<_> = verbs.iter().map(|verb| verb.get_name()).collect();
        let first = names.first().zip(list.get(1));
        let early = first.is_some_and(|(name, word)| word != name);
        let verb = (!names.is_empty()).then(|| names.join(" "));
        Ok(Self { list, verb, early })
    }

    /// Where the line of a configuration file was cut, if it looks like that: a shell ends a command
    /// at the first `;` or `&`, and what follows never arrives.
    pub(super) fn cut_at(&self) -> Option<char> {
        let last = self.list.last()?.as_bytes();
        let value = last.splitn(2, |byte| *byte == b'=').last().filter(|_| last.starts_with(b"--"));
        let uri = [Some(last), value].into_iter().flatten().find(|text| is_uri(text))?;
        (!uri.contains(&b';')).then_some(if uri.contains(&b'?') { '&' } else { ';' })
    }

    /// Whether a line was continued with a backslash, which the readers of `~/.aws/config` do not
    /// know: it arrives as a word, or with the line break at the start of the next one.
    pub(super) fn were_continued(&self) -> bool {
        self.list.iter().any(|word| word == "\\" || word.as_bytes().starts_with(b"\n"))
    }
}

/// The command, and the command within it: `pin forget`.
fn verbs<'a>(words: &[OsString], program: &'a Command) -> Vec<&'a Command> {
    let (mut verbs, mut within) = (Vec::new(), program);
    for word in words.iter().skip(1) {
        if let Some(verb) = within.find_subcommand(word) {
            verbs.push(verb);
            within = verb;
        }
    }
    verbs
}

/// The option that a word is, with its value, which may be the next word.
fn given<'a>(word: &'a OsStr, next: Option<&'a OsString>, verb: &'a Command) -> Option<Given<'a>> {
    let text = word.as_bytes().strip_prefix(b"--")?;
    let mut parts = text.splitn(2, |byte| *byte == b'=');
    let name = str::from_utf8(parts.next()?).ok()?;
    let named = |arg: &&Arg| {
        let aliases = arg.get_all_aliases().unwrap_or_default();
        arg.get_long() == Some(name) || aliases.contains(&name)
    };
    let option = verb.get_arguments().find(named)?;
    let inside = parts.next().map(OsStr::from_bytes);
    let takes = option.get_action().takes_values();
    if inside.is_some() && !takes {
        return None;
    }
    let separate = takes && inside.is_none();
    let after = next.filter(|next| separate && !next.as_bytes().starts_with(b"-"));
    let value = inside.or(after.map(OsString::as_os_str));
    Some(Given {
        option,
        name: format!("--{name}"),
        value,
        words: 1 + usize::from(after.is_some()),
    })
}

/// Whether the same option has been given with the same value.
fn repeated(given: &Given<'_>, seen: &[(&Id, Option<&OsStr>)]) -> Result<bool, Usage> {
    let Given { option, name, value, .. } = given;
    let text = option.get_value_parser().type_id() == TypeId::of::<String>();
    if value.is_some_and(|value| value.is_empty()) {
        return Err(wrong(format!("{name} is empty"), None, "give it a value, or leave it out"));
    }
    if text && value.is_some_and(|value| value.to_str().is_none()) {
        return Err(wrong(
            format!("{name} is not UTF-8 text"),
            None,
            "write it in UTF-8; only paths may hold other bytes",
        ));
    }
    let mut before = seen.iter().filter(|(id, _)| *id == option.get_id()).map(|(_, value)| *value);
    match before.next() {
        None => Ok(false),
        Some(first) if first == *value => Ok(true),
        Some(_) if matches!(option.get_action(), ArgAction::Append) => {
            Ok(before.any(|v| v == *value))
        }
        Some(first) => {
            let what = format!("{name} was given twice, with different values");
            Err(wrong(what, Some(both(option, first, *value)), "give it once"))
        }
    }
}

/// Two values of an option, unless it is of a kind that may hold a PIN or a password.
fn both(option: &Arg, first: Option<&OsStr>, second: Option<&OsStr>) -> String {
    let kinds = option.get_value_names().unwrap_or_default();
    let about_pin = option.get_id().as_str().starts_with("pin_");
    if about_pin
        || kinds.iter().any(|kind| ["REF", "URI", "URL"].iter().any(|name| kind.contains(name)))
    {
        return "they are not shown, because either may hold a secret".to_owned();
    }
    let shown = |value: Option<&OsStr>| value.unwrap_or_default().display().to_string();
    format!("'{}' and '{}'", shown(first), shown(second))
}

fn is_uri(text: &[u8]) -> bool {
    text.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"pkcs11:"))
}

fn wrong(what: String, cause: Option<String>, hint: &str) -> Usage {
    Usage { what, cause, hint: Some(hint.to_owned()) }
}
