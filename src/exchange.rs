//! The cloud edge: an identity, exchanged for temporary credentials.

use std::time::SystemTime;

use crate::credentials::Credentials;
use crate::deadline::Deadline;
use crate::identity::{self, Identity};

pub mod arn;
pub mod endpoint;
pub mod http;
pub mod proxy;
pub mod roles_anywhere;
pub mod sigv4_x509;

pub use roles_anywhere::RolesAnywhere;

/// A way to get credentials; each is built with what it owns.
pub enum Exchange {
    /// IAM Roles Anywhere, CreateSession.
    RolesAnywhere(Box<RolesAnywhere>),
}

impl Exchange {
    /// Asks for credentials.
    ///
    /// # Errors
    /// When the device, the network or the service fails, or does not answer in time.
    pub async fn credentials(
        &self,
        now: SystemTime,
        deadline: &Deadline,
    ) -> Result<Credentials, Error> {
        match self {
            Self::RolesAnywhere(exchange) => exchange.credentials(now, deadline).await,
        }
    }

    /// Who asks.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        match self {
            Self::RolesAnywhere(exchange) => exchange.identity(),
        }
    }

    /// How far the service's clock was ahead of ours at its last answer, in seconds.
    #[must_use]
    pub fn clock_ahead(&self) -> i64 {
        match self {
            Self::RolesAnywhere(exchange) => exchange.clock_ahead(),
        }
    }
}

/// Why there are no credentials.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An answer that is not what the service documents.
    #[error("{host} sent an answer that cannot be used")]
    Answer {
        /// Who sent it.
        host: String,
        /// What is wrong with it.
        reason: String,
    },
    /// This computer's clock is further off than signatures may be.
    #[error("this computer's clock is {} seconds {}", ahead.abs(), if *ahead > 0 { "slow" } else { "fast" })]
    Clock {
        /// How far the service's clock is ahead of ours, in seconds.
        ahead: i64,
    },
    /// The server is not who it should be, or TLS fails otherwise.
    #[error("{host} cannot be trusted")]
    Insecure {
        /// Who was asked.
        host: String,
        /// What TLS said.
        reason: String,
    },
    /// The key or the device fails.
    #[error(transparent)]
    Identity(#[from] identity::Error),
    /// The service refuses.
    #[error("{host} refused the request: {}", refusal.kind)]
    Refused {
        /// Who refused.
        host: String,
        /// With what words.
        refusal: Refusal,
    },
    /// No thread could be started.
    #[error("this computer is out of resources")]
    System(std::io::Error),
    /// No answer in time.
    #[error("{host} did not answer within {waited:?}")]
    TimedOut {
        /// Who was asked.
        host: String,
        /// How long the run was allowed to take.
        waited: std::time::Duration,
    },
    /// A trusted-certificates file that cannot be used.
    #[error("the CA certificates cannot be read")]
    Roots {
        /// Which file, and why not.
        reason: String,
    },
    /// The service cannot be reached.
    #[error("{host} cannot be reached")]
    Unreachable {
        /// Who was asked.
        host: String,
        /// What the network said.
        reason: String,
    },
}

/// A refusal in the service's own words. They are foreign text: escaped and cut before they are
/// shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusal {
    /// Such as `AccessDeniedException`.
    pub kind: String,
    /// Such as `Untrusted signing certificate`.
    pub message: String,
    /// The HTTP status.
    pub status: u16,
    /// `x-amzn-RequestId`, for support.
    pub request_id: Option<String>,
    /// How far the service's clock is ahead of ours, in seconds, by its Date header.
    pub clock_ahead: Option<i64>,
}
