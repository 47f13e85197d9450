//! Several modules, of which one may hold the key: all are asked, and nothing is picked silently.

use std::io;
use std::path::PathBuf;
use std::thread::{self, ScopedJoinHandle};

use crate::signer::Error;
use crate::signer::hosted::{Answer, Asked, process};
use crate::wire::Failure;

/// All modules at once: one that is slow must not hold up the others.
pub(super) fn ask_all<T: Send>(
    modules: &[PathBuf],
    first: &(dyn Fn(&PathBuf) -> Result<Asked<T>, Error> + Sync),
) -> Vec<Result<Asked<T>, Error>> {
    thread::scope(|scope| {
        let start = |module| thread::Builder::new().spawn_scoped(scope, move || first(module));
        let running: Vec<_> = modules.iter().map(start).collect();
        let lost = |_| Err(process::out_of_order());
        let end = |thread: io::Result<ScopedJoinHandle<'_, _>>| match thread {
            Ok(thread) => thread.join().unwrap_or_else(lost),
            Err(error) => Err(Error::System(error)),
        };
        running.into_iter().map(end).collect()
    })
}

/// The one module that has it. Several are an error: the same token may be there through two
/// modules, and then the user says which. A login is tried only where no other module has a token
/// that fits: the PIN could be for that one.
pub(super) fn choose<T>(
    modules: &[PathBuf],
    answers: Vec<Result<Asked<T>, Error>>,
    certain: bool,
) -> Result<Asked<T>, Error> {
    let (mut visible, mut hidden, mut failed) = (Vec::new(), Vec::new(), Vec::new());
    for (module, answer) in modules.iter().zip(answers) {
        match answer {
            Ok(asked) if matches!(asked.answer, Answer::Visible(_)) => {
                visible.push((module, asked))
            }
            Ok(asked) => hidden.push((module, asked)),
            Err(error) => failed.push(error),
        }
    }
    let most = failed.iter().map(found).max().unwrap_or(Found::Nothing);
    let decided =
        if visible.is_empty() { most < Found::Token } else { certain || most < Found::SeveralKeys };
    let mut fitting = if visible.is_empty() { hidden } else { visible };
    match fitting.as_slice() {
        [] => Err(most_telling(failed)),
        [_] if decided => fitting.pop().map(|(_, asked)| asked).ok_or_else(process::out_of_order),
        [_] => Err(most_telling(failed)),
        several => {
            let shown = |(module, _): &(&PathBuf, Asked<T>)| module.display().to_string();
            let candidates = several.iter().map(shown).collect();
            let (what, wanted) = ("modules".to_owned(), "the URI".to_owned());
            Err(Failure::Ambiguous { what, wanted, candidates }.into())
        }
    }
}

/// How much of what was looked for a module without an answer has, the least first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Found {
    Nothing,
    /// It failed, and may have anything.
    Unknown,
    /// A token that fits, and no key.
    Token,
    SeveralKeys,
}

fn found(error: &Error) -> Found {
    let (Error::Device(failure) | Error::Sandboxed(failure)) = error else {
        return Found::Unknown;
    };
    match failure {
        Failure::Ambiguous { .. } => Found::SeveralKeys,
        Failure::NoObject { .. } => Found::Token,
        Failure::NoToken { .. } => Found::Nothing,
        _ => Found::Unknown,
    }
}

/// Of several modules that do not have it, what the one says that came closest. Where none has a
/// token that fits, the tokens of all are named.
fn most_telling(mut failed: Vec<Error>) -> Error {
    let closest = failed.iter().map(found).max().unwrap_or(Found::Nothing);
    if closest > Found::Nothing
        && let Some(place) = failed.iter().position(|error| found(error) == closest)
    {
        return failed.swap_remove(place);
    }
    let mut all = Vec::new();
    let mut asked_for = String::new();
    for error in failed {
        if let Error::Device(failure) | Error::Sandboxed(failure) = error
            && let Failure::NoToken { wanted, present } = failure
        {
            all.extend(present);
            asked_for = wanted;
        }
    }
    Failure::NoToken { wanted: asked_for, present: all }.into()
}
