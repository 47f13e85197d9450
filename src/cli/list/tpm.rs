//! What a TPM answered, as a document.

use crate::cli::list::files::{Files, fingerprint};
use crate::cli::list::tokens::device_problem;
use crate::output::list::{Lockout, Tpm, TpmKey, Verdict};
use crate::signer::hosted::tpm::Asked;
use crate::wire::tpm as facts;

pub(super) fn shown(asked: &Asked, files: &Files) -> Tpm {
    let listed = asked.keys.as_ref().ok();
    Tpm {
        tcti: asked.tcti.clone(),
        milliseconds: u64::try_from(asked.took.as_millis()).unwrap_or(u64::MAX),
        problem: asked.keys.as_ref().err().map(device_problem),
        lockout: listed.and_then(|listed| listed.lockout).map(|state| Lockout {
            locked: state.locked,
            failed: state.failed,
            most: state.most,
            interval: state.interval,
        }),
        keys: listed.iter().flat_map(|l| &l.keys).filter_map(|key| self::key(key, files)).collect(),
        more_keys: listed.map_or(0, |listed| listed.more),
    }
}

fn key(key: &facts::Key, files: &Files) -> Option<TpmKey> {
    let handle = format!("{:#010x}", key.handle?);
    let public_key_sha256 = fingerprint(&key.kind);
    let certificates: Vec<_> =
        public_key_sha256.iter().flat_map(|known| files.certifying(known)).collect();
    Some(TpmKey {
        uri: key.unusable.is_none().then(|| format!("tpm:handle={handle}")),
        handle,
        kind: key.kind.name.clone(),
        attributes: key.attributes.clone(),
        protected: key.protected,
        unusable: key.unusable.clone(),
        public_key_sha256,
        certificate: Verdict::on(&certificates),
        certificates,
    })
}
