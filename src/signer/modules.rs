//! Which PKCS#11 modules to ask: the one that is named, else those that are registered with
//! p11-kit. None is loaded here, and none that others could have changed is let through.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::key::uri::Pkcs11Uri;
use crate::paths;
use crate::signer::{Error, Settings};

/// Where modules are that are named without a folder, and those of p11-kit's relative names.
const FOLDERS: [&str; 8] = [
    "/usr/lib/x86_64-linux-gnu/pkcs11",
    "/usr/lib/aarch64-linux-gnu/pkcs11",
    "/usr/lib64/pkcs11",
    "/usr/lib/pkcs11",
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib/softhsm",
    "/usr/local/lib",
];

/// Longest module file that is read, in bytes.
const LONGEST: u64 = 64 * 1024;

/// The modules to ask, as canonical paths: one that was named by `--pkcs11-lib`, the URI's
/// `module-path` or `module-name`, or `KEYANCHOR_PKCS11_LIB`, in this order; else all that are
/// registered, the most important first.
///
/// # Errors
/// When the named one is not there, or others could change it; when none is known at all.
pub fn to_ask(settings: &Settings, uri: &Pkcs11Uri) -> Result<Vec<PathBuf>, Error> {
    let named = settings.module.as_deref().or(uri.module_path.as_deref());
    if let Some(module) = named {
        return Ok(vec![checked(module)?]);
    }
    if let Some(name) = &uri.module_name {
        return Ok(vec![checked(&by_name(name)?)?]);
    }
    if let Some(module) = &settings.default_module {
        return Ok(vec![checked(module)?]);
    }
    let mut modules = Vec::new();
    for module in registered().iter().filter_map(|module| checked(module).ok()) {
        // One library may be registered twice: its second host would wait for the first.
        if !modules.contains(&module) {
            modules.push(module);
        }
    }
    if modules.is_empty() { Err(Error::NoModule) } else { Ok(modules) }
}

fn checked(module: &Path) -> Result<PathBuf, Error> {
    let found = if module.components().count() == 1 { in_folders(module) } else { None };
    let path = found.as_deref().unwrap_or(module);
    paths::trusted_code(path).map_err(|error| {
        let (module, reason) = (module.into(), error.to_string());
        match error {
            paths::Error::Io { .. } => Error::NoSuchModule { module, reason },
            paths::Error::TooLarge { .. } | paths::Error::Unsafe { .. } => {
                Error::Module { module, reason }
            }
        }
    })
}

fn in_folders(name: &Path) -> Option<PathBuf> {
    FOLDERS.iter().map(|folder| Path::new(folder).join(name)).find(|path| path.exists())
}

/// `module-name` has neither `lib` nor an extension (RFC 7512 §2.3).
fn by_name(name: &str) -> Result<PathBuf, Error> {
    let candidates = [format!("lib{name}.so"), format!("{name}.so")];
    let found = candidates.iter().find_map(|file| in_folders(Path::new(file)));
    let reason = || format!("neither {} is in a usual folder", candidates.join(" nor "));
    found.ok_or_else(|| Error::NoSuchModule { module: name.into(), reason: reason() })
}

/// The modules of p11-kit's `*.module` files (pkcs11.conf(5)). A file of the user hides one of the
/// system with the same name; p11-kit would merge the two.
fn registered() -> Vec<PathBuf> {
    let mut files = BTreeMap::new();
    let user = std::env::home_dir().map(|home| home.join(".config/pkcs11/modules"));
    let system = ["/usr/share/p11-kit/modules", "/etc/pkcs11/modules"].map(PathBuf::from);
    for folder in system.into_iter().chain(user) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.ends_with(".module") && name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
                files.insert(name, entry.path());
            }
        }
    }
    let mut modules: Vec<_> = files.values().filter_map(|file| read(file)).collect();
    modules.sort_by_key(|module| std::cmp::Reverse(module.priority));
    modules.into_iter().map(|module| module.path).collect()
}

/// What a module file says, as far as it matters here.
#[derive(Debug, PartialEq, Eq)]
struct Registered {
    path: PathBuf,
    priority: i64,
}

fn read(file: &Path) -> Option<Registered> {
    let text = paths::read_public(file, LONGEST).ok()?;
    parse(str::from_utf8(&text).ok()?)
}

/// `None` for what is not for us: disabled, remote, or a list of trusted certificates without keys.
fn parse(text: &str) -> Option<Registered> {
    let mut module = None;
    let mut priority = 0;
    let names_us = |list: &str| list.split([',', ' ']).any(|name| name == "keyanchor");
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        let Some((name, value)) = line.split_once(':') else { continue };
        match (name.trim(), value.trim()) {
            ("module", path) => module = Some(path).filter(|path| !path.is_empty()),
            ("priority", number) => priority = number.parse().unwrap_or(0),
            ("remote", _) | ("trust-policy", "yes") => return None,
            ("enable-in", list) if !names_us(list) => return None,
            ("disable-in", list) if names_us(list) => return None,
            _ => {}
        }
    }
    let path = Path::new(module?);
    let path = if path.is_absolute() { path.into() } else { in_folders(path)? };
    Some(Registered { path, priority })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_file_is_read_line_by_line() {
        let file = "# a comment\nmodule: /opt/hsm/p11.so\npriority: 5\ncritical: no\n";
        assert_eq!(parse(file), Some(Registered { path: "/opt/hsm/p11.so".into(), priority: 5 }));
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
            assert_eq!(parse(&format!("{module}{rest}\n")), None, "{rest}");
        }
        assert!(parse(&format!("{module}enable-in: keyanchor\n")).is_some());
        assert_eq!(parse("module: no-such-module-anywhere.so"), None);
    }
}
