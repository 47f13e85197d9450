//! A certificate chain and the key it belongs to, proved to belong together: what a credential is
//! asked for with. Everything that can be wrong with the pair is found here, before any network
//! and, where the token shows what is public, before any PIN.

use std::path::PathBuf;
use std::time::SystemTime;

use crate::certificate::Certificate;
use crate::key::public_key::{PublicKeyError, Scheme};
use crate::paths;
use crate::signer::{self, Signer};
use crate::wire::Wanted;

pub mod chain;
pub mod files;
pub mod rules;

/// A leaf certificate, the intermediates above it, and the signer of the leaf's key.
pub struct Identity {
    leaf: Certificate,
    intermediates: Vec<Certificate>,
    signer: Box<dyn Signer>,
}

/// Why there is no identity.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A certificate file that cannot be read.
    #[error("the certificate file cannot be read")]
    File(#[from] paths::Error),
    /// The key or the device fails.
    #[error(transparent)]
    Key(#[from] signer::Error),
    /// The certificate is another key's.
    #[error("the certificate does not belong to the key")]
    KeyDiffers {
        /// Subject and kind of key of the certificate.
        certificate: String,
        /// The kind of key that signs.
        key: String,
    },
    /// More than one valid certificate for the key.
    #[error("{} certificates fit the key", subjects.len())]
    Ambiguous {
        /// Their subjects.
        subjects: Vec<String>,
    },
    /// None was found.
    #[error("no certificate for the key was found")]
    NoCertificate,
    /// A file without a certificate, or with something that is not well-formed.
    #[error("{} is not a usable file of certificates", path.display())]
    NotCertificates {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The certificate breaks a rule of the service.
    #[error("the certificate {subject} cannot be used")]
    Rule {
        /// Whose.
        subject: String,
        /// Which rule.
        finding: rules::Finding,
    },
    /// The device made a signature that its own public key does not verify.
    #[error("the signature does not verify with the public key")]
    SignatureDiffers,
    /// A kind of key that the service does not take.
    #[error("the certificate {subject} cannot be used")]
    UnsupportedKey {
        /// Whose.
        subject: String,
        /// Which kind.
        source: PublicKeyError,
    },
}

impl Identity {
    /// Pairs a key with its certificate, which is taken from `found` or, when that is empty, from
    /// beside the key; and finds the intermediates in `pool` or on the token.
    ///
    /// # Errors
    /// When they do not belong together, or the certificate breaks a rule of the service.
    pub fn prove(
        signer: Box<dyn Signer>,
        found: Vec<Certificate>,
        pool: Vec<Certificate>,
        now: SystemTime,
    ) -> Result<Self, Error> {
        let on_token = found.is_empty();
        let mut found = if on_token { signer.certificates(&Wanted::BesideKey)? } else { found };
        if on_token {
            // A token holds other keys' certificates too: those are not wrong, just not this one's.
            found.retain(|certificate| certificate.certifies(signer.public_key()));
        }
        let leaf = chain::leaf(&found, signer.public_key(), now)?;
        rules::check(&leaf, now)?;
        let mut pool: Vec<_> = pool.into_iter().chain(found).collect();
        let mut intermediates = chain::above(&leaf, &mut |of| chain::issuer(of, &pool, now));
        if intermediates.is_empty() {
            let mut ask = |of: &Certificate| chain::issuer_on_token(of, &*signer, &mut pool, now);
            intermediates = chain::above_or_fail(&leaf, &mut ask)?;
        }
        Ok(Self { leaf, intermediates, signer })
    }

    /// The certificate that is named in requests.
    #[must_use]
    pub fn leaf(&self) -> &Certificate {
        &self.leaf
    }

    /// From the leaf's issuer upward, without the root; five at most.
    #[must_use]
    pub fn intermediates(&self) -> &[Certificate] {
        &self.intermediates
    }

    /// How this key signs for SigV4-X509.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.signer.public_key().scheme()
    }

    /// Asks for a PIN now, where one is needed: a signature holds a time, and a person's time must
    /// not pass between that and the request.
    ///
    /// # Errors
    /// When the person or the device refuses.
    pub fn unlock(&self) -> Result<(), Error> {
        Ok(self.signer.unlock()?)
    }

    /// One signature, verified with the leaf's own key before anybody else sees it.
    ///
    /// # Errors
    /// When the device fails, or signs wrongly.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let scheme = self.scheme();
        let signature = self.signer.sign(scheme, message)?;
        let verified =
            self.leaf.public_key().is_ok_and(|key| key.verifies(scheme, message, &signature));
        if verified { Ok(signature) } else { Err(Error::SignatureDiffers) }
    }

    /// No further signature is expected soon.
    pub fn release(&self) {
        self.signer.release();
    }
}
