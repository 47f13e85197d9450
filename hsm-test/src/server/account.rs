//! The pretended account: its trust anchors and what else can be looked up, and the sessions of it
//! that were handed out.

use std::path::Path;
use std::time::SystemTime;

use super::Config;
use crate::openssl::Certificate;
use crate::{files, pem};

/// What can be looked up in the pretended account.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) config: Config,
    /// The DER of each trust anchor, in the order of the configuration.
    pub(super) anchors: Vec<Vec<u8>>,
}

/// Credentials that were handed out.
#[derive(Clone, Debug)]
pub(super) struct Session {
    pub(super) access_key_id: String,
    pub(super) secret_access_key: String,
    pub(super) session_token: String,
    pub(super) expiration: SystemTime,
    pub(super) assumed_role_arn: String,
    pub(super) assumed_role_id: String,
}

impl Account {
    /// Reads the trust anchors of a configuration.
    pub(super) fn of(config: Config) -> Self {
        let anchors = config.anchors.iter().map(|path| anchor(path)).collect();
        Self { config, anchors }
    }
}

/// The first certificate of a trust anchor's file.
fn anchor(path: &Path) -> Vec<u8> {
    let der = pem::certificates(&files::read(path)).into_iter().next();
    let der = der.filter(|der| Certificate::from_der(der).is_some());
    der.unwrap_or_else(|| panic!("{}: no certificate", path.display()))
}
