//! Temporary AWS credentials, as every exchange gives them and every output takes them.

use jiff::Timestamp;

use crate::secret::Secret;

/// One set of temporary credentials.
pub struct Credentials {
    /// Such as `ASIA…`; not secret.
    pub access_key_id: String,
    /// The secret access key.
    pub secret_access_key: Secret,
    /// The session token; it has no fixed maximum length.
    pub session_token: Secret,
    /// When they end.
    pub expiration: Timestamp,
}
