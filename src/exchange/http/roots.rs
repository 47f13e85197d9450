//! Which CA certificates vouch for servers: the system's, or those that the user names.

use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::exchange::Error;
use crate::paths;

/// Longest file of CA certificates that is read, in bytes.
const LONGEST_BUNDLE: u64 = 8 * 1024 * 1024;

/// Which CA certificates vouch for servers.
#[derive(Clone, Debug, Default)]
pub struct Roots {
    /// These and not the system's (`--ca-bundle`, `AWS_CA_BUNDLE`).
    pub only: Option<PathBuf>,
    /// These as well (`--ca-file`).
    pub also: Option<PathBuf>,
}

impl Roots {
    pub(super) fn load(&self) -> Result<RootCertStore, Error> {
        let mut store = RootCertStore::empty();
        match &self.only {
            Some(only) => add(&mut store, only)?,
            None => {
                let system = rustls_native_certs::load_native_certs();
                store.add_parsable_certificates(system.certs);
            }
        }
        if let Some(also) = &self.also {
            add(&mut store, also)?;
        }
        if store.is_empty() {
            let reason = "the system has no CA certificates".to_owned();
            return Err(Error::Roots { reason });
        }
        Ok(store)
    }
}

fn add(store: &mut RootCertStore, path: &Path) -> Result<(), Error> {
    let failed = |reason: String| Error::Roots { reason };
    let pem =
        paths::read_public(path, LONGEST_BUNDLE).map_err(|error| failed(error.to_string()))?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let certificates =
        certificates.map_err(|_| failed(format!("{}: not well-formed PEM", path.display())))?;
    let (added, _) = store.add_parsable_certificates(certificates);
    if added == 0 {
        return Err(failed(format!("{}: no CA certificate in it", path.display())));
    }
    Ok(())
}
