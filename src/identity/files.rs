//! Certificates from files: one or a whole chain, PEM or DER.

use std::path::Path;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::certificate::Certificate;
use crate::identity::Error;
use crate::paths;

/// Longest certificate file that is read, in bytes. (The service takes bundles of 200 kB.)
const LONGEST: u64 = 1024 * 1024;

/// All certificates of a file, in its order. Other PEM blocks and text around them are skipped.
///
/// # Errors
/// When the file cannot be read or holds none.
pub fn read(path: &Path) -> Result<Vec<Certificate>, Error> {
    let bytes = paths::read_public(path, LONGEST)?;
    let failed =
        |reason: &str| Error::NotCertificates { path: path.into(), reason: reason.to_owned() };
    if bytes.first() == Some(&0x30) {
        let der = Certificate::from_der(&bytes).map_err(|error| failed(&error.to_string()))?;
        return Ok(vec![der]);
    }
    let mut certificates = Vec::new();
    for block in CertificateDer::pem_slice_iter(&bytes) {
        let block = block.map_err(|_| failed("it is not well-formed PEM"))?;
        let certificate =
            Certificate::from_der(&block).map_err(|error| failed(&error.to_string()))?;
        certificates.push(certificate);
    }
    if certificates.is_empty() {
        return Err(failed("it has neither a PEM block CERTIFICATE nor is it DER"));
    }
    Ok(certificates)
}
