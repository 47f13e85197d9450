//! A key, a server, and the command line that gets credentials with both.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::files;
use crate::piv::{Card, Key, Pcscd, YubiKey};
use crate::pki::{Leaf, Pki};
use crate::server::{Config, Server};
use crate::softhsm::SoftHsm;
use crate::swtpm::{Swtpm, Template};

/// What a contestant is asked for.
#[derive(Debug)]
pub(super) struct Scene {
    pub(super) name: &'static str,
    pub(super) server: Server,
    key: String,
    certificate: Certificate,
    intermediate: PathBuf,
    module: PathBuf,
    environment: Vec<(String, OsString)>,
    /// In place of the server's own, where something stands before it.
    endpoint: Option<String>,
}

/// Where the certificate of the key is.
#[derive(Debug)]
enum Certificate {
    /// Beside the key; its URI is for helpers that do not look there by themselves.
    BesideKey(String),
    /// In a file, with the intermediate after it.
    File(PathBuf),
}

impl Scene {
    /// The three that are compared: two kinds of keys on a token, and one in a file.
    pub(super) fn all(hsm: &SoftHsm) -> Vec<Self> {
        let (private, public) = hsm.pki().software_key("EC:P-256");
        let (key, chain) = (hsm.dir().join("bench-key.pem"), hsm.dir().join("bench-chain.pem"));
        files::write(&key, &private);
        let intermediate = files::read(&hsm.pki().intermediate_pem_path());
        files::write(&chain, &(hsm.pki().leaf(&Leaf::of(&public)) + &intermediate));
        let in_file = Self {
            key: key.display().to_string(),
            certificate: Certificate::File(chain),
            ..Self::of("key file P-256", hsm, "laptop")
        };
        vec![
            Self::of("SoftHSM P-256", hsm, "laptop"),
            Self::of("SoftHSM RSA-2048", hsm, "rsa2048"),
            in_file,
        ]
    }

    /// A key of the token, and a server of its own.
    pub(super) fn of(name: &'static str, hsm: &SoftHsm, label: &str) -> Self {
        let key =
            format!("pkcs11:token=lab;object={label}?pin-source={}", hsm.pin_file().display());
        let mut environment = hsm.command_env();
        environment.push(("KEYANCHOR_RUNTIME_DIR".into(), hsm.dir().join("run").into()));
        environment.push(("KEYANCHOR_CACHE".into(), "off".into()));
        Self::new(name, &hsm.pki(), key, hsm.chain(label), environment)
    }

    /// A new key of a TPM, at that handle or in a file.
    pub(super) fn of_tpm(
        name: &'static str,
        tpm: &Swtpm,
        template: &Template,
        handle: Option<u32>,
    ) -> Self {
        let key = tpm.key(template);
        let mut environment = vec![("KEYANCHOR_TCTI".into(), tpm.tcti().into())];
        environment.push(("KEYANCHOR_RUNTIME_DIR".into(), tpm.dir().join("run").into()));
        environment.push(("KEYANCHOR_CACHE".into(), "off".into()));
        if let Some(password) = template.password {
            let file = tpm.dir().join("password");
            files::write(&file, password);
            environment.push(("KEYANCHOR_PIN_FILE".into(), file.into()));
        }
        let reference = match handle {
            Some(handle) => {
                tpm.persist(&key, handle);
                format!("tpm:handle={handle:#x}")
            }
            None => tpm.file(&key).display().to_string(),
        };
        Self::new(name, &tpm.pki(), reference, tpm.chain(&key), environment)
    }

    /// A key of a card by that reference, to which its PIN is added.
    pub(super) fn of_card(
        name: &'static str,
        pcscd: &Pcscd,
        card: &Card,
        key: &Key,
        reference: &str,
    ) -> Self {
        let pin = card.dir().join("pin");
        files::write(&pin, YubiKey::PIN);
        let reference = format!("{reference}?pin-source={}", pin.display());
        let mut environment = pcscd.command_env();
        environment.push(("KEYANCHOR_RUNTIME_DIR".into(), pcscd.dir().join("runtime").into()));
        environment.push(("KEYANCHOR_CACHE".into(), "off".into()));
        Self::new(name, card.pki(), reference, key.chain(), environment)
    }

    fn new(
        name: &'static str,
        pki: &Pki,
        key: String,
        chain: PathBuf,
        environment: Vec<(String, OsString)>,
    ) -> Self {
        Self {
            name,
            server: Server::start(Config::lab(pki)),
            key,
            certificate: Certificate::File(chain),
            intermediate: pki.intermediate_pem_path(),
            module: SoftHsm::module(),
            environment,
            endpoint: None,
        }
    }

    /// The same through that module.
    pub(super) fn by(self, module: PathBuf) -> Self {
        Self { module, ..self }
    }

    /// The same with the certificate that the device has beside the key; helpers that do not look there are given its
    /// URI.
    pub(super) fn with_certificate_beside_key(self, uri: &str) -> Self {
        Self { certificate: Certificate::BesideKey(uri.to_owned()), ..self }
    }

    /// The same with another module, an endpoint before the server, and what the module needs to be told.
    pub(super) fn through(
        self,
        module: PathBuf,
        endpoint: String,
        told: Vec<(String, OsString)>,
    ) -> Self {
        let environment = [self.environment, told].concat();
        Self { module, endpoint: Some(endpoint), environment, ..self }
    }

    /// keyanchor, and whoever takes its options.
    pub(super) fn command(&self, program: &Path) -> Command {
        self.command_with(program, &self.key, &[])
    }

    /// The same with other options beside them; a module among them takes the place of the scene's.
    pub(super) fn command_with(&self, program: &Path, key: &str, more: &[&str]) -> Command {
        let mut command = self.bare(program);
        if !program.ends_with("floor") {
            command.arg("credential-process");
        }
        command.args(["--key", key]).args(more);
        if !more.contains(&"--pkcs11-lib") {
            command.arg("--pkcs11-lib").arg(&self.module);
        }
        command.args(self.arguments());
        match &self.certificate {
            Certificate::BesideKey(_) => command.arg("--intermediates").arg(&self.intermediate),
            Certificate::File(chain) => command.arg("--certificate").arg(chain),
        };
        command
    }

    /// AWS's own helper has other names for two options, reads one certificate of a file, has no option for the roots,
    /// which Go takes from the environment, and no way to be told where a PIN is.
    pub(super) fn peer_command(&self, program: &Path) -> Command {
        let (key, _) = self.key.split_once('?').unwrap_or((&self.key, ""));
        let mut command = self.bare(program);
        command.arg("credential-process").env("SSL_CERT_FILE", self.server.ca_bundle());
        let key = match self.is_of_a_module() {
            true => format!("{key}?pin-value={}", SoftHsm::PIN),
            false => key.to_owned(),
        };
        command.args(["--private-key", &key]).arg("--pkcs11-lib").arg(&self.module);
        command.arg("--intermediates").arg(&self.intermediate);
        let arguments = self.arguments();
        command.args(arguments.chunks(2).filter(|pair| pair[0] != "--ca-bundle").flatten());
        command.arg("--certificate");
        match &self.certificate {
            Certificate::BesideKey(uri) => command.arg(uri),
            Certificate::File(chain) => command.arg(chain),
        };
        command
    }

    fn bare(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(self.environment.iter().cloned()).env("PATH", "/usr/bin:/bin");
        let home = self.intermediate.parent().unwrap_or(Path::new("/"));
        command.env("HOME", home).stdin(Stdio::null());
        command
    }

    fn arguments(&self) -> Vec<String> {
        let mut arguments = self.server.arguments();
        if let Some(endpoint) = &self.endpoint {
            let place = arguments.iter().position(|word| word == "--endpoint");
            arguments[place.expect("the server names its endpoint") + 1].clone_from(endpoint);
        }
        arguments
    }

    /// Whether the key is reached through a PKCS#11 module.
    pub(super) fn is_of_a_module(&self) -> bool {
        self.key.starts_with("pkcs11:")
    }

    pub(super) fn has_certificate_beside_key(&self) -> bool {
        matches!(self.certificate, Certificate::BesideKey(_))
    }

    /// The key as it is named on the command line.
    pub(super) fn key(&self) -> &str {
        &self.key
    }
}
