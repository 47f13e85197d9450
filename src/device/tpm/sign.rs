//! One signature: a session where there is a password, the key loaded where it comes from a file, one
//! TPM2_Sign or TPM2_RSA_Decrypt, and everything removed again.

use tss_esapi::constants::tss::{TPM2_RH_NULL, TPM2_ST_HASHCHECK};
use tss_esapi::handles::KeyHandle;
use tss_esapi::interface_types::session_handles::AuthSession;
use tss_esapi::structures::{Data, HashcheckTicket, RsaDecryptionScheme};
use tss_esapi::tss2_esys::TPMT_TK_HASHCHECK;

use crate::device::tpm::link::Refused;
use crate::device::tpm::public::Input;
use crate::device::tpm::{Device, Failure, Key, Place, Tries, salt};
use crate::key::public_key::Scheme;
use crate::wire::failure::Holder;
use crate::wire::tpm::response_code as code;

impl Device<'_> {
    /// Signs a message with the selected key, and with the passwords that were kept. Without one an
    /// empty one is tried; where that is refused, [`Device::wants_password`] says so from then on.
    ///
    /// # Errors
    /// When a password is wrong or missing, or the TPM cannot or will not sign. A password that was
    /// refused is not kept.
    pub fn sign(&mut self, scheme: Scheme, message: &[u8]) -> Result<Vec<u8>, Failure> {
        let key = self.selected()?;
        let cannot = |reason: &str| Failure::Key { key: key.uri.clone(), reason: reason.into() };
        let input = key.facts.input(scheme, message);
        let input = input.ok_or_else(|| cannot("it cannot make this kind of signature"))?;
        let protected = key.facts.protected;
        self.fits()?;
        if protected && self.password.is_none() && !self.last_try && self.tries()? == Tries::One {
            return Err(Failure::PinAtLastTry { of: self.holder() });
        }
        self.holding(|device| device.signed(&input))
    }

    /// Whether the TPM takes a key that comes from a file, before a person is asked for its password.
    /// A key at a handle is there already.
    ///
    /// # Errors
    /// When it is from another TPM, or its parent wants a password.
    pub fn check(&mut self) -> Result<(), Failure> {
        self.selected()?;
        self.holding(|device| {
            let (session, primary) = device.session()?;
            device.load(session, primary).map(drop)
        })
    }

    fn selected(&self) -> Result<&Key, Failure> {
        self.key.as_ref().ok_or(Failure::Protocol)
    }

    /// Whether the key could have such a password at all.
    fn fits(&mut self) -> Result<(), Failure> {
        let longest = self.selected()?.facts.longest_password;
        let long = self.password.take_if(|pin| pin.secret.expose().len() > longest);
        long.map_or(Ok(()), |pin| {
            Err(Failure::PinSource {
                of: self.holder(),
                origin: pin.origin,
                reason: format!("the key takes passwords of {longest} bytes at most"),
            })
        })
    }

    fn signed(&mut self, input: &Input) -> Result<Vec<u8>, Failure> {
        let (session, primary) = self.session()?;
        let key = self.load(session, primary)?;
        if let Some(pin) = &self.password {
            self.link.tell(key.into(), &pin.secret)?;
        }
        let facts = &self.key.as_ref().ok_or(Failure::Protocol)?.facts;
        let output = match input {
            Input::Block(block) => self
                .link
                .call_with(session, "TPM2_RSA_Decrypt", |context| {
                    let scheme = RsaDecryptionScheme::Null;
                    context.rsa_decrypt(key, block.clone(), scheme, Data::default())
                })
                .map(|output| facts.decrypted(&output)),
            Input::Digest(digest, scheme) => self
                .link
                .call_with(session, "TPM2_Sign", |context| {
                    context.sign(key, digest.clone(), *scheme, no_ticket()?)
                })
                .map(|output| facts.signature(&output)),
        };
        match output {
            Ok(Some(signature)) => Ok(signature),
            Ok(None) => {
                let reason = "what the TPM gave is no signature of this kind".to_owned();
                Err(Failure::Key { key: self.key(), reason })
            }
            Err(refused) => Err(self.refused(&refused)),
        }
    }

    /// A session that hides passwords where there are any: an empty one is nothing to hide.
    fn session(&mut self) -> Result<(AuthSession, Option<KeyHandle>), Failure> {
        if self.password.is_none() && self.parent_password.is_none() {
            return Ok((AuthSession::Password, None));
        }
        let keep = self.is_under_the_owners_primary();
        let salted = salt::start(&mut self.link, keep)?;
        Ok((salted.session, salted.primary))
    }

    /// The key's handle. Two places are taken while it is loaded, one from then on.
    fn load(
        &mut self,
        session: AuthSession,
        primary: Option<KeyHandle>,
    ) -> Result<KeyHandle, Failure> {
        let (parent, private, public) = match &self.selected()?.place {
            Place::Handle(handle) => return Ok((*handle).into()),
            Place::File(file) => file.as_ref().clone(),
        };
        let handle = self.parent(parent, session, primary)?;
        let loaded = self.link.call_with(session, "TPM2_Load", |context| {
            context.load(handle, private.clone(), public.clone())
        });
        self.link.release(handle);
        let key = loaded.map_err(|refused| {
            if refused.is(code::is_wrong_password) || refused.is(code::is_lockout) {
                self.parent_refused(&refused, parent)
            } else {
                refused.failure(&self.key())
            }
        })?;
        self.link.keep(key);
        Ok(key)
    }

    /// Why a signature was refused. A password that was is not kept.
    fn refused(&mut self, refused: &Refused) -> Failure {
        let uri = self.key();
        if refused.is(code::is_lockout) {
            return self.locked(false);
        }
        if !refused.is(code::is_wrong_password) {
            return refused.failure(&uri);
        }
        match self.password.take() {
            Some(pin) => {
                let tries = self.tries_after(refused);
                Failure::PinWrong { of: Holder::TpmKey(uri), origin: pin.origin, tries }
            }
            None => {
                if let Some(key) = &mut self.key {
                    key.may_be_open = false;
                }
                refused.failure(&uri)
            }
        }
    }
}

/// A hash that was made outside of the TPM (Part 2 §10.7.6): keys that are not restricted take it.
fn no_ticket() -> tss_esapi::Result<HashcheckTicket> {
    HashcheckTicket::try_from(TPMT_TK_HASHCHECK {
        tag: TPM2_ST_HASHCHECK,
        hierarchy: TPM2_RH_NULL,
        digest: Default::default(),
    })
}
