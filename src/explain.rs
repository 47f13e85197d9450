//! What would be asked for, and what AWS will make of it, without asking: for one who sets up a
//! certificate, a profile or a role's trust policy.

use jiff::Timestamp;

use crate::certificate::Certificate;
use crate::exchange::endpoint::Endpoint;
use crate::exchange::roles_anywhere::Session;
use crate::exchange::roles_anywhere::request::Unsigned;
use crate::identity::Chain;
use crate::identity::rules::{self, Finding};
use crate::key::public_key::{PublicKey, PublicKeyError};

mod derived;
mod policy;

pub use derived::{Derived, Tag};
pub use policy::TrustPolicy;

/// All that can be known before a signature.
pub struct Explanation {
    /// The certificate that is named in the request, then those above it that go along.
    pub chain: Vec<Certificate>,
    /// The leaf's key.
    pub key: PublicKey,
    /// The rules of the service that the leaf breaks; none, if all is well.
    pub findings: Vec<Finding>,
    /// The URL of the request.
    pub url: String,
    /// The region of the signature.
    pub region: String,
    /// The moment that the request would be signed at.
    pub time: Timestamp,
    /// The canonical request: what is hashed.
    pub canonical: String,
    /// What the key would sign.
    pub string_to_sign: String,
    /// What AWS derives from the leaf.
    pub derived: Derived,
    /// A trust policy for the role that lets this certificate in and no other.
    pub trust_policy: TrustPolicy,
    /// Whether the policy's trust anchor is an alias: policies need the canonical ARN.
    pub anchor_is_an_alias: bool,
}

impl Explanation {
    /// Explains a session that a chain would be exchanged for.
    ///
    /// # Errors
    /// When the leaf's key is of a kind that cannot sign.
    pub fn of(
        session: &Session,
        endpoint: &Endpoint,
        chain: Chain,
        now: Timestamp,
    ) -> Result<Self, PublicKeyError> {
        let key = chain.leaf.public_key()?;
        let unsigned = Unsigned::new(session, endpoint, &chain, key.scheme(), now);
        let string_to_sign = unsigned.string_to_sign();
        let derived = Derived::from(&chain.leaf, session.session_name.as_deref());
        let anchor = session.trust_anchor.as_str();
        Ok(Self {
            findings: rules::findings(&chain.leaf, now.into()),
            key,
            url: endpoint.operation(crate::exchange::roles_anywhere::PATH).to_string(),
            region: session.region.clone(),
            time: now,
            canonical: unsigned.canonical.text,
            string_to_sign,
            trust_policy: policy::of(anchor, &derived),
            anchor_is_an_alias: anchor.contains(":alias/"),
            derived,
            chain: [vec![chain.leaf], chain.intermediates].concat(),
        })
    }
}
