//! What is on the tokens of many modules: a host each, all at once, and for each a time in which it
//! must have answered; what takes longer, or fails, is told beside the others.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::deadline::Deadline;
use crate::key::uri::TokenFilter;
use crate::signer::hosted::process::{self, Host, Standby};
use crate::signer::hosted::program::Program;
use crate::signer::{Error, Settings, modules};
use crate::wire::{Address, Failure, FilePath, PinRules, PinSource, Reply, Request, list};

mod names;

pub use names::{Names, fits, whole};

/// A module, and what it answered.
pub struct Module {
    /// Its canonical path, or as it was named where it was not asked.
    pub path: PathBuf,
    /// Its tokens.
    pub tokens: Result<Vec<Token>, Error>,
    /// How many more it has.
    pub more: usize,
    /// How long it took.
    pub took: Duration,
}

/// A token, and what came of a login.
pub struct Token {
    /// What it shows.
    pub facts: list::Token,
    /// Why it was not logged in to, where that was wanted.
    pub refused: Option<Error>,
}

/// Asks all modules at once, each for `time` in all. Nobody is asked for anything, and no login is
/// made.
#[must_use]
pub fn ask_all(
    candidates: Vec<modules::Candidate>,
    time: Duration,
    settings: &Settings,
) -> Vec<Module> {
    thread::scope(|scope| {
        let running: Vec<_> = candidates
            .into_iter()
            .map(|candidate| {
                let path = candidate.0.clone();
                (path, scope.spawn(move || first_answer(candidate, time, settings)))
            })
            .collect();
        let lost = |path| module(path, Err(process::out_of_order()), Duration::ZERO);
        running
            .into_iter()
            .map(|(path, thread)| thread.join().unwrap_or_else(|_| lost(path)))
            .collect()
    })
}

fn first_answer((path, state): modules::Candidate, time: Duration, settings: &Settings) -> Module {
    let start = Instant::now();
    let answer = state.and_then(|()| ask(&path, None, PinRules::default(), time, settings));
    module(path, answer, start.elapsed())
}

fn module(path: PathBuf, answer: Result<list::Listed, Error>, took: Duration) -> Module {
    let more = answer.as_ref().map_or(0, |listed| listed.more);
    let tokens = answer.map(|listed| listed.tokens.into_iter());
    let tokens = tokens.map(|all| all.map(|facts| Token { facts, refused: None }).collect());
    Module { path, tokens, more, took }
}

/// One question to one module, by a host of its own.
fn ask(
    module: &Path,
    unlock: Option<TokenFilter>,
    pin: PinRules,
    time: Duration,
    settings: &Settings,
) -> Result<list::Listed, Error> {
    let settings = Settings { deadline: Deadline::after(time), ..settings.clone() };
    let (path, init_args) = (FilePath(module.into()), settings.init_args.clone());
    let device = Address::Pkcs11 { module: path, init_args };
    let standby = Standby::start(Program::Pkcs11, &settings)?;
    let mut host = Host::open(standby, device, &settings, time, pin, None, None)?;
    match host.ask(&Request::List(unlock.map(Box::new)))? {
        Reply::Listed(listed) => Ok(listed),
        _ => Err(process::out_of_order()),
    }
}

/// Logs in to the tokens that hide their objects, one after the other, since each may ask a person.
/// A PIN that was configured is for one token: it is sent nowhere where several want one. A token
/// that two modules show gets one PIN.
pub fn unlock(modules: &mut [Module], time: Duration, settings: &Settings) {
    let wanting = wanting(modules);
    let (rules, configured) = rules(settings, wanting.len());
    for (place, number) in &wanting {
        let Some(module) = modules.get_mut(*place) else { continue };
        let path = module.path.clone();
        let token = module.tokens.as_mut().ok().and_then(|tokens| tokens.get_mut(*number));
        let Some(token) = token else { continue };
        let answer = ask(&path, Some(names::whole(&token.facts)), rules.clone(), time, settings);
        match answer.map(|listed| listed.tokens.into_iter().next()) {
            Ok(Some(facts)) => token.facts = facts,
            Ok(None) => token.refused = Some(process::out_of_order()),
            Err(Error::Device(Failure::NoTerminal { of, .. }))
                if configured && rules.source.is_none() =>
            {
                token.refused = Some(Error::ManyTokens { of, tokens: wanting.len() });
            }
            Err(error) => token.refused = Some(error),
        }
    }
}

/// The rules for each of so many tokens, and whether a PIN is configured at all.
fn rules(settings: &Settings, tokens: usize) -> (PinRules, bool) {
    let mut rules = settings.pin.clone();
    let file = || settings.pin_file.clone().map(|path| PinSource::File(FilePath(path)));
    let source = rules.source.take().or_else(file);
    let configured = source.is_some();
    rules.source = source;
    (if tokens == 1 { rules } else { rules.withholding() }, configured)
}

/// The places of the tokens that hide something: module and number.
fn wanting(modules: &[Module]) -> Vec<(usize, usize)> {
    let mut wanting = Vec::<(usize, usize, &list::Token)>::new();
    for (place, module) in modules.iter().enumerate() {
        for (number, token) in module.tokens.iter().flatten().enumerate() {
            let token = &token.facts;
            let known = |known: &(usize, usize, &list::Token)| {
                known.0 != place && names::is_same(known.2, token)
            };
            if token.hides && !wanting.iter().any(known) {
                wanting.push((place, number, token));
            }
        }
    }
    wanting.into_iter().map(|(place, number, _)| (place, number)).collect()
}
