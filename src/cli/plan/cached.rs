//! What decides which credentials a plan gets: all that its cache entry is stored under.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::cache::{Hash, Inputs};
use crate::cli::plan::Plan;
use crate::key::KeyRef;
use crate::key::tpm::{TpmKey, TpmRef};
use crate::key::uri::Pkcs11Uri;
use crate::paths::{self, Error};

/// Longest file that counts, in bytes: a bundle of CA certificates.
const LONGEST: u64 = 8 * 1024 * 1024;

/// Longest file of a private key. Room for all of it is made and wiped, which would take long.
const LONGEST_KEY: u64 = 64 * 1024;

/// What decides where devices are looked for, beside the options: variables of ours, of libraries, and
/// of modules that are widely used.
const VARIABLES: [&str; 22] = [
    "CHRYSTOKI_CONF",
    "CKNFAST_CONFIG",
    "CS_PKCS11_R3_CFG",
    "ChrystokiConfigurationPath",
    "HOME",
    "KEYANCHOR_TCTI",
    "KRYOPTIC_CONF",
    "LD_LIBRARY_PATH",
    "NSS_LIB_PARAMS",
    "OPENSC_CONF",
    "P11_KIT_NO_USER_CONFIG",
    "P11_KIT_SERVER_ADDRESS",
    "PCSCLITE_CSOCK_NAME",
    "PKCS11SPY",
    "PKCS11_PROXY_SOCKET",
    "SOFTHSM2_CONF",
    "TPM2_PKCS11_STORE",
    "TPM2_PKCS11_TCTI",
    "TPM_DEVICE",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "YUBIHSM_PKCS11_CONF",
];

/// Those of them that hold no path, or one behind other words: a TCTI, an address, a switch.
const NO_PATHS: [&str; 6] = [
    "KEYANCHOR_TCTI",
    "NSS_LIB_PARAMS",
    "P11_KIT_NO_USER_CONFIG",
    "P11_KIT_SERVER_ADDRESS",
    "PKCS11_PROXY_SOCKET",
    "TPM2_PKCS11_TCTI",
];

impl Plan {
    /// What the credentials of this plan are stored under: references as they are, without anything
    /// about PINs; files by what they hold.
    ///
    /// # Errors
    /// When a file cannot be read: then there is nothing that could be looked up.
    pub(in crate::cli) fn cache_key(&self) -> Result<Hash, Error> {
        let session = &self.session;
        let mut inputs = Inputs::new()
            .with("trust-anchor", session.trust_anchor.as_str())
            .with("profile", session.profile.as_str())
            .with("role", session.role.as_str())
            .with("region", &session.region)
            .with("duration", session.duration.to_be_bytes())
            .with("session-name", optional(session.session_name.as_deref().map(str::as_bytes)))
            .with("endpoint", self.endpoint.operation("").as_str());
        inputs = self.with_key(inputs)?;
        inputs = match &self.named.certificate {
            None => inputs.with("certificate", ""),
            Some(KeyRef::File(path)) => inputs.with("certificate-file", content(path)?),
            Some(reference) => with_reference(inputs.with("certificate", "at"), reference),
        };
        let files = [&self.named.intermediates, &self.roots.only, &self.roots.also];
        for (name, file) in ["intermediates", "ca-bundle", "ca-file"].into_iter().zip(files) {
            let content = file.as_deref().map(content).transpose()?;
            inputs = inputs.with(name, optional(content.as_ref().map(|hash| &hash[..])));
        }
        Ok(self.with_place(inputs).key())
    }

    /// How the key is called, for people.
    pub(in crate::cli) fn key_name(&self) -> String {
        match &self.named.key {
            KeyRef::File(path) => path.display().to_string(),
            KeyRef::Piv(reference) => reference.to_string(),
            KeyRef::Pkcs11(uri) => uri.to_string(),
            KeyRef::Tpm(reference) => reference.to_string(),
        }
    }

    /// A key that is open to everybody is not used, and so are not the credentials that it once got.
    fn with_key(&self, inputs: Inputs) -> Result<Inputs, Error> {
        Ok(match &self.named.key {
            KeyRef::File(path) => {
                let (key, _) = paths::read_secret(path, LONGEST_KEY)?;
                inputs.with("key-file", Sha256::digest(&*key))
            }
            KeyRef::Tpm(reference) => {
                let inputs = match &reference.key {
                    TpmKey::File(path) => inputs.with("tpm-key-file", content(path)?),
                    TpmKey::Handle(_) => inputs,
                };
                with_reference(inputs, &self.named.key)
            }
            reference => with_reference(inputs, reference),
        })
    }

    /// With where devices and modules are looked for. A key in a file needs none.
    fn with_place(&self, inputs: Inputs) -> Inputs {
        let is_file = |reference: &KeyRef| matches!(reference, KeyRef::File(_));
        if is_file(&self.named.key) && self.named.certificate.as_ref().is_none_or(is_file) {
            return inputs;
        }
        let modules = [&self.named.settings.module, &self.named.settings.default_module];
        let mut inputs = inputs;
        for module in modules {
            let path = module.as_deref().map(|path| path.as_os_str().as_bytes());
            inputs = inputs.with("module", optional(path));
        }
        let text = self.named.settings.init_args.as_deref();
        inputs = inputs.with("init-args", optional(text.map(str::as_bytes)));
        for name in VARIABLES {
            let value = std::env::var_os(name);
            inputs = inputs.with(name, optional(value.as_deref().map(OsStrExt::as_bytes)));
        }
        if !self.names_a_relative_path() {
            return inputs;
        }
        let folder = std::env::current_dir().unwrap_or_default();
        inputs.with("folder", folder.as_os_str().as_bytes())
    }

    /// Whether something that decides which device it is means another one in another folder. The name of a
    /// module without a folder is looked for in the system's.
    fn names_a_relative_path(&self) -> bool {
        let uri = |reference: &KeyRef| match reference {
            KeyRef::Pkcs11(uri) => uri.module_path.clone(),
            KeyRef::File(_) | KeyRef::Piv(_) | KeyRef::Tpm(_) => None,
        };
        let uris = [Some(&self.named.key), self.named.certificate.as_ref()].into_iter().flatten();
        let modules =
            [self.named.settings.module.clone(), self.named.settings.default_module.clone()];
        let modules = modules.into_iter().flatten().chain(uris.filter_map(uri));
        let is_relative = |path: &Path| path.components().count() > 1 && path.is_relative();
        let paths = VARIABLES.iter().filter(|name| !NO_PATHS.contains(name));
        let values = paths.filter_map(std::env::var_os).filter(|value| !value.is_empty());
        let mut values =
            values.map(|value| std::env::split_paths(&value).any(|path| path.is_relative()));
        modules.into_iter().any(|path| is_relative(&path)) || values.any(|relative| relative)
    }
}

fn with_reference(inputs: Inputs, reference: &KeyRef) -> Inputs {
    match reference {
        KeyRef::File(path) => inputs.with("file", path.as_os_str().as_bytes()),
        KeyRef::Piv(reference) => inputs.with("PIV", reference.to_string()),
        KeyRef::Pkcs11(uri) => with_uri(inputs, uri),
        KeyRef::Tpm(reference) => with_tpm(inputs, reference),
    }
}

fn with_uri(inputs: Inputs, uri: &Pkcs11Uri) -> Inputs {
    let path = uri.module_path.as_deref().map(|path| path.as_os_str().as_bytes());
    let name = uri.module_name.as_deref().map(str::as_bytes);
    let inputs = inputs.with("PKCS#11", uri.to_string());
    inputs.with("module-path", optional(path)).with("module-name", optional(name))
}

fn with_tpm(inputs: Inputs, reference: &TpmRef) -> Inputs {
    let tcti = reference.tcti.as_ref().map(ToString::to_string);
    let handle = match reference.key {
        TpmKey::File(_) => None,
        TpmKey::Handle(handle) => Some(handle.to_be_bytes()),
    };
    let certificate = reference.certificate.map(u32::to_be_bytes);
    inputs
        .with("TPM", optional(tcti.as_deref().map(str::as_bytes)))
        .with("handle", optional(handle.as_ref().map(|bytes| &bytes[..])))
        .with("cert-nv", optional(certificate.as_ref().map(|bytes| &bytes[..])))
}

fn content(path: &Path) -> Result<[u8; 32], Error> {
    Ok(Sha256::digest(paths::read_public(path, LONGEST)?).into())
}

/// What is not given is something else than what is empty.
fn optional(value: Option<&[u8]>) -> Vec<u8> {
    value.map_or_else(Vec::new, |value| [b"=", value].concat())
}
