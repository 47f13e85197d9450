//! The files that well-known modules open, a row each: their tokens' folders, where their
//! configuration says so, and what they keep in a home. All rows hold for every module, since one may
//! load another (pkcs11-spy, p11-kit-proxy).

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use crate::paths;
use crate::sandbox::Allowance;

/// Longest configuration of a module that is looked into, in bytes.
const LONGEST: u64 = 1024 * 1024;

/// The devices of tokens, and the shared memory of modules with a daemon.
const DEVICES: &str = "/dev";

/// What a module may open that is at that path and is given that text.
pub(super) fn of(module: &Path, init_args: Option<&str>) -> Allowance {
    let mut reach = Allowance::default();
    reach.read.extend(module.parent().map(Path::to_owned));
    reach.read.extend(variable("LD_LIBRARY_PATH").iter().flat_map(env::split_paths));
    reach.write.push(DEVICES.into());
    for row in [softhsm, kryoptic, opensc, tpm2_pkcs11, opencryptoki, p11_kit, yubihsm, spy] {
        row(&mut reach);
    }
    reach.write.extend(init_args.and_then(nss));
    reach
}

/// softhsm2.conf(5): `directories.tokendir`, whose files are always opened for writing.
fn softhsm(reach: &mut Allowance) {
    let named = variable("SOFTHSM2_CONF").map(PathBuf::from);
    let own = in_home("XDG_CONFIG_HOME", ".config", "softhsm2/softhsm2.conf");
    let usual = ["/etc/softhsm2.conf", "/etc/softhsm/softhsm2.conf"].map(PathBuf::from);
    for file in named.into_iter().chain(own).chain(usual) {
        let tokens = assigned(&file, "directories.tokendir");
        reach.write.extend(tokens);
        reach.read.push(file);
    }
}

/// A configuration, or the database itself; SQLite keeps its journal beside that.
fn kryoptic(reach: &mut Allowance) {
    let named = variable("KRYOPTIC_CONF").map(PathBuf::from);
    let own = in_home("XDG_CONFIG_HOME", ".config", "kryoptic/token.conf");
    for file in named.into_iter().chain(own) {
        if file.extension().is_some_and(|kind| kind == "sql") {
            reach.write.extend(file.parent().map(Path::to_owned));
            continue;
        }
        let databases = assigned(&file, "dbargs");
        reach.write.extend(databases.iter().filter_map(|file| Some(file.parent()?.to_owned())));
        reach.read.push(file);
    }
    reach.write.extend(in_home("XDG_DATA_HOME", ".local/share", "kryoptic"));
}

/// opensc.conf(5), and the certificates that it remembers.
fn opensc(reach: &mut Allowance) {
    reach.read.extend(variable("OPENSC_CONF").map(PathBuf::from));
    reach.write.extend(in_home("XDG_CACHE_HOME", ".cache", "opensc"));
}

fn tpm2_pkcs11(reach: &mut Allowance) {
    let own = env::home_dir().map(|home| home.join(".tpm2_pkcs11"));
    reach.write.extend(variable("TPM2_PKCS11_STORE").map(PathBuf::from).into_iter().chain(own));
    reach.write.push("/etc/tpm2_pkcs11".into());
}

fn opencryptoki(reach: &mut Allowance) {
    let folders = ["/run/lock/opencryptoki", "/run/opencryptoki", "/var/lib/opencryptoki"];
    reach.write.extend(folders.map(PathBuf::from));
}

/// pkcs11.conf(5): the modules of a user, which its proxy loads.
fn p11_kit(reach: &mut Allowance) {
    reach.read.extend(in_home("XDG_CONFIG_HOME", ".config", "pkcs11"));
}

fn yubihsm(reach: &mut Allowance) {
    reach.read.extend(variable("YUBIHSM_PKCS11_CONF").map(PathBuf::from));
}

/// The module that is behind it, and its log.
fn spy(reach: &mut Allowance) {
    let behind = variable("PKCS11SPY").map(PathBuf::from);
    reach.read.extend(behind.and_then(|module| Some(module.parent()?.to_owned())));
    let log = variable("PKCS11SPY_OUTPUT").map(PathBuf::from);
    // It is made here, so that its folder need not be open.
    let made = |log: &PathBuf| fs::File::options().create(true).append(true).open(log).is_ok();
    reach.write.extend(log.filter(made));
}

/// The database of NSS: `configdir='sql:/home/me/nssdb' flags=…`.
fn nss(init_args: &str) -> Option<PathBuf> {
    let (_, value) = init_args.split_once("configdir=")?;
    let quote = value.chars().next().filter(|first| "'\"".contains(*first));
    let value = match quote {
        Some(quote) => value.strip_prefix(quote)?.split(quote).next()?,
        None => value.split_whitespace().next()?,
    };
    let kinds = ["sql:", "dbm:", "extern:", "rdb:"];
    Some(kinds.iter().find_map(|kind| value.strip_prefix(kind)).unwrap_or(value).into())
}

/// The values of `name = value`, quoted or not, in a file of such lines.
fn assigned(file: &Path, name: &str) -> Vec<PathBuf> {
    let text = paths::read_public(file, LONGEST).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let values = text.lines().filter_map(|line| {
        let (known, value) = line.split_once('=')?;
        (known.trim() == name).then(|| value.trim().trim_matches(['"', '\'']))
    });
    values.map(PathBuf::from).filter(|path| path.is_absolute()).collect()
}

fn variable(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}

/// In the folder that a variable names, else in its usual place in the home.
fn in_home(name: &str, usual: &str, path: &str) -> Option<PathBuf> {
    let folder = variable(name).map(PathBuf::from);
    let folder = folder.or_else(|| env::home_dir().map(|home| home.join(usual)));
    folder.filter(|folder| folder.is_absolute()).map(|folder| folder.join(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_database_of_nss_is_found_in_its_text() {
        for text in [
            "configdir='sql:/home/me/nssdb' certPrefix='' flags=readOnly",
            "flags=readOnly configdir=\"dbm:/home/me/nssdb\"",
            "configdir=/home/me/nssdb flags=readOnly",
        ] {
            assert_eq!(nss(text), Some("/home/me/nssdb".into()), "{text}");
        }
        assert_eq!(nss("flags=readOnly"), None);
    }

    #[test]
    fn only_absolute_paths_are_taken_from_a_configuration() {
        let file = tempfile::NamedTempFile::new().expect("file");
        let text = "# tokens = /no\ntokens = /a b\n tokens=\"/c\"\ntokens = relative\nother = /d\n";
        fs::write(file.path(), text).expect("write");
        assert_eq!(assigned(file.path(), "tokens"), [Path::new("/a b"), Path::new("/c")]);
        assert!(assigned(Path::new("/no/such"), "tokens").is_empty());
    }
}
