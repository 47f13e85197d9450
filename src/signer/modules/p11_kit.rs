//! The modules that are registered with p11-kit: the `*.module` files of the user, the system and
//! its packages, merged by name, as pkcs11.conf(5) has it.
//!
//! One thing is different: p11-kit takes no file of the user in a program that runs as root. Here
//! it does, since a module must belong to root or to the user who runs us anyway.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use crate::paths;
use crate::signer::modules::file::{self, ModuleFile};

/// Where the system's and its packages' module files are; the first counts.
const SYSTEM: [&str; 2] = ["/etc/pkcs11/modules", "/usr/share/p11-kit/modules"];

/// The settings for all modules.
const SETTINGS: &str = "/etc/pkcs11/pkcs11.conf";

/// Longest file that is read, in bytes.
const LONGEST: u64 = 64 * 1024;

/// Whose files count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Merge,
    None,
    Only,
}

/// The libraries that are registered, as they are written there, the most important first.
pub(super) fn registered() -> Vec<String> {
    let environment = |name| std::env::var_os(name);
    let user = user_folder(environment("XDG_CONFIG_HOME"), std::env::home_dir());
    let user = user.filter(|_| environment("P11_KIT_NO_USER_CONFIG").is_none());
    let settings = |file: &Path| read(file).unwrap_or_default();
    let mut mode = mode(&settings(Path::new(SETTINGS)), Mode::Merge);
    if let Some(user) = user.as_ref().filter(|_| mode != Mode::None) {
        mode = self::mode(&settings(&user.join("pkcs11.conf")), mode);
    }
    let user = user.filter(|_| mode != Mode::None).map(|folder| folder.join("modules"));
    let system = SYSTEM.iter().map(PathBuf::from).filter(|_| mode != Mode::Only);
    libraries(user.into_iter().chain(system))
}

/// `XDG_CONFIG_HOME`, if it is an absolute path, else `.config` in the home.
fn user_folder(config: Option<OsString>, home: Option<PathBuf>) -> Option<PathBuf> {
    let config = config.map(PathBuf::from).filter(|path| path.is_absolute());
    config.or_else(|| home.map(|home| home.join(".config"))).map(|config| config.join("pkcs11"))
}

/// `user-config`; what cannot be understood does not let the user's files in.
fn mode(settings: &str, unless_said: Mode) -> Mode {
    let said = file::settings(settings).filter(|(name, _)| *name == "user-config").last();
    match said {
        None => unless_said,
        Some((_, "merge")) => Mode::Merge,
        Some((_, "only" | "override")) => Mode::Only,
        Some(_) => Mode::None,
    }
}

/// Folders whose files count come before those that they add to.
fn libraries(folders: impl Iterator<Item = PathBuf>) -> Vec<String> {
    let mut files = BTreeMap::<String, ModuleFile>::new();
    for folder in folders {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let Some(text) = is_module_file(&name).then(|| read(&entry.path())).flatten() else {
                continue;
            };
            let file = file::parse(&text);
            let known = files.remove(&name);
            files.insert(name, known.map_or(file.clone(), |known| known.over(file)));
        }
    }
    let mut files: Vec<_> = files.into_values().collect();
    files.sort_by_key(|file| std::cmp::Reverse(file.priority()));
    files.iter().filter_map(ModuleFile::library).map(str::to_owned).collect()
}

fn is_module_file(name: &str) -> bool {
    name.ends_with(".module") && name.starts_with(|c: char| c.is_ascii_alphanumeric())
}

fn read(file: &Path) -> Option<String> {
    String::from_utf8(paths::read_public(file, LONGEST).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_users_folder_is_where_xdg_says() {
        let home = || Some(PathBuf::from("/home/a"));
        let usual = Some(PathBuf::from("/home/a/.config/pkcs11"));
        assert_eq!(user_folder(None, home()), usual);
        assert_eq!(user_folder(Some("relative".into()), home()), usual);
        assert_eq!(user_folder(Some("/cfg".into()), home()), Some("/cfg/pkcs11".into()));
    }

    #[test]
    fn the_settings_say_whose_files_count() {
        for (settings, wanted) in [
            ("", Mode::Merge),
            ("user-config: none\n", Mode::None),
            ("# user-config: none\nuser-config: only\n", Mode::Only),
            ("user-config: whatever\n", Mode::None),
        ] {
            assert_eq!(mode(settings, Mode::Merge), wanted, "{settings}");
        }
        assert_eq!(mode("x: y\n", Mode::Only), Mode::Only);
    }

    #[test]
    fn files_of_one_name_are_one_module() {
        let root = tempfile::tempdir().expect("folder");
        let folder = |name: &str| root.path().join(name);
        for (file, text) in [
            ("user/a.module", "priority: 2\n"),
            ("user/b.module", "module:\n"),
            ("system/a.module", "module: a.so\npriority: 9\n"),
            ("system/b.module", "module: b.so\n"),
            ("package/c.module", "module: c.so\npriority: 3\n"),
            ("package/.hidden.module", "module: d.so\n"),
        ] {
            let path = folder(file);
            fs::create_dir_all(path.parent().expect("parent")).expect("mkdir");
            fs::write(path, text).expect("write");
        }
        let folders = ["user", "system", "package", "missing"].map(folder);
        assert_eq!(libraries(folders.into_iter()), ["c.so", "a.so"]);
    }
}
