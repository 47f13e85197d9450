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

/// The certificates that stand beside a key in its file; there may be none.
///
/// # Errors
/// When the file cannot be read, or a certificate in it is none.
pub fn beside(path: &Path) -> Result<Vec<Certificate>, Error> {
    let bytes = paths::read_wiped(path, LONGEST)?;
    blocks(&bytes).map_err(|reason| Error::NotCertificates { path: path.into(), reason })
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
    let certificates = blocks(bytes)?;
    if certificates.is_empty() {
        return Err("it has neither a PEM block CERTIFICATE nor is it DER".to_owned());
    }
    Ok(certificates)
}

fn blocks(bytes: &[u8]) -> Result<Vec<Certificate>, String> {
    let mut certificates = Vec::new();
    for block in CertificateDer::pem_slice_iter(bytes) {
        if certificates.len() == MOST {
            return Err(format!("it holds more than {MOST} certificates"));
        }
        let block = block.map_err(|_| "it is not well-formed PEM")?;
        certificates.push(certificate(&block)?);
    }
    Ok(certificates)
}

fn certificate(der: &[u8]) -> Result<Certificate, String> {
    Certificate::from_der(der).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::certificate;

    const LEAF: &str = include_str!("../../tests/vectors/p256.leaf.pem");

    #[test]
    fn a_file_holds_certificates_up_to_the_most() {
        assert_eq!(parse(LEAF.repeat(MOST).as_bytes()).map(|found| found.len()), Ok(MOST));
        let error = parse(LEAF.repeat(MOST + 1).as_bytes()).err();
        assert_eq!(error.as_deref(), Some("it holds more than 500 certificates"));
    }

    #[test]
    fn a_length_inside_der_is_not_believed() {
        for length in [0xff_u8, 0xfe, 0x7f] {
            let huge = [0x30, 0x84, length, 0xff, 0xff, 0xff, 0x30, 0x00];
            assert_eq!(parse(&huge).err().as_deref(), Some("not an X.509 certificate"));
        }
        let long = [&[0x30, 0x83, 0x7f, 0xff, 0xff][..], &vec![0; certificate::LONGEST]].concat();
        assert!(parse(&long).is_err());
    }

    proptest! {
        #[test]
        fn text_and_line_ends_around_certificates_do_not_matter(
            around in "([a-zA-Z #:=/.]{0,30}\n){0,3}", times in 1_usize..4, carriage in any::<bool>(),
        ) {
            let mut text = format!("{around}{LEAF}").repeat(times) + &around;
            if carriage {
                text = text.replace('\n', "\r\n");
            }
            let found = parse(text.as_bytes());
            prop_assert_eq!(found.map(|found| found.len()), Ok(times));
        }

        #[test]
        fn any_bytes_are_certificates_or_a_reason(bytes in any::<Vec<u8>>(), der in any::<bool>()) {
            let bytes = if der { [&[0x30], bytes.as_slice()].concat() } else { bytes };
            prop_assert!(parse(&bytes).is_err_and(|reason| !reason.is_empty()));
        }
    }
}
