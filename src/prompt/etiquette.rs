//! PIN etiquette: when a PIN may be sent, whose it is, and when a person is asked again. The token's
//! own state is read before each attempt; a locked token is left alone, and its last try is used
//! only by one who asked for it by name. A PIN that was refused is not sent again, by any run.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use crate::paths;
use crate::prompt::source::{self, Marked};
use crate::prompt::spawner::Spawner;
use crate::prompt::{NoPin, Pin, PinRequest, Prompt, Source, caller, person};
use crate::refusals::Refusals;
use crate::secret::Secret;
use crate::wire::failure::{Holder, Origin, Tries};
use crate::wire::{Failure, Foreseen, PinRules};

/// How often a person is asked in one run.
const QUESTIONS: u32 = 3;

/// What a token says about its user PIN, read immediately before a login.
#[derive(Clone, Copy, Debug)]
pub struct PinState {
    /// The tries that are left.
    pub tries: Tries,
    /// Whether a user PIN was ever set (CKF_USER_PIN_INITIALIZED).
    pub initialised: bool,
}

/// What a PIN opens: a token, or a key for one signature.
pub trait Door {
    /// What the PIN is for.
    fn holder(&self) -> Holder;

    /// Its name, then what tells it from others of that name.
    fn identity(&self) -> Vec<String>;

    /// The key that is to sign, as a URI; empty where only the token is looked at.
    fn key(&self) -> String;

    /// Whether a PIN that was configured is for this token.
    fn takes_what_is_configured(&self) -> bool;

    /// Whether it may be that the PIN which opened the token is not the one for this.
    fn may_have_its_own_pin(&self) -> bool;

    /// What the token says now.
    ///
    /// # Errors
    /// When it is gone.
    fn state(&mut self) -> Result<PinState, Failure>;

    /// Sends one PIN, once.
    ///
    /// # Errors
    /// When it is refused, or the token could never take it.
    fn enter(&mut self, pin: Pin) -> Result<(), Failure>;
}

/// Whoever is waited for may take their time: called with `true` before and with `false` after, so
/// that others may use the token meanwhile.
pub type Waiting<'a> = dyn FnMut(bool) -> Result<(), Failure> + 'a;

/// One run's behaviour towards PINs and people.
pub struct Etiquette {
    configured: Option<Source>,
    /// What starts the programs that may be wanted.
    programs: Option<Arc<Spawner>>,
    rules: PinRules,
    last: Option<Attempt>,
    /// What was typed and refused in this run, by a hash whose key nobody knows.
    refused: Vec<u64>,
    hash: RandomState,
}

/// The PIN that was sent last.
enum Attempt {
    /// It was configured: in this file, or elsewhere.
    Stored(Marked),
    /// It was typed, and this is its hash.
    Typed(u64),
}

impl Etiquette {
    /// By those rules; `value` is the `pin-value`, where they name it. A descriptor that holds a PIN is closed
    /// for all that is started or loaded later, also where the PIN is withheld.
    #[must_use]
    pub fn new(mut rules: PinRules, value: Option<Secret>) -> Self {
        let configured = rules.source.take().map(|place| Source::new(place, value));
        drop(rules.withheld.take().map(|place| Source::new(place, None)));
        let (programs, refused, hash) = (None, Vec::new(), RandomState::new());
        Self { configured, programs, rules, last: None, refused, hash }
    }

    /// With the process that starts the programs among the ways to a PIN or the user.
    #[must_use]
    pub fn with_programs(self, programs: Option<Arc<Spawner>>) -> Self {
        Self { programs, ..self }
    }

    /// Whether a token's last try may be used.
    #[must_use]
    pub fn last_try(&self) -> bool {
        self.rules.last_try
    }

    /// Whether a PIN is configured.
    #[must_use]
    pub fn has_a_source(&self) -> bool {
        self.configured.is_some()
    }

    /// Who can be asked, and told what is waited for.
    #[must_use]
    pub fn person(&self) -> Box<dyn Prompt> {
        self.way()()
    }

    /// The way to them, for a time when this is in use.
    pub fn way(&self) -> impl Fn() -> Box<dyn Prompt> + Sync + use<> {
        let (no_prompt, programs) = (self.rules.no_prompt, self.programs.clone());
        move || person::reach(no_prompt, programs.as_ref())
    }

    /// Whether one attempt may be made now, without any PIN.
    ///
    /// # Errors
    /// As [`may_try`].
    pub fn may_try(&self, door: &mut dyn Door) -> Result<Tries, Failure> {
        let state = door.state()?;
        may_try(&door.holder(), state, self.rules.last_try).map(|()| state.tries)
    }

    /// What a login would meet. No PIN is read or sent, and nobody is asked.
    ///
    /// # Errors
    /// Why the one that is configured would not be sent, as far as that is known without it.
    pub fn foresee(&self, door: &mut dyn Door) -> Result<Foreseen, Failure> {
        let tries = self.may_try(door)?;
        let Some(source) = self.configured.as_ref().filter(|_| door.takes_what_is_configured())
        else {
            return Ok(Foreseen { tries, configured: None });
        };
        let (of, origin) = (door.holder(), source.origin());
        let mark = source.mark().map_err(|reason| Failure::PinSource {
            of: of.clone(),
            origin: origin.clone(),
            reason,
        })?;
        match refusals(door, tries)?.refused(mark.as_ref()) {
            Some(refused) => Err(Failure::PinRefusedBefore { of, origin, refused }),
            None => Ok(Foreseen { tries, configured: Some(origin) }),
        }
    }

    /// Whether something that was not in a file was refused here before: nothing at all, perhaps.
    #[must_use]
    pub fn remembers(&self, door: &dyn Door) -> bool {
        Refusals::of(&door.identity()).is_ok_and(|known| known.refused(None).is_some())
    }

    /// Remembers that having no PIN was refused, and that this has cost a try.
    pub fn remember(&self, door: &dyn Door) {
        // Where this cannot be written down the refusal itself is still the news.
        let _ = Refusals::of(&door.identity()).map(|mut refusals| refusals.add(None));
    }

    /// Whether somebody may be waited for at the device's own keys.
    ///
    /// # Errors
    /// When nobody may be asked for anything.
    pub fn may_ask(&self, door: &mut dyn Door) -> Result<(), Failure> {
        if self.rules.no_prompt {
            return Err(Failure::NoTerminal { of: door.holder(), prompts: false });
        }
        Ok(())
    }

    /// Opens a door with a PIN: with the one that is configured, sent once and not again once it was
    /// refused; else with that of a person, who is asked again while tries are left.
    ///
    /// # Errors
    /// When no PIN is to be had, none may be sent, or the last one was refused.
    pub fn open(&mut self, door: &mut dyn Door, waiting: &mut Waiting<'_>) -> Result<(), Failure> {
        let tries = self.may_try(door)?;
        if !door.takes_what_is_configured() {
            return self.ask(door, None, waiting);
        }
        let Some(configured) = &mut self.configured else { return self.ask(door, None, waiting) };
        match stored(configured, self.programs.as_deref(), door, tries, waiting)? {
            Stored::Good(pin, file) => {
                if self.configured.as_ref().is_some_and(Source::may_take_long) {
                    // Another process may have used up a try meanwhile.
                    self.may_try(door)?;
                }
                self.send_stored(door, pin, file)
            }
            Stored::Refused(failure) if self.person().interactive() => {
                let (word, place) = (door.holder().word(), configured_name(&failure));
                let why = format!("the {word} in {place} was refused before");
                self.ask(door, Some(why), waiting)
            }
            Stored::Refused(failure) => Err(failure),
        }
    }

    /// After a failure with the PIN that opened the token: if it was refused for the key's own login,
    /// that is remembered, and not the end where a person can be asked for another.
    ///
    /// # Errors
    /// The failure itself where it is the end.
    pub fn second_pin(
        &mut self,
        door: &mut dyn Door,
        failure: Failure,
        waiting: &mut Waiting<'_>,
    ) -> Result<(), Failure> {
        self.note(door, &failure);
        let remain = matches!(&failure, Failure::PinWrong { tries, .. } if self.remain(*tries));
        let may = remain && door.may_have_its_own_pin() && !self.rules.reuse;
        if !may || !self.person().interactive() {
            return Err(failure);
        }
        let why = "the key wants a PIN of its own with each signature; the token's was refused";
        self.ask(door, Some(why.to_owned()), waiting)
    }

    fn send_stored(&mut self, door: &mut dyn Door, pin: Pin, file: Marked) -> Result<(), Failure> {
        self.last = Some(Attempt::Stored(file));
        let answer = door.enter(pin);
        answer.inspect_err(|failure| self.note(door, failure))
    }

    /// Remembers that a PIN was refused: across runs if it was configured, and in this run if it was
    /// typed.
    fn note(&mut self, door: &dyn Door, failure: &Failure) {
        if !matches!(failure, Failure::PinWrong { .. } | Failure::PinLocked { sent: Some(_), .. }) {
            return;
        }
        match &self.last {
            None => {}
            Some(Attempt::Typed(hash)) => self.refused.push(*hash),
            Some(Attempt::Stored(file)) => {
                let file = file.as_ref().map(|(path, mark)| (path.as_path(), *mark));
                // Where this cannot be written down the refusal itself is still the news.
                let _ = Refusals::of(&door.identity()).map(|mut refusals| refusals.add(file));
            }
        }
    }

    fn ask(
        &mut self,
        door: &mut dyn Door,
        mut why: Option<String>,
        waiting: &mut Waiting<'_>,
    ) -> Result<(), Failure> {
        for left in (0..QUESTIONS).rev() {
            let tries = self.may_try(door)?;
            let answer = self.question(door, tries, why.as_deref(), waiting);
            match answer.and_then(|secret| self.send_typed(door, secret)) {
                Ok(()) => {
                    // What cannot be read here is an error where a stored PIN is to be sent.
                    let _ =
                        Refusals::of(&door.identity()).map(|mut all| all.forget_all_but_files());
                    return Ok(());
                }
                Err(Failure::PinSource { reason, .. }) if left > 0 => why = Some(reason),
                Err(wrong @ Failure::PinWrong { tries, .. }) if left > 0 && self.remain(tries) => {
                    self.note(door, &wrong);
                    why = Some(format!("wrong {}", door.holder().word()));
                }
                Err(failure) => return Err(failure),
            }
        }
        Err(Failure::Protocol)
    }

    /// The question, for which the token is given up.
    fn question(
        &self,
        door: &dyn Door,
        tries: Tries,
        why: Option<&str>,
        waiting: &mut Waiting<'_>,
    ) -> Result<Secret, Failure> {
        let (of, key) = (door.holder(), door.key());
        let caller = caller::name();
        let request = PinRequest {
            word: of.word(),
            of: &of.to_string(),
            key: &key,
            caller: caller.as_deref(),
            tries,
            why,
        };
        let person = self.person();
        if !person.interactive() {
            return Err(Failure::NoTerminal { of, prompts: !self.rules.no_prompt });
        }
        waiting(true)?;
        let answer = person.pin(&request);
        waiting(false)?;
        answer.map_err(|none| match none {
            NoPin::Cancelled => Failure::PinCancelled { of },
            NoPin::Nobody => Failure::NoTerminal { of, prompts: !self.rules.no_prompt },
            NoPin::Unfit(reason) => cannot(of, &reason),
            NoPin::Unusable(reason) => Failure::Asker { of, reason },
        })
    }

    fn send_typed(&mut self, door: &mut dyn Door, secret: Secret) -> Result<(), Failure> {
        let hash = self.hash.hash_one(secret.expose());
        source::check(secret.expose()).map_err(|reason| cannot(door.holder(), reason))?;
        if self.refused.contains(&hash) {
            let of = door.holder();
            let reason =
                format!("this {} was refused a moment ago, and was not sent again", of.word());
            return Err(cannot(of, &reason));
        }
        self.may_try(door)?;
        self.last = Some(Attempt::Typed(hash));
        door.enter(Pin { secret, origin: Origin::Typed })
    }

    /// Whether another try may be made after a wrong PIN.
    fn remain(&self, tries: Tries) -> bool {
        match tries {
            Tries::None => false,
            Tries::One => self.rules.last_try,
            Tries::Few | Tries::Left(_) | Tries::Unknown => true,
        }
    }
}

/// A PIN that is configured, unless the token has refused it before.
enum Stored {
    Good(Pin, Marked),
    Refused(Failure),
}

/// Reads the configured PIN. Of what is not a file it is known without reading it that it was
/// refused; of a file only when it has been read, since it may be another one by then.
fn stored(
    source: &mut Source,
    programs: Option<&Spawner>,
    door: &dyn Door,
    tries: Tries,
    waiting: &mut Waiting<'_>,
) -> Result<Stored, Failure> {
    let (of, origin) = (door.holder(), source.origin());
    let before =
        |refused| Failure::PinRefusedBefore { of: of.clone(), origin: origin.clone(), refused };
    if !origin.is_a_file()
        && let Some(refused) = refusals(door, tries)?.refused(None)
    {
        return Ok(Stored::Refused(before(refused)));
    }
    let read = if source.may_take_long() {
        waiting(true)?;
        let read = source.read(programs);
        waiting(false)?;
        read
    } else {
        source.read(programs)
    };
    let (secret, file) = read.map_err(|reason| Failure::PinSource {
        of: of.clone(),
        origin: origin.clone(),
        reason,
    })?;
    // Asked once more: others may have sent the same one while this one was waited for.
    let refusals = refusals(door, tries)?;
    if let Some(refused) = refusals.refused(file.as_ref().map(|(_, mark)| mark)) {
        return Ok(Stored::Refused(before(refused)));
    }
    if tries != Tries::Unknown {
        // A wrong one was sent, perhaps this: on a full disk, where nobody could know of it.
        refusals.write().map_err(spoiled)?;
    }
    Ok(Stored::Good(Pin { secret, origin }, file))
}

/// What is known of the token. Where nothing can be remembered, one that knows of no wrong PIN
/// need not be spared.
fn refusals(door: &dyn Door, tries: Tries) -> Result<Refusals, Failure> {
    match Refusals::of(&door.identity()) {
        Err(paths::Error::Io { .. }) if tries == Tries::Unknown => Ok(Refusals::default()),
        known => known.map_err(spoiled),
    }
}

fn spoiled(error: paths::Error) -> Failure {
    Failure::Lock { reason: error.to_string() }
}

/// What was typed cannot be the PIN.
fn cannot(of: Holder, reason: &str) -> Failure {
    Failure::PinSource { of, origin: Origin::Typed, reason: reason.to_owned() }
}

fn configured_name(failure: &Failure) -> String {
    match failure {
        Failure::PinRefusedBefore { origin, .. } => origin.to_string(),
        other => other.to_string(),
    }
}

/// Whether one PIN may be sent now.
///
/// # Errors
/// When it would be the last try and `last_try` was not asked for, when the PIN is locked, or when
/// the token has none.
pub fn may_try(of: &Holder, state: PinState, last_try: bool) -> Result<(), Failure> {
    let of = of.clone();
    match state.tries {
        Tries::None => Err(Failure::PinLocked { of, sent: None }),
        Tries::One if !last_try => Err(Failure::PinAtLastTry { of }),
        _ if !state.initialised => Err(Failure::NoPinSet { of }),
        Tries::One | Tries::Few | Tries::Left(_) | Tries::Unknown => Ok(()),
    }
}

/// What a person is told about the tries that are left for a `PIN` or a `password`; `asked_again`
/// where they know that something was wrong.
#[must_use]
pub fn tries_left(tries: Tries, word: &str, asked_again: bool) -> Option<String> {
    let is_tpm = word != "PIN";
    let left = match tries {
        Tries::Few if asked_again => "few tries are left",
        Tries::Few => "a wrong PIN was entered before; few tries are left",
        Tries::Left(tries) => return Some(format!("{tries} tries are left")),
        Tries::None => "it is locked now",
        Tries::One if is_tpm => "this is the last try: a wrong password locks the TPM",
        Tries::One => "this is the last try: a wrong PIN locks it",
        // It does not count them for this key.
        Tries::Unknown if is_tpm => return None,
        Tries::Unknown if asked_again => "the token does not say how many tries are left",
        Tries::Unknown => return None,
    };
    Some(left.to_owned())
}

#[cfg(test)]
mod tests;
