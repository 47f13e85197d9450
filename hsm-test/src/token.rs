//! A token as pkcs11-tool and p11tool see it, whatever its module: keys are made on it, certificates put beside them,
//! and public keys taken out.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::files::read;
use crate::tool;

/// The PIN of every token in the lab.
pub(crate) const PIN: &str = "648219";
/// The security officer's PIN of every token in the lab.
pub(crate) const SO_PIN: &str = "73519482";

/// An initialised token, named by its label.
pub(crate) struct Token<'a> {
    pub(crate) module: PathBuf,
    /// What a process that shall see the token needs.
    pub(crate) environment: Vec<(String, OsString)>,
    pub(crate) label: &'a str,
    /// For files that only pass through.
    pub(crate) scratch: &'a Path,
}

impl Token<'_> {
    /// Generates a signing key that cannot be exported; the type is pkcs11-tool's.
    pub(crate) fn generate(&self, label: &str, id_hex: &str, key_type: &str) {
        let key = ["--keypairgen", "--key-type", key_type, "--usage-sign"];
        tool::run(self.unlocked().args(key).args(["--id", id_hex, "--label", label]));
    }

    /// Puts a certificate, DER or PEM, on the token.
    pub(crate) fn import_certificate(&self, path: &Path, label: &str, id_hex: &str) {
        let der = self.scratch.join("imported.der");
        let mut convert = Command::new("openssl");
        convert.args(["x509", "-outform", "DER", "-in"]).arg(path);
        tool::run(convert.arg("-out").arg(&der));
        let object = ["--type", "cert", "--id", id_hex, "--label", label];
        tool::run(self.unlocked().arg("--write-object").arg(&der).args(object));
    }

    /// The public key object of that label as a PEM SubjectPublicKeyInfo.
    pub(crate) fn public_key_pem(&self, label: &str) -> String {
        let file = self.scratch.join("exported.pem");
        let uri = format!("pkcs11:token={};object={label};type=public", self.label);
        let mut command = self.command("p11tool");
        command.env("GNUTLS_PIN", PIN).arg("--provider").arg(&self.module).arg("--login");
        // pkcs11-tool 0.23 cannot read P-384 keys, and p11tool sleeps for three seconds without --outfile
        tool::run(command.arg("--export-pubkey").arg(uri).arg("--outfile").arg(&file));
        read(&file)
    }

    /// pkcs11-tool with the module; `LAB_PIN` and `LAB_SO_PIN` are in its environment.
    pub(crate) fn pkcs11_tool(&self) -> Command {
        let mut command = self.command("pkcs11-tool");
        // through the environment: other users can read a command line
        command.env("LAB_PIN", PIN).env("LAB_SO_PIN", SO_PIN);
        command.arg("--module").arg(&self.module);
        command
    }

    /// pkcs11-tool, logged in to the token.
    pub(crate) fn unlocked(&self) -> Command {
        let mut command = self.pkcs11_tool();
        command.args(["--token-label", self.label, "--login", "--pin", "env:LAB_PIN"]);
        command
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}
