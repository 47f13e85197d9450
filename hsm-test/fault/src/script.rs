//! The script: one line a fault, `function which-call action`, and `#` before a comment.
//!
//! Which call: `3`, `2-4`, `2+`, or `*`. The first line that fits a call counts. `unload` stands for the end of the
//! process. What is not understood ends the process loudly.

use std::str::FromStr;
use std::time::Duration;

use cryptoki_sys::{CK_ATTRIBUTE_TYPE, CK_FLAGS, CK_MECHANISM_TYPE, CK_RV, CK_ULONG};

use crate::attempt::Attempt;
use crate::{UNLOAD, place, table, wrong};

/// The lines of a script.
pub(crate) struct Script(Vec<Line>);

struct Line {
    function: String,
    first: usize,
    last: usize,
    action: Action,
}

/// What happens instead of the call, before or after it.
pub(crate) enum Action {
    /// `absent`: the list of functions has none there, whichever call the line is for.
    Absent,
    /// `abort`
    Abort,
    /// `answer 0x100`: it is passed on, and this is returned.
    Answer(CK_RV),
    /// `connect`, `read PATH` and others, before it is passed on.
    Attempt(Attempt),
    /// `exit 3`
    Exit(i32),
    /// One of those below.
    Lie(Lie),
    /// `finalize`, `close`, `logout`: the real module loses its state, the session or the login, then the call is
    /// passed on.
    Lose(Loss),
    /// `rv 0x32`, `rv 0x32 after 5`: it is not passed on.
    Return(CK_RV, Duration),
    /// `segv`
    Segv,
    /// `sleep 5`, `sleep 100ms`, `sleep forever`: then it is passed on.
    Sleep(Duration),
    /// `vanish`: there is no token from now on, and no handle is valid.
    Vanish,
}

/// What the real module forgets.
pub(crate) enum Loss {
    Login,
    Session,
    State,
}

/// A call that is passed on, and a word of its answer that is changed.
pub(crate) enum Lie {
    /// `clear 0x202`: an attribute of one byte is false.
    Clear(CK_ATTRIBUTE_TYPE),
    /// `corrupt`: one bit of the output is another.
    Corrupt,
    /// `count 99`: so many slots or objects.
    Count(CK_ULONG),
    /// `flags +0x20000`: what a token says about itself as well.
    Flags(CK_FLAGS),
    /// `flags -0x8`: what it does not say.
    NoFlags(CK_FLAGS),
    /// `garbage`: texts without an end that are not UTF-8.
    Garbage,
    /// `length 0xffffffff`: so long is an attribute, or a signature.
    Length(CK_ULONG),
    /// `maker Yubico`: so begins what a token says about who made it.
    Maker(String),
    /// `pad 648219 after 2`: a login without a PIN waits until this one has been typed on a pad.
    Pad(String, Duration),
    /// `refuse-mechanism 0x1`: CKR_MECHANISM_INVALID for that one; it is not passed on.
    RefuseMechanism(CK_MECHANISM_TYPE),
    /// `unparsable LABEL`: the token of that label has a clock, and a time that is none.
    Unparsable(String),
    /// `zero`: all handles are.
    Zero,
}

impl Script {
    /// Reads the script.
    pub(crate) fn of_environment() -> Self {
        let path = place::of("P11_FAULT_SCRIPT", "script");
        let text = std::fs::read_to_string(&path)
            .unwrap_or_else(|error| wrong(&format!("{}: {error}", path.display())));
        let bare = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
        let lines = bare.filter(|line| !line.is_empty()).map(|line| {
            parsed(line)
                .unwrap_or_else(|what| wrong(&format!("{what} in the script's line: {line}")))
        });
        Self(lines.collect())
    }

    /// What the how many-th call of a function does.
    pub(crate) fn action(&self, function: &str, number: usize) -> Option<&Action> {
        let fits =
            |line: &&Line| line.function == function && (line.first..=line.last).contains(&number);
        self.0.iter().find(fits).map(|line| &line.action)
    }

    /// Whether the module shall not have that function at all.
    pub(crate) fn leaves_out(&self, function: &str) -> bool {
        self.0.iter().any(|l| l.function == function && matches!(l.action, Action::Absent))
    }
}

fn parsed(line: &str) -> Result<Line, String> {
    let words: Vec<_> = line.split_whitespace().collect();
    let [function, calls, action @ ..] = words.as_slice() else {
        return Err("too few words".to_owned());
    };
    if !table::NAMES.contains(function) && !["C_GetFunctionList", UNLOAD].contains(function) {
        return Err(format!("no function {function}"));
    }
    let (first, last) = which(calls)?;
    Ok(Line { function: (*function).to_owned(), first, last, action: what(action)? })
}

fn which(calls: &str) -> Result<(usize, usize), String> {
    let number = |text: &str| text.parse().map_err(|_| format!("no call {calls}"));
    match (calls, calls.strip_suffix('+'), calls.split_once('-')) {
        ("*", ..) => Ok((0, usize::MAX)),
        (_, Some(first), _) => Ok((number(first)?, usize::MAX)),
        (_, _, Some((first, last))) => Ok((number(first)?, number(last)?)),
        _ => Ok((number(calls)?, number(calls)?)),
    }
}

fn what(action: &[&str]) -> Result<Action, String> {
    Ok(match *action {
        ["abort"] => Action::Abort,
        ["call", call] => Action::Attempt(Attempt::Call(number(call)?)),
        ["connect"] => Action::Attempt(Attempt::Connect),
        ["fork"] => Action::Attempt(Attempt::Fork),
        ["rouse", path] => Action::Attempt(Attempt::Rouse(path.into())),
        ["read", path] => Action::Attempt(Attempt::Read(path.into())),
        ["write", path] => Action::Attempt(Attempt::Write(path.into())),
        ["absent"] => Action::Absent,
        ["answer", code] => Action::Answer(number(code)?),
        ["close"] => Action::Lose(Loss::Session),
        ["exit", status] => Action::Exit(number(status)?),
        ["finalize"] => Action::Lose(Loss::State),
        ["logout"] => Action::Lose(Loss::Login),
        ["rv", code] => Action::Return(number(code)?, Duration::ZERO),
        ["rv", code, "after", time] => Action::Return(number(code)?, duration(time)?),
        ["segv"] => Action::Segv,
        ["sleep", time] => Action::Sleep(duration(time)?),
        ["vanish"] => Action::Vanish,
        ref lie => Action::Lie(untrue(lie)?),
    })
}

fn untrue(lie: &[&str]) -> Result<Lie, String> {
    Ok(match *lie {
        ["clear", attribute] => Lie::Clear(number(attribute)?),
        ["corrupt"] => Lie::Corrupt,
        ["count", count] => Lie::Count(number(count)?),
        ["flags", flags] => match (flags.strip_prefix('+'), flags.strip_prefix('-')) {
            (Some(more), _) => Lie::Flags(number(more)?),
            (_, Some(less)) => Lie::NoFlags(number(less)?),
            _ => return Err("flags are added or taken away: +0x20000".to_owned()),
        },
        ["garbage"] => Lie::Garbage,
        ["length", length] => Lie::Length(number(length)?),
        ["maker", name] => Lie::Maker(name.to_owned()),
        ["pad", pin, "after", time] => Lie::Pad(pin.to_owned(), duration(time)?),
        ["refuse-mechanism", mechanism] => Lie::RefuseMechanism(number(mechanism)?),
        ["unparsable", label] => Lie::Unparsable(label.to_owned()),
        ["zero"] => Lie::Zero,
        ref other => return Err(format!("no action {}", other.join(" "))),
    })
}

/// Decimal, or hexadecimal after `0x`.
fn number<T: TryFrom<u64>>(text: &str) -> Result<T, String> {
    let value = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => u64::from_str(text).ok(),
    };
    value.and_then(|value| T::try_from(value).ok()).ok_or_else(|| format!("no number {text}"))
}

fn duration(text: &str) -> Result<Duration, String> {
    match text.strip_suffix("ms") {
        _ if text == "forever" => Ok(Duration::MAX),
        Some(milliseconds) => number(milliseconds).map(Duration::from_millis),
        None => number(text).map(Duration::from_secs),
    }
}
