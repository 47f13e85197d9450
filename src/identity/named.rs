//! A key and its certificate as they were named, before they are an identity: what the files say,
//! and what is opened for the rest. What is wrong with files is known before a device is touched.

use std::path::PathBuf;
use std::time::SystemTime;

use crate::certificate::Certificate;
use crate::identity::{Chain, Error, Identity, chain, files, rules};
use crate::key::tpm::TpmKey;
use crate::key::uri::Pkcs11Uri;
use crate::key::{KeyRef, PublicKey};
use crate::signer::file::FileKey;
use crate::signer::hosted::{self, HostedKey};
use crate::signer::{Settings, Signer, tpm};
use crate::timing::Phase;

/// What names a key and its certificates, and how its device is run.
pub struct Named {
    /// The key.
    pub key: KeyRef,
    /// Its certificate, if not beside the key.
    pub certificate: Option<KeyRef>,
    /// A file of certificates between it and the trust anchor.
    pub intermediates: Option<PathBuf>,
    /// How device hosts are run.
    pub settings: Settings,
}

/// The certificates of the files that were named.
pub struct Files {
    /// Intermediates.
    pub pool: Vec<Certificate>,
    /// The leaf, perhaps with more.
    pub found: Vec<Certificate>,
}

impl Files {
    /// Whether the leaf keeps the rules: what is wrong with it is known before any device is
    /// touched.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn check(&self, now: SystemTime) -> Result<(), Error> {
        chain::certain_leaf(&self.found).map_or(Ok(()), |leaf| rules::check(leaf, now))?;
        self.expected().map(drop)
    }

    /// The key that the leaf is for; unknown where the file could hold several leaves.
    ///
    /// # Errors
    /// When the service takes no such key.
    pub fn expected(&self) -> Result<Option<PublicKey>, Error> {
        let Some(leaf) = chain::certain_leaf(&self.found) else { return Ok(None) };
        let unsupported =
            |source| Error::UnsupportedKey { subject: format!("'{}'", leaf.subject()), source };
        Ok(Some(leaf.public_key().map_err(unsupported)?))
    }
}

impl Named {
    /// What the files say.
    ///
    /// # Errors
    /// When one cannot be read, or holds none.
    pub fn files(&self) -> Result<Files, Error> {
        let pool = self.intermediates.as_deref().map_or(Ok(Vec::new()), files::read)?;
        let found = match &self.certificate {
            Some(KeyRef::File(path)) => files::read(path)?,
            Some(_) => Vec::new(),
            None => beside(&self.key)?,
        };
        Ok(Files { pool, found })
    }

    /// The key, and its certificate from the files or from the device.
    ///
    /// # Errors
    /// When they cannot be had, or do not belong together.
    pub fn identity(&self, files: Files, now: SystemTime) -> Result<Identity, Error> {
        let (signer, Files { pool, found }) = self.pair(files)?;
        let _phase = Phase::start("certificates");
        Identity::prove(signer, found, pool, now)
    }

    /// The same as far as it can be known without proof: for one who wants to know what is wrong.
    ///
    /// # Errors
    /// When the key or its certificate cannot be had.
    pub fn chain(&self, files: Files, now: SystemTime) -> Result<Chain, Error> {
        let (signer, Files { pool, found }) = self.pair(files)?;
        Chain::of(&*signer, found, pool, now, &|_| Ok(()))
    }

    fn pair(&self, mut files: Files) -> Result<(Box<dyn Signer>, Files), Error> {
        let signer = {
            let _phase = Phase::start("find the key");
            self.signer(files.expected()?.as_ref())?
        };
        self.complete(&mut files, &*signer)?;
        Ok((signer, files))
    }

    /// The key; `expected` decides among several, and stands in for a public half that its device
    /// does not show.
    ///
    /// # Errors
    /// When there is no such key, or its device fails.
    pub fn signer(&self, expected: Option<&PublicKey>) -> Result<Box<dyn Signer>, Error> {
        Ok(match &self.key {
            KeyRef::File(path) => Box::new(FileKey::read(path)?),
            KeyRef::Piv(key) => Box::new(HostedKey::open_piv(key, expected, &self.settings)?),
            KeyRef::Pkcs11(uri) => Box::new(HostedKey::open(uri, expected, &self.settings)?),
            KeyRef::Tpm(key) => Box::new(HostedKey::open_tpm(key, &self.settings)?),
        })
    }

    /// Adds the certificate that a URI names.
    ///
    /// # Errors
    /// When it cannot be read, or is none.
    pub fn complete(&self, files: &mut Files, signer: &dyn Signer) -> Result<(), Error> {
        let Some(KeyRef::Pkcs11(uri)) = &self.certificate else { return Ok(()) };
        files.found = self.certificates(uri, signer)?;
        // What was named does not parse: another one must not take its place in silence.
        if files.found.is_empty() { Err(Error::NoCertificate) } else { Ok(()) }
    }

    /// From the key's own host, unless the certificate's URI names another module.
    fn certificates(
        &self,
        uri: &Pkcs11Uri,
        signer: &dyn Signer,
    ) -> Result<Vec<Certificate>, Error> {
        let same_host = match &self.key {
            KeyRef::File(_) | KeyRef::Piv(_) | KeyRef::Tpm(_) => false,
            KeyRef::Pkcs11(key) => hosted::same_modules(key, uri, &self.settings)?,
        };
        if same_host {
            return Ok(signer.certificates(&hosted::at(uri))?);
        }
        let mut settings = self.settings.clone();
        if matches!(self.key, KeyRef::Pkcs11(_)) {
            // Those of the command line are for the key's module and its token.
            (settings.init_args, settings.pin_file) = (None, None);
            settings.pin = settings.pin.withholding();
        }
        Ok(hosted::certificates(uri, &settings)?)
    }
}

/// A certificate in the file of a TPM's key is its own.
fn beside(key: &KeyRef) -> Result<Vec<Certificate>, Error> {
    if let KeyRef::Tpm(reference) = key
        && let TpmKey::File(path) = &reference.key
    {
        tpm::read(path)?;
        return files::beside(path);
    }
    Ok(Vec::new())
}
