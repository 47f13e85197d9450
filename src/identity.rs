//! A certificate chain and the key it belongs to, proved to belong together: what a credential is
//! asked for with. Everything that can be wrong with the pair is found here, before any network
//! and, where the token shows what is public, before any PIN.

use std::path::PathBuf;
use std::time::SystemTime;

use crate::certificate::Certificate;
use crate::key::public_key::{PublicKeyError, Scheme};
use crate::paths;
use crate::signer::{self, Signer};

pub mod chain;
pub mod files;
pub mod named;
pub mod rules;

pub use chain::Chain;

/// A certificate chain and the signer of its leaf's key.
pub struct Identity {
    chain: Chain,
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
    /// Certificates that were given to lead on from the leaf, and do not.
    #[error("the intermediate certificates do not lead on from {subject}")]
    Astray {
        /// The last certificate that is signed by none of them, or by one that is not valid now.
        subject: String,
        /// What is wrong.
        reason: String,
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
        let chain = Chain::of(&*signer, found, pool, now, &|leaf| rules::check(leaf, now))?;
        Ok(Self { chain, signer })
    }

    /// What is named in requests.
    #[must_use]
    pub fn chain(&self) -> &Chain {
        &self.chain
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
            self.chain.leaf.public_key().is_ok_and(|key| key.verifies(scheme, message, &signature));
        if verified { Ok(signature) } else { Err(Error::SignatureDiffers) }
    }

    /// No further signature is expected soon.
    pub fn release(&self) {
        self.signer.release();
    }
}
