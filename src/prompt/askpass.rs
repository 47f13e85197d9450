//! An askpass program, by the manners of ssh(1): the question is its argument, the answer the first
//! line of its stdout, and an exit code other than zero means that the person gave up.

use std::ffi::{OsStr, OsString};
use std::time::Duration;

use crate::prompt::program::{self, Program};
use crate::prompt::{NoPin, Notice, PinRequest, Prompt};
use crate::secret::Secret;

/// Longest answer that is read, in bytes.
const LONGEST: usize = 1000;

/// What it is told to do, other than to ask for a secret: `none` shows a text, and wants no answer.
const MANNER: &str = "SSH_ASKPASS_PROMPT";

/// The program that `SSH_ASKPASS` names, which need not be there.
pub struct Askpass {
    /// Its path, or its name.
    pub program: OsString,
    /// The variables that may hold a PIN.
    pub hidden: Vec<String>,
}

impl Askpass {
    fn start(&self, text: &str, manner: Option<&str>) -> Result<Program, NoPin> {
        let words: [&OsStr; 2] = [&self.program, text.as_ref()];
        let program = program::command(&words, &self.hidden).and_then(|mut command| {
            match manner {
                Some(manner) => command.env(MANNER, manner),
                None => command.env_remove(MANNER),
            };
            Program::launch(command)
        });
        program.map_err(NoPin::Unusable)
    }
}

impl Prompt for Askpass {
    fn pin(&self, request: &PinRequest<'_>) -> Result<Secret, NoPin> {
        let _turn = program::turn()?;
        // It begins with our name: what a program that is called `-x` wants would be an option.
        self.start(&request.text(), None).and_then(answer).map_err(|none| match none {
            NoPin::Unusable(reason) => NoPin::Unusable(format!("SSH_ASKPASS: {reason}")),
            none => none,
        })
    }

    fn notify(&self, notice: &Notice<'_>, waiting: &mut dyn FnMut(Duration) -> bool) {
        let text = format!("keyanchor: {}", notice.text());
        // The work goes on, whether or not the person can be told.
        if let Ok(shown) = self.start(&text, Some("none")) {
            shown.last(waiting);
        }
    }

    fn interactive(&self) -> bool {
        true
    }
}

fn answer(mut program: Program) -> Result<Secret, NoPin> {
    let mut line = program.read_line(LONGEST)?.unwrap_or_default();
    if !program.status()?.success() {
        return Err(NoPin::Cancelled);
    }
    if line.ends_with(b"\r") {
        line.pop();
    }
    program::typed(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prompt::program::tests::shell;
    use crate::wire::failure::Tries;

    fn answered(script: &str) -> Result<String, NoPin> {
        let (program, _caller) = shell(script);
        answer(program).map(|secret| secret.expose().to_owned())
    }

    #[test]
    fn the_first_line_is_the_answer_if_the_program_ends_well() {
        for script in ["echo 1234", "printf 1234", "printf '1234\\r\\n'", "echo 1234; echo 5"] {
            assert_eq!(answered(script).as_deref(), Ok("1234"), "{script}");
        }
        assert_eq!(answered("exit 0").as_deref(), Ok(""));
        assert_eq!(answered("echo 1234; exit 1"), Err(NoPin::Cancelled));
        assert_eq!(answered("kill $$"), Err(NoPin::Cancelled));
        let unfit = NoPin::Unfit("the PIN is not UTF-8 text".to_owned());
        assert_eq!(answered("printf '\\377\\n'"), Err(unfit));
        let Err(NoPin::Unusable(reason)) = answered("yes | tr -d '\\n'") else { panic!("endless") };
        assert!(reason.ends_with(": its answer is longer than 1000 bytes"), "{reason}");
    }

    #[test]
    fn the_question_is_no_option_and_says_all_that_a_terminal_would() {
        let (of, caller, why) = ("token 'lab'", Some("-x (process 5)"), Some("the PIN was wrong"));
        let request =
            PinRequest { word: "PIN", of, key: "pkcs11:", caller, tries: Tries::Few, why };
        assert_eq!(
            request.text(),
            "keyanchor: -x (process 5) wants to sign with pkcs11:\n\
             keyanchor: the PIN was wrong; few tries are left\nPIN for token 'lab': "
        );
    }

    #[test]
    fn one_that_is_not_there_is_named_with_its_variable() {
        let askpass = Askpass { program: "/no/such".into(), hidden: Vec::new() };
        let none = askpass.start("PIN:", None).err();
        let reason = "/no/such: no such file or directory".to_owned();
        assert_eq!(none, Some(NoPin::Unusable(reason)));
    }
}
