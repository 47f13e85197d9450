//! What is told when key and certificate do not make an identity.

use crate::error::{Class, Report, device, listed};
use crate::identity::Error;
use crate::identity::rules::Finding;

pub(super) fn report(error: &Error) -> Report {
    let local = || Report::new(Class::Local, error);
    match error {
        Error::Key(error) => device::report(error),
        Error::Astray { reason, .. } => local()
            .cause(reason)
            .hint("give the certificates between it and the trust anchor with --intermediates"),
        Error::Ambiguous { subjects } => local()
            .cause(listed(subjects))
            .hint("give one of them with --certificate, as a file or as a URI with its id or label"),
        Error::File(source) => local().cause(source.to_string()).hint("check the path after --certificate or --intermediates"),
        Error::KeyDiffers { certificate, key } => local()
            .cause(format!("{certificate}, and the key is another one of type {key}"))
            .hint("give the certificate that was issued for this key, or the key that it was issued for"),
        Error::NoCertificate => local()
            .cause("none was found that certifies it, in what was given or beside it")
            .hint("give the certificate with --certificate"),
        Error::NotCertificates { reason, .. } => local()
            .cause(reason)
            .hint("give certificates in PEM (-----BEGIN CERTIFICATE-----), or one in DER"),
        Error::Rule { finding, .. } => local().cause(finding.to_string()).hint(advice(finding)),
        Error::SignatureDiffers => local()
            .cause("the device signed with another key, or wrongly; nothing was sent")
            .hint("check that the certificate was issued for this key; --debug shows the calls"),
        Error::UnsupportedKey { source, .. } => local()
            .cause(source.to_string())
            .hint("the service takes RSA keys from 2048 bits, and EC keys on P-256, P-384 and P-521"),
    }
}

fn advice(finding: &Finding) -> &'static str {
    match finding {
        Finding::Ca => "give the certificate that was issued for the key, not its issuer's",
        Finding::Expired { .. } => {
            "have a new certificate issued for this key, or correct this computer's clock"
        }
        Finding::NotYetValid { .. } => "correct this computer's clock, or wait",
        Finding::NoDigitalSignature => {
            "have the certificate issued anew with key usage digitalSignature"
        }
        Finding::EmptySubject | Finding::Serial | Finding::Version | Finding::WeakSignature => {
            "have the certificate issued anew; IAM Roles Anywhere would refuse this one"
        }
    }
}
