//! A SoftHSM2 token directory per test: SoftHSM with its file store is not safe for several processes at once.
//!
//! A provisioned one is a copy of a template that `softhsm/provision.sh` has made, the script of the README's quick
//! start; a copy costs milliseconds where the script takes a second.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::files::{create_directory, write};
use crate::pki::Pki;
use crate::token::{self, Token};
use crate::{target, tool};

mod template;

/// One token directory with its configuration, removed when dropped.
#[derive(Debug)]
pub struct SoftHsm {
    directory: TempDir,
}

impl SoftHsm {
    /// The PIN of every token here.
    pub const PIN: &'static str = token::PIN;
    /// The security officer's PIN of every token here.
    pub const SO_PIN: &'static str = token::SO_PIN;

    /// A token `lab` with the keys `laptop`, `rsa2048`, `p384` and `always`, their certificates and their PKI.
    ///
    /// # Panics
    /// When `softhsm/provision.sh` cannot do its work.
    pub fn provisioned() -> Self {
        let hsm = Self { directory: fresh_directory() };
        template::copy_to(hsm.dir());
        hsm.configure();
        hsm
    }

    /// An initialised token `lab` without objects, and no PKI.
    ///
    /// # Panics
    /// When SoftHSM2 or pkcs11-tool is not installed.
    pub fn empty() -> Self {
        let hsm = Self { directory: fresh_directory() };
        create_directory(&hsm.dir().join("tokens"));
        hsm.configure();
        write(&hsm.pin_file(), &format!("{}\n", Self::PIN));
        hsm.add_token("lab");
        hsm
    }

    /// The directory that holds everything.
    pub fn dir(&self) -> &Path {
        self.directory.path()
    }

    /// The value for `SOFTHSM2_CONF`.
    pub fn conf(&self) -> PathBuf {
        self.dir().join("softhsm2.conf")
    }

    /// A file with the PIN and a newline, mode 0600.
    pub fn pin_file(&self) -> PathBuf {
        self.dir().join("pin")
    }

    /// SoftHSM's PKCS#11 module.
    ///
    /// # Panics
    /// When it is not installed.
    pub fn module() -> PathBuf {
        let named = std::env::var_os("SOFTHSM2_MODULE").map(PathBuf::from);
        let usual = PathBuf::from("/usr/lib/softhsm/libsofthsm2.so");
        let architectures = fs::read_dir("/usr/lib").into_iter().flatten().flatten();
        let others = architectures.map(|entry| entry.path().join("softhsm/libsofthsm2.so"));
        named
            .into_iter()
            .chain([usual])
            .chain(others)
            .find(|path| path.is_file())
            .expect("the lab needs libsofthsm2.so: apt-get install softhsm2")
    }

    /// The script that provisions a token, `softhsm/provision.sh`.
    pub fn provisioning_script() -> PathBuf {
        target::workspace().join("softhsm/provision.sh")
    }

    /// The leaf certificate of a provisioned key, PEM.
    pub fn certificate(&self, label: &str) -> PathBuf {
        self.dir().join(format!("certs/{label}.pem"))
    }

    /// The leaf certificate of a provisioned key and the intermediate, PEM.
    pub fn chain(&self, label: &str) -> PathBuf {
        self.dir().join(format!("certs/{label}-chain.pem"))
    }

    /// The PKI that issued the certificates of a provisioned token.
    pub fn pki(&self) -> Pki {
        Pki::load(&self.dir().join("ca"))
    }

    /// What a process that shall see this token needs in its environment.
    pub fn command_env(&self) -> Vec<(String, OsString)> {
        vec![("SOFTHSM2_CONF".into(), self.conf().into())]
    }

    /// Generates a signing key that cannot be exported; the type is pkcs11-tool's, like `EC:secp521r1` or `rsa:4096`.
    pub fn generate(&self, label: &str, id_hex: &str, key_type: &str) {
        self.token().generate(label, id_hex, key_type);
    }

    /// Puts a certificate, DER or PEM, on the token.
    pub fn import_certificate(&self, path: &Path, label: &str, id_hex: &str) {
        self.token().import_certificate(path, label, id_hex);
    }

    /// The same on a token of [`add_token`](Self::add_token).
    pub fn import_certificate_to(&self, token: &str, path: &Path, label: &str, id_hex: &str) {
        Token { label: token, ..self.token() }.import_certificate(path, label, id_hex);
    }

    /// The public key object of that label as a PEM SubjectPublicKeyInfo.
    pub fn public_key_pem(&self, label: &str) -> String {
        self.token().public_key_pem(label)
    }

    /// Initialises one more token, with the same PIN.
    pub fn add_token(&self, label: &str) {
        let tokens =
            fs::read_dir(self.dir().join("tokens")).expect("the token directory is there").count();
        // SoftHSM always offers one blank token more, in the last slot
        let slot = tokens.to_string();
        let so_pin = ["--so-pin", "env:LAB_SO_PIN"];
        tool::run(
            self.pkcs11_tool()
                .args(["--init-token", "--slot-index", &slot, "--label", label])
                .args(so_pin),
        );
        let set_pin = ["--login", "--login-type", "so", "--init-pin", "--new-pin", "env:LAB_PIN"];
        tool::run(self.pkcs11_tool().args(["--token-label", label]).args(set_pin).args(so_pin));
    }

    /// Gives the token `lab` and its file another PIN, in place of [`PIN`](Self::PIN).
    pub fn change_pin(&self, new: &str) {
        let mut change = self.unlocked();
        tool::run(
            change.args(["--change-pin", "--new-pin", "env:LAB_NEW_PIN"]).env("LAB_NEW_PIN", new),
        );
        write(&self.pin_file(), &format!("{new}\n"));
    }

    /// Deletes the public key object, as some provisioning tools leave tokens.
    pub fn delete_public_key(&self, label: &str) {
        tool::run(self.unlocked().args(["--delete-object", "--type", "pubkey", "--label", label]));
    }

    /// Deletes the private key object: what is left cannot sign.
    pub fn delete_private_key(&self, label: &str) {
        tool::run(self.unlocked().args(["--delete-object", "--type", "privkey", "--label", label]));
    }

    /// Deletes a certificate.
    pub fn delete_certificate(&self, label: &str) {
        tool::run(self.unlocked().args(["--delete-object", "--type", "cert", "--label", label]));
    }

    fn token(&self) -> Token<'_> {
        Token {
            module: Self::module(),
            environment: self.command_env(),
            label: "lab",
            scratch: self.dir(),
        }
    }

    fn pkcs11_tool(&self) -> Command {
        self.token().pkcs11_tool()
    }

    fn unlocked(&self) -> Command {
        self.token().unlocked()
    }

    /// Points the configuration at this directory.
    fn configure(&self) {
        let tokens = self.dir().join("tokens");
        let settings = format!(
            "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\nslots.removable = false\n",
            tokens.display()
        );
        write(&self.conf(), &settings);
    }
}

fn fresh_directory() -> TempDir {
    let parent = target::directory().join("lab");
    create_directory(&parent);
    tempfile::Builder::new()
        .prefix("softhsm-")
        .tempdir_in(&parent)
        .expect("the target directory is writable")
}
