//! Certificates from files: one or a whole chain, PEM or DER.

use std::path::Path;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::certificate::Certificate;
use crate::identity::Error;
use crate::paths;

/// Longest certificate file that is read, in bytes. (The service takes bundles of 200 kB.)
const LONGEST: u64 = 1024 * 1024;

/// Most certificates that one file may hold: each may have to be tried as an issuer.
const MOST: usize = 500;

/// All certificates of a file, in its order.
///
/// # Errors
/// When the file cannot be read or holds none.
pub fn read(path: &Path) -> Result<Vec<Certificate>, Error> {
    let bytes = paths::read_public(path, LONGEST)?;
    parse(&bytes).map_err(|reason| Error::NotCertificates { path: path.into(), reason })
}

/// All certificates of PEM text, in its order, or the one that is in DER. Other PEM blocks and text
/// around them are skipped.
///
/// # Errors
/// What is wrong with it, for messages.
pub fn parse(bytes: &[u8]) -> Result<Vec<Certificate>, String> {
    if bytes.first() == Some(&0x30) {
        return Ok(vec![certificate(bytes)?]);
    }
    let mut certificates = Vec::new();
    for block in CertificateDer::pem_slice_iter(bytes) {
        if certificates.len() == MOST {
            return Err(format!("it holds more than {MOST} certificates"));
        }
        let block = block.map_err(|_| "it is not well-formed PEM")?;
        certificates.push(certificate(&block)?);
    }
    if certificates.is_empty() {
        return Err("it has neither a PEM block CERTIFICATE nor is it DER".to_owned());
    }
    Ok(certificates)
}

fn certificate(der: &[u8]) -> Result<Certificate, String> {
    Certificate::from_der(der).map_err(|error| error.to_string())
}
