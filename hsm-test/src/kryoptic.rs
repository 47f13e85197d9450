//! A kryoptic token per test: an implementation of PKCS#11 that shares no line with SoftHSM, and that counts wrong PINs
//! and locks, as cards do.
//!
//! The module is built from `hsm-test/kryoptic` by the first who asks.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::cargo::Crate;
use crate::files::{create_directory, write};
use crate::pki::{Leaf, Pki};
use crate::token::{self, Token};
use crate::{target, tool};

static MODULE: Crate = Crate::new("kryoptic");

/// One token with its configuration, removed when dropped.
#[derive(Debug)]
pub struct Kryoptic {
    directory: TempDir,
}

/// Where a token stands after wrong PINs, and what its flags say then.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum WrongPins {
    /// After 7 of 10: CKF_USER_PIN_COUNT_LOW.
    CountLow = 7,
    /// After 9: CKF_USER_PIN_FINAL_TRY.
    FinalTry = 9,
    /// After 10: CKF_USER_PIN_LOCKED, for good.
    Locked = 10,
}

impl Kryoptic {
    /// The PIN.
    pub const PIN: &'static str = token::PIN;
    /// The label of the token.
    pub const TOKEN: &'static str = "kryoptic";
    /// Its keys: label, id in hexadecimal, and pkcs11-tool's name of their type.
    pub const KEYS: [(&'static str, &'static str, &'static str); 3] = [
        ("rsa2048", "01", "rsa:2048"),
        ("p256", "02", "EC:prime256v1"),
        ("p384", "03", "EC:secp384r1"),
    ];

    /// A token with keys that cannot be exported, and beside each the certificate that `pki` has issued to it.
    ///
    /// # Panics
    /// When the module cannot be built, or pkcs11-tool or p11tool is not installed.
    pub fn provisioned(pki: &Pki) -> Self {
        let parent = target::directory().join("lab");
        create_directory(&parent);
        let directory = tempfile::Builder::new().prefix("kryoptic-").tempdir_in(&parent);
        let kryoptic = Self { directory: directory.expect("the target directory is writable") };
        kryoptic.initialise();
        for (label, id, kind) in Self::KEYS {
            kryoptic.token().generate(label, id, kind);
            let public_key_pem = kryoptic.token().public_key_pem(label);
            let leaf = Leaf { common_name: Some(label.into()), ..Leaf::of(&public_key_pem) };
            write(&kryoptic.certificate(label), &pki.leaf(&leaf));
            kryoptic.token().import_certificate(&kryoptic.certificate(label), label, id);
        }
        kryoptic
    }

    /// kryoptic's PKCS#11 module, built by the first who asks.
    ///
    /// # Panics
    /// When it cannot be built.
    pub fn module() -> PathBuf {
        MODULE.product("libkryoptic_pkcs11.so")
    }

    /// The directory that holds everything.
    pub fn dir(&self) -> &Path {
        self.directory.path()
    }

    /// A file with the PIN and a newline, mode 0600.
    pub fn pin_file(&self) -> PathBuf {
        self.dir().join("pin")
    }

    /// The leaf certificate of a key, PEM.
    pub fn certificate(&self, label: &str) -> PathBuf {
        self.dir().join(format!("{label}.pem"))
    }

    /// What a process that shall see this token needs in its environment.
    pub fn command_env(&self) -> Vec<(String, OsString)> {
        vec![("KRYOPTIC_CONF".into(), self.dir().join("kryoptic.conf").into())]
    }

    /// Sends wrong PINs until the token stands there.
    ///
    /// # Panics
    /// When the token takes one of them.
    pub fn enter(&self, wrong: WrongPins) {
        for _ in 0..wrong as usize {
            let mut login = self.token().pkcs11_tool();
            login.args(["--token-label", Self::TOKEN, "--login", "--pin", "00000000", "-O"]);
            let output = login.output().expect("pkcs11-tool has run before");
            assert!(!output.status.success(), "the token took a wrong PIN");
        }
    }

    /// The flags of the token in pkcs11-tool's words.
    ///
    /// # Panics
    /// When pkcs11-tool is not installed.
    pub fn flags(&self) -> String {
        let slots = tool::run(self.token().pkcs11_tool().arg("--list-token-slots"));
        let flags = slots.lines().find_map(|line| line.trim().strip_prefix("token flags"));
        flags.expect("pkcs11-tool lists the flags of each token").into()
    }

    fn initialise(&self) {
        let database = self.dir().join("token.sql");
        let database = format!("dbtype = \"sqlite\"\ndbargs = \"{}\"\n", database.display());
        write(&self.dir().join("kryoptic.conf"), &format!("[[slots]]\nslot = 1\n{database}"));
        write(&self.pin_file(), &format!("{}\n", Self::PIN));
        let so_pin = ["--so-pin", "env:LAB_SO_PIN"];
        let init = ["--init-token", "--slot", "1", "--label", Self::TOKEN];
        tool::run(self.token().pkcs11_tool().args(init).args(so_pin));
        let set_pin = ["--login", "--login-type", "so", "--init-pin", "--new-pin", "env:LAB_PIN"];
        tool::run(self.token().pkcs11_tool().args(["--slot", "1"]).args(set_pin).args(so_pin));
    }

    fn token(&self) -> Token<'_> {
        Token {
            module: Self::module(),
            environment: self.command_env(),
            label: Self::TOKEN,
            scratch: self.dir(),
        }
    }
}
