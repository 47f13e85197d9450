//! One `*.module` file of p11-kit (pkcs11.conf(5)): lines of `name: value`, as far as they matter
//! here. Nothing is looked up: what a value means on this system is decided elsewhere.

/// What a module file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModuleFile {
    /// The library; an empty one switches the module off.
    pub module: Option<String>,
    /// The most important have the highest number.
    pub priority: Option<String>,
    /// The only programs that use it.
    pub enable_in: Option<String>,
    /// Programs that do not use it.
    pub disable_in: Option<String>,
    /// `yes` for a list of trusted certificates without keys.
    pub trust_policy: Option<String>,
    /// Something to start or to connect to instead of a library.
    pub remote: Option<String>,
}

/// Reads a module file. Any text is one: what is not understood is skipped, and the last of several
/// values of one name counts.
#[must_use]
pub fn parse(text: &str) -> ModuleFile {
    let mut file = ModuleFile::default();
    for (name, value) in settings(text) {
        let place = match name {
            "module" => &mut file.module,
            "priority" => &mut file.priority,
            "enable-in" => &mut file.enable_in,
            "disable-in" => &mut file.disable_in,
            "trust-policy" => &mut file.trust_policy,
            "remote" => &mut file.remote,
            _ => continue,
        };
        *place = Some(value.to_owned());
    }
    file
}

/// The lines `name: value` of a module file or of pkcs11.conf.
pub(super) fn settings(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_once(':')).map(|(name, value)| (name.trim(), value.trim()))
}

impl ModuleFile {
    /// This file, and where it is silent the other: two files of one name are one module.
    #[must_use]
    pub fn over(self, other: Self) -> Self {
        Self {
            module: self.module.or(other.module),
            priority: self.priority.or(other.priority),
            enable_in: self.enable_in.or(other.enable_in),
            disable_in: self.disable_in.or(other.disable_in),
            trust_policy: self.trust_policy.or(other.trust_policy),
            remote: self.remote.or(other.remote),
        }
    }

    /// The library to load; `None` for what is not for us: switched off, remote, for other programs,
    /// or without keys.
    #[must_use]
    pub fn library(&self) -> Option<&str> {
        let names_us = |list: &str| list.split([',', ' ']).any(|name| name == "keyanchor");
        let for_others = self.enable_in.as_deref().is_some_and(|list| !names_us(list))
            || self.disable_in.as_deref().is_some_and(names_us);
        let remote = self.remote.as_ref().is_some_and(|remote| !remote.is_empty());
        let trust = self.trust_policy.as_deref() == Some("yes");
        let ours = !for_others && !remote && !trust;
        self.module.as_deref().filter(|module| ours && !module.is_empty())
    }

    /// Zero where there is none, or none that is a number.
    #[must_use]
    pub fn priority(&self) -> i64 {
        self.priority.as_ref().and_then(|number| number.parse().ok()).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_file_is_read_line_by_line() {
        let file =
            parse("# a comment\nmodule: /opt/hsm/p11.so\npriority: 5\ncritical: no\nnonsense\n");
        assert_eq!((file.library(), file.priority()), (Some("/opt/hsm/p11.so"), 5));
        assert_eq!(parse("priority: high\n").priority(), 0);
    }

    #[test]
    fn what_is_not_for_us_is_left_out() {
        let module = "module: /opt/hsm/p11.so\n";
        for rest in [
            "remote: |ssh",
            "trust-policy: yes",
            "enable-in: firefox",
            "disable-in: a, keyanchor",
            "module:",
        ] {
            assert_eq!(parse(&format!("{module}{rest}\n")).library(), None, "{rest}");
        }
        for rest in ["enable-in: keyanchor", "disable-in: firefox", "trust-policy: no", "remote:"] {
            assert!(parse(&format!("{module}{rest}\n")).library().is_some(), "{rest}");
        }
    }

    #[test]
    fn a_file_of_the_user_adds_to_the_systems_and_may_switch_it_off() {
        let system = || parse("module: /opt/hsm/p11.so\npriority: 1\nenable-in: keyanchor\n");
        let both = parse("priority: 7\n").over(system());
        assert_eq!((both.library(), both.priority()), (Some("/opt/hsm/p11.so"), 7));
        assert_eq!(parse("module:\n").over(system()).library(), None);
        assert_eq!(parse("enable-in: firefox\n").over(system()).library(), None);
    }
}
