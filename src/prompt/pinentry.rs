//! A pinentry: the dialog that GnuPG uses, in a window or on a terminal. Its protocol is spoken here
//! and not by a library, because the dialog has to vanish with the one who waits for the answer,
//! and must not see the variables that may hold a PIN.

use std::ffi::OsString;
use std::process::Stdio;
use std::time::Duration;

use crate::deadline::PERSON;
use crate::prompt::program::{self, Program};
use crate::prompt::{NoPin, Notice, PinRequest, Prompt, plain};
use crate::secret::Secret;

pub mod assuan;

use assuan::{Answer, Dialogue, with_text};

/// libgpg-error's codes for a person who gave up: GPG_ERR_TIMEOUT, GPG_ERR_CANCELED,
/// GPG_ERR_FULLY_CANCELED.
const GAVE_UP: [u32; 3] = [62, 99, 198];

/// A pinentry program, which need not be there yet.
pub struct Pinentry {
    /// Its path, or its name.
    pub program: OsString,
    /// The variable that names it, for messages.
    pub setting: Option<&'static str>,
    /// The variables that may hold a PIN.
    pub hidden: Vec<String>,
}

impl Pinentry {
    fn start(&self) -> Result<Program, NoPin> {
        let program = program::command(&[&self.program], &self.hidden).and_then(|mut command| {
            command.stdin(Stdio::piped());
            Program::launch(command)
        });
        program.map_err(NoPin::Unusable)
    }

    fn named(&self, none: NoPin) -> NoPin {
        match (none, self.setting) {
            (NoPin::Unusable(reason), Some(setting)) => {
                NoPin::Unusable(format!("{setting}: {reason}"))
            }
            (none, _) => none,
        }
    }
}

impl Prompt for Pinentry {
    fn pin(&self, request: &PinRequest<'_>) -> Result<Secret, NoPin> {
        let _turn = program::turn()?;
        self.start().and_then(|program| ask(program, request)).map_err(|none| self.named(none))
    }

    fn notify(&self, notice: &Notice<'_>, waiting: &mut dyn FnMut(Duration) -> bool) {
        // The work goes on, whether or not the person can be told.
        if let Ok(shown) = self.start().and_then(|program| show(program, notice)) {
            shown.last(waiting);
        }
    }

    fn interactive(&self) -> bool {
        true
    }
}

fn ask(program: Program, request: &PinRequest<'_>) -> Result<Secret, NoPin> {
    let mut commands = preparations(&program);
    let mut told = request.told();
    if request.why.is_some()
        && let Some(why) = told.pop()
    {
        commands.push(with_text("SETERROR", &[why]));
    }
    told.push(request.question().trim_end_matches(':').to_owned());
    commands.push(with_text("SETDESC", &told));
    commands.push(format!("SETPROMPT {}:", request.word));
    let mut dialogue = Dialogue::begin(program)?;
    for command in commands {
        // Not every pinentry knows them all, and what counts is the question.
        dialogue.ask(&command)?;
    }
    match dialogue.ask("GETPIN")? {
        Answer::Good(pin) => {
            dialogue.end();
            program::typed(pin)
        }
        Answer::Refused { code, .. } if GAVE_UP.contains(&code) => Err(NoPin::Cancelled),
        Answer::Refused { text, .. } => Err(dialogue.unusable(&text)),
    }
}

/// Shows it, and waits for no answer: a person may close it whenever they like.
fn show(mut program: Program, notice: &Notice<'_>) -> Result<Program, NoPin> {
    let mut commands = preparations(&program);
    commands.push(with_text("SETDESC", &[notice.text()]));
    commands.push("MESSAGE".to_owned());
    for command in commands {
        program.write_line(&command)?;
    }
    Ok(program)
}

/// What it should know of the surroundings. A terminal in whose background we are would stop it.
fn preparations(program: &Program) -> Vec<String> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let mut commands = vec!["OPTION no-grab".to_owned()];
    if program.has_the_terminal() {
        commands.push("OPTION ttyname=/dev/tty".to_owned());
        let kind = variable("TERM").map(|kind| format!("OPTION ttytype={}", plain(&kind)));
        commands.extend(kind);
    }
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(variable);
    commands.extend(locale.map(|locale| format!("OPTION lc-ctype={}", plain(&locale))));
    commands.push("SETTITLE keyanchor".to_owned());
    commands.push(format!("SETTIMEOUT {}", PERSON.as_secs()));
    commands
}

#[cfg(test)]
mod tests;
