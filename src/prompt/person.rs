//! Which way a person is reached: by the program that they chose, on their terminal, on their
//! desktop; in that order, and decided in one place.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::prompt::program::locate;
use crate::prompt::spawner::{Programs, Spawner};
use crate::prompt::{
    Askpass, Desktop, NoPin, Nobody, Notice, PinRequest, Pinentry, Prompt, Terminal,
};
use crate::secret::Secret;

/// The variable that names a pinentry, which is then always used.
const CHOSEN: &str = "KEYANCHOR_PINENTRY";

/// The names of a pinentry that may have a window, in the order in which they are tried.
const PINENTRIES: [&str; 8] = [
    "pinentry",
    "pinentry-gnome3",
    "pinentry-qt",
    "pinentry-qt6",
    "pinentry-qt5",
    "pinentry-gtk-2",
    "pinentry-fltk",
    "pinentry-x11",
];

/// The way to the user, if there is one; `programs` starts the programs among them. With `no_prompt`
/// nobody is asked and no dialog appears, but notices are still shown.
#[must_use]
pub fn reach(no_prompt: bool, programs: Option<&Arc<Spawner>>) -> Box<dyn Prompt> {
    let by_programs = || -> Box<dyn Prompt> {
        match programs {
            Some(spawner) => Box::new(Programs(Arc::clone(spawner))),
            None => Box::new(Nobody),
        }
    };
    let chosen = Surroundings::read(|name| std::env::var_os(name)).chosen().is_some();
    let terminal = if chosen && !no_prompt { None } else { Terminal::open() };
    let user = terminal.map_or_else(by_programs, |terminal| Box::new(terminal));
    if no_prompt { Box::new(OnlyTold(user)) } else { user }
}

/// The way to the user by programs alone, for the process that starts them. `hidden` are the variables of
/// the environment that hold a PIN: no program sees them.
#[must_use]
pub fn by_programs(no_prompt: bool, hidden: &[String]) -> Box<dyn Prompt> {
    let around = Surroundings::read(|name| std::env::var_os(name));
    match around.chosen() {
        _ if no_prompt => Box::new(around.desktop(Vec::new(), hidden)),
        Some(asker) => asker.with(hidden),
        None => Box::new(around.desktop(around.dialogs(|name| locate(name).ok()), hidden)),
    }
}

/// Whether that way leads through a program, which has to be started.
#[must_use]
pub fn is_reached_by_a_program(no_prompt: bool) -> bool {
    let around = Surroundings::read(|name| std::env::var_os(name));
    let asks = !no_prompt && around.chosen().is_some();
    asks || (around.notifications && Terminal::open().is_none())
}

/// What the environment says about the person.
struct Surroundings {
    pinentry: Option<OsString>,
    askpass: Option<OsString>,
    /// When the askpass program is to be used, as ssh(1) has it.
    require: String,
    /// Whether a program could show a window.
    display: bool,
    /// Whether there may be notifications.
    notifications: bool,
}

/// A program that asks.
#[derive(Debug, PartialEq, Eq)]
enum Asker {
    Askpass(OsString),
    Pinentry { program: OsString, setting: Option<&'static str> },
}

impl Surroundings {
    fn read(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let variable = |name| variable(name).filter(|value| !value.is_empty());
        let require = variable("SSH_ASKPASS_REQUIRE").unwrap_or_default();
        let display = variable("DISPLAY").or_else(|| variable("WAYLAND_DISPLAY")).is_some();
        Self {
            pinentry: variable(CHOSEN),
            askpass: variable("SSH_ASKPASS"),
            require: require.to_string_lossy().to_lowercase(),
            display,
            notifications: display || variable("DBUS_SESSION_BUS_ADDRESS").is_some(),
        }
    }

    /// The program that comes before the terminal, because the person said so.
    fn chosen(&self) -> Option<Asker> {
        if let Some(program) = self.pinentry.clone() {
            return Some(Asker::Pinentry { program, setting: Some(CHOSEN) });
        }
        let first = self.require == "force" || (self.require == "prefer" && self.display);
        self.askpass.clone().filter(|_| first).map(Asker::Askpass)
    }

    /// The programs that could ask where there is no terminal. Several names may be those of one.
    fn dialogs(&self, locate: impl Fn(&OsStr) -> Option<PathBuf>) -> Vec<Asker> {
        if !self.display {
            return Vec::new();
        }
        let mut askers = Vec::new();
        for program in PINENTRIES.iter().filter_map(|name| locate(name.as_ref())) {
            let asker = Asker::Pinentry { program: program.into(), setting: None };
            if !askers.contains(&asker) {
                askers.push(asker);
            }
        }
        askers.extend(self.askpass.clone().filter(|_| self.require != "never").map(Asker::Askpass));
        askers
    }

    fn desktop(&self, dialogs: Vec<Asker>, hidden: &[String]) -> Desktop {
        let askers = dialogs.into_iter().map(|asker| asker.with(hidden)).collect();
        Desktop { askers, notifications: self.notifications, hidden: hidden.into() }
    }
}

impl Asker {
    fn with(self, hidden: &[String]) -> Box<dyn Prompt> {
        let hidden = hidden.into();
        match self {
            Self::Askpass(program) => Box::new(Askpass { program, hidden }),
            Self::Pinentry { program, setting } => Box::new(Pinentry { program, setting, hidden }),
        }
    }
}

/// A person who is told, and not asked.
struct OnlyTold(Box<dyn Prompt>);

impl Prompt for OnlyTold {
    fn pin(&self, _: &PinRequest<'_>) -> Result<Secret, NoPin> {
        Err(NoPin::Nobody)
    }

    fn notify(&self, notice: &Notice<'_>, waiting: &mut dyn FnMut(Duration) -> bool) {
        self.0.notify(notice, waiting);
    }

    fn interactive(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Surroundings by `NAME=VALUE` words.
    fn around(words: &str) -> Surroundings {
        let words: Vec<_> = words.split_whitespace().filter_map(|it| it.split_once('=')).collect();
        Surroundings::read(|name| {
            words.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into())
        })
    }

    fn pinentry(program: &str, setting: Option<&'static str>) -> Asker {
        Asker::Pinentry { program: program.into(), setting }
    }

    fn askpass() -> Asker {
        Asker::Askpass("/a".into())
    }

    /// A computer with `pinentry`, which is the same as `pinentry-qt`, and with `pinentry-x11`.
    fn dialogs(words: &str) -> Vec<Asker> {
        around(words).dialogs(|name| match name.to_str() {
            Some("pinentry" | "pinentry-qt") => Some("/bin/pinentry-qt".into()),
            Some("pinentry-x11") => Some("/bin/pinentry-x11".into()),
            _ => None,
        })
    }

    #[test]
    fn a_pinentry_that_was_chosen_comes_before_all_else() {
        let chosen =
            around("KEYANCHOR_PINENTRY=/p SSH_ASKPASS=/a SSH_ASKPASS_REQUIRE=force").chosen();
        assert_eq!(chosen, Some(pinentry("/p", Some("KEYANCHOR_PINENTRY"))));
        assert_eq!(around("KEYANCHOR_PINENTRY= DISPLAY=:0").chosen(), None);
    }

    #[test]
    fn an_askpass_comes_before_the_terminal_only_where_it_is_required() {
        let chosen = |words: &str| around(&format!("SSH_ASKPASS=/a {words}")).chosen();
        assert_eq!(chosen("SSH_ASKPASS_REQUIRE=force"), Some(askpass()));
        assert_eq!(chosen("SSH_ASKPASS_REQUIRE=Prefer DISPLAY=:0"), Some(askpass()));
        assert_eq!(chosen("SSH_ASKPASS_REQUIRE=prefer WAYLAND_DISPLAY=w"), Some(askpass()));
        assert_eq!(chosen("SSH_ASKPASS_REQUIRE=prefer"), None);
        assert_eq!(chosen("SSH_ASKPASS_REQUIRE=never DISPLAY=:0"), None);
        assert_eq!(chosen("DISPLAY=:0"), None);
        assert_eq!(around("SSH_ASKPASS_REQUIRE=force").chosen(), None);
    }

    #[test]
    fn on_a_desktop_each_pinentry_is_tried_once_and_then_the_askpass() {
        let both = [pinentry("/bin/pinentry-qt", None), pinentry("/bin/pinentry-x11", None)];
        assert_eq!(dialogs("DISPLAY=:0"), both);
        assert_eq!(dialogs("WAYLAND_DISPLAY=w SSH_ASKPASS=/a SSH_ASKPASS_REQUIRE=never"), both);
        let all: Vec<_> = both.into_iter().chain([askpass()]).collect();
        assert_eq!(dialogs("DISPLAY=:0 SSH_ASKPASS=/a"), all);
    }

    #[test]
    fn without_a_display_no_window_is_tried() {
        assert_eq!(dialogs("SSH_ASKPASS=/a DISPLAY= DBUS_SESSION_BUS_ADDRESS=unix:"), []);
        assert!(around("DBUS_SESSION_BUS_ADDRESS=unix:").notifications);
        assert!(!around("HOME=/root").notifications);
    }

    #[test]
    fn who_is_only_told_is_not_asked() {
        let told = OnlyTold(pinentry("/p", None).with(&[]));
        let request = PinRequest {
            word: "PIN",
            of: "token 'lab'",
            key: "",
            caller: None,
            tries: crate::wire::failure::Tries::Unknown,
            why: None,
        };
        assert!(!told.interactive());
        assert_eq!(told.pin(&request).err(), Some(NoPin::Nobody));
    }
}
