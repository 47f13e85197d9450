//! The key and the device that it is in. What hangs is given up by its own deadline.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::doctor::sheet::{Sheet, is_of_the_pin};
use crate::doctor::{Case, pair};
use crate::error::Error;
use crate::identity;
use crate::identity::named::Named;
use crate::key::KeyRef;
use crate::key::piv::PivRef;
use crate::key::tpm::TpmRef;
use crate::key::uri::Pkcs11Uri;
use crate::output::doctor::{Facts, Name};
use crate::signer::hosted::list::{self, Module, Token};
use crate::signer::hosted::{foresight, piv};
use crate::signer::{self, Settings, Signer, modules, tpm};
use crate::wire::failure::Tries;
use crate::wire::{Failure, Foreseen};

/// How long a whole device may take to say what is there.
const LOOK: Duration = Duration::from_secs(10);

/// The steps of a key and its certificate, in any device.
const OF_A_KEY: [Name; 6] =
    [Name::Token, Name::Pin, Name::Key, Name::Certificate, Name::Pair, Name::Chain];

/// What stands in the place of a key that was not found.
type Opened = Result<Box<dyn Signer>, identity::Error>;

pub(super) fn examine(case: &Case, sheet: &mut Sheet) {
    let Some(named) = &case.named else {
        let because = "no key was named: give --key; keyanchor list shows what is there";
        return OF_A_KEY.into_iter().for_each(|step| sheet.skip(step, because));
    };
    let files = named.files();
    let expected = files.as_ref().ok().and_then(|files| files.expected().ok().flatten());
    let open = || named.signer(expected.as_ref());
    let key = match &named.key {
        key if sheet.has_failed(Name::Installation) => not_started(key, sheet),
        KeyRef::File(_) => found(named, open(), sheet),
        KeyRef::Piv(key) => of_card(named, key, open, sheet),
        KeyRef::Pkcs11(uri) => of_module(named, uri, open, sheet),
        KeyRef::Tpm(key) => of_tpm(named, key, open, sheet),
    };
    pair::examine(named, files, key, sheet);
}

fn not_started(key: &KeyRef, sheet: &mut Sheet) -> Option<Box<dyn Signer>> {
    let because = "the device host does not start";
    if matches!(key, KeyRef::Pkcs11(_)) {
        sheet.skip(Name::Module, because);
    }
    without(sheet, because, &[Name::Token, Name::Pin, Name::Key])
}

fn of_module(
    named: &Named,
    uri: &Arc<Pkcs11Uri>,
    open: impl Fn() -> Opened,
    sheet: &mut Sheet,
) -> Option<Box<dyn Signer>> {
    let unusable = |sheet: &mut Sheet, error: signer::Error| {
        sheet.fail(Name::Module, None, error);
        without(sheet, "the module cannot be used", &[Name::Token, Name::Pin, Name::Key])
    };
    let modules = match modules::to_ask(&named.settings, uri) {
        Ok(modules) => modules,
        Err(error) => return unusable(sheet, error),
    };
    let mut asked = look_into(modules, &named.settings);
    if asked.iter().all(|module| module.tokens.is_err()) {
        let first = asked.drain(..).find_map(|module| module.tokens.err());
        return unusable(sheet, first.unwrap_or(signer::Error::NoModule));
    }
    let fitting = fitting(&asked, uri);
    let place =
        fitting.map_or_else(|| asked.iter().find(|of| of.tokens.is_ok()), |(of, _)| Some(of));
    if let Some(place) = place {
        sheet.ok(Name::Module, module(place, &asked));
    }
    let pin = fitting.map(|(module, token)| {
        foresight::of_token(uri, &module.path, &token.facts, &named.settings)
    });
    let opened = open();
    match (fitting, &opened) {
        (_, Err(identity::Error::Key(error))) if is_absence(error) => {
            if let Err(error) = opened {
                sheet.fail(Name::Token, None, error);
            }
            return without(sheet, "the token is not there", &[Name::Pin, Name::Key]);
        }
        (Some((_, of)), _) => sheet.ok(Name::Token, token(of)),
        (None, _) => sheet.skip(Name::Token, "the module does not show it in its list"),
    }
    match pin {
        Some(pin) => told_pin(pin, sheet),
        None => sheet.skip(Name::Pin, "the token is not shown in the module's list"),
    }
    found(named, opened, sheet)
}

fn look_into(modules: Vec<PathBuf>, settings: &Settings) -> Vec<Module> {
    let candidates = modules.into_iter().map(|module| (module, Ok(()))).collect();
    list::ask_all(candidates, LOOK.min(settings.deadline.left()), settings)
}

fn fitting<'a>(asked: &'a [Module], uri: &Pkcs11Uri) -> Option<(&'a Module, &'a Token)> {
    let tokens = |module: &'a Module| module.tokens.iter().flatten().map(move |t| (module, t));
    asked.iter().flat_map(tokens).find(|(_, token)| list::fits(&uri.token, &token.facts))
}

fn module(of: &Module, all: &[Module]) -> Facts {
    let silent = all.iter().filter(|module| module.tokens.is_err());
    Facts::Module {
        path: of.path.display().to_string(),
        milliseconds: u64::try_from(of.took.as_millis()).unwrap_or(u64::MAX),
        silent: silent.map(|module| module.path.display().to_string()).collect(),
    }
}

fn token(of: &Token) -> Facts {
    let facts = &of.facts;
    Facts::Token {
        label: facts.label.clone(),
        serial: facts.serial.clone(),
        model: facts.model.clone(),
        manufacturer: facts.manufacturer.clone(),
    }
}

/// No token, or no choice among several: no key has been looked for.
fn is_absence(error: &signer::Error) -> bool {
    match error {
        signer::Error::Device(Failure::Ambiguous { what, .. }) => what == "tokens",
        signer::Error::Device(Failure::NoToken { .. } | Failure::Removed { .. }) => true,
        _ => false,
    }
}

fn of_card(
    named: &Named,
    key: &PivRef,
    open: impl Fn() -> Opened,
    sheet: &mut Sheet,
) -> Option<Box<dyn Signer>> {
    let pin = match foresight::of_card(key, &named.settings) {
        Err(error) if !is_of_the_pin(&error) => {
            sheet.fail(Name::Token, None, error);
            return without(sheet, "the card cannot be used", &[Name::Pin, Name::Key]);
        }
        pin => pin,
    };
    match card(key, &named.settings) {
        Some(facts) => sheet.ok(Name::Token, facts),
        None => sheet.skip(Name::Token, "it is not shown in the list of cards"),
    }
    told_pin(pin, sheet);
    found(named, open(), sheet)
}

fn card(key: &PivRef, settings: &Settings) -> Option<Facts> {
    let asked = piv::list(LOOK.min(settings.deadline.left()), settings)?;
    let cards = asked.cards.ok()?.cards;
    let fits = |card: &&crate::wire::piv::Card| {
        (key.card.serial.is_none() || key.card.serial == card.serial)
            && key.card.reader.as_ref().is_none_or(|reader| card.reader.contains(reader))
    };
    let card = cards.iter().find(fits)?;
    Some(Facts::Card {
        card: card.name.clone(),
        reader: card.reader.clone(),
        serial: card.serial,
        firmware: card.firmware.clone(),
    })
}

fn of_tpm(
    named: &Named,
    key: &TpmRef,
    open: impl Fn() -> Opened,
    sheet: &mut Sheet,
) -> Option<Box<dyn Signer>> {
    let located = match tpm::locate(key) {
        Ok(located) => located,
        Err(error @ (signer::Error::KeyFile { .. } | signer::Error::TpmKeyFile { .. })) => {
            sheet.skip(Name::Token, "the key's file cannot be used");
            sheet.skip(Name::Pin, "the key's file cannot be used");
            sheet.fail(Name::Key, None, error);
            return None;
        }
        Err(error) => return no_tpm(error, sheet),
    };
    let pin = match foresight::of_tpm_key(key, &named.settings) {
        Err(error) if !is_of_the_key(&error) && !is_of_the_pin(&error) => {
            return no_tpm(error, sheet);
        }
        pin => pin,
    };
    sheet.ok(Name::Token, Facts::Tpm { tcti: located.tcti.to_string() });
    match pin {
        Err(error) if is_of_the_key(&error) => {
            sheet.skip(Name::Pin, "the key cannot be used");
            sheet.fail(Name::Key, None, error);
            None
        }
        pin => {
            told_pin(pin, sheet);
            found(named, open(), sheet)
        }
    }
}

fn no_tpm(error: signer::Error, sheet: &mut Sheet) -> Option<Box<dyn Signer>> {
    sheet.fail(Name::Token, None, error);
    without(sheet, "the TPM cannot be used", &[Name::Pin, Name::Key])
}

/// The TPM answers, and has no such key, or none that can sign.
fn is_of_the_key(error: &signer::Error) -> bool {
    let signer::Error::Device(failure) = error else { return false };
    matches!(
        failure,
        Failure::Call { .. }
            | Failure::Key { .. }
            | Failure::NoObject { .. }
            | Failure::NvIndex { .. }
    )
}

fn told_pin(pin: Result<Foreseen, signer::Error>, sheet: &mut Sheet) {
    let (tries, configured) = match pin {
        Err(error) => return sheet.fail(Name::Pin, None, error),
        Ok(Foreseen { tries, configured }) => (tries, configured),
    };
    let configured = configured.map(|origin| origin.to_string());
    let left = match tries {
        Tries::None => Some(0),
        Tries::One => Some(1),
        Tries::Left(left) => Some(left),
        Tries::Few | Tries::Unknown => None,
    };
    let facts = Facts::Pin { tries: left, configured };
    match tries {
        Tries::Few => sheet.warn(
            Name::Pin,
            facts,
            "a wrong PIN was sent before; few tries are left",
            "check the PIN before the next run",
        ),
        Tries::None | Tries::One => sheet.warn(
            Name::Pin,
            facts,
            "a wrong PIN would lock it, and --use-last-try allows that",
            "check the PIN before the next run",
        ),
        Tries::Left(_) | Tries::Unknown => sheet.ok(Name::Pin, facts),
    }
}

/// The key, or that it is not there.
fn found(named: &Named, opened: Opened, sheet: &mut Sheet) -> Option<Box<dyn Signer>> {
    match opened {
        Ok(signer) => {
            let (reference, kind) = (named.key.to_string(), signer.public_key().to_string());
            sheet.ok(Name::Key, Facts::Key { reference, kind });
            Some(signer)
        }
        Err(identity::Error::Key(signer::Error::LoginNeeded)) => {
            without(sheet, "it cannot be seen without a login: add --login", &[Name::Key])
        }
        Err(error) => {
            sheet.fail(Name::Key, None, Error::from(error));
            None
        }
    }
}

fn without(sheet: &mut Sheet, because: &str, steps: &[Name]) -> Option<Box<dyn Signer>> {
    steps.iter().for_each(|step| sheet.skip(*step, because));
    None
}
