//! IAM Roles Anywhere: CreateSession (API version 2018-05-10), signed with the certificate's key.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::OnceCell;
use tracing::debug;

use crate::aside::aside;
use crate::credentials::Credentials;
use crate::deadline::Deadline;
use crate::exchange::Error;
use crate::exchange::arn::Arn;
use crate::exchange::endpoint::Endpoint;
use crate::exchange::http::{Answer, Client, Opening};
use crate::identity::Identity;
use crate::timing::Phase;

pub mod answer;
pub mod request;

use request::{Signed, Unsigned};

/// The path of CreateSession, below that of the endpoint.
pub const PATH: &str = "/sessions";

/// What is asked for. All of it has been checked.
#[derive(Clone)]
pub struct Session {
    /// Canonical or alias ARN.
    pub trust_anchor: Arn,
    /// Canonical or alias ARN.
    pub profile: Arn,
    /// The role.
    pub role: Arn,
    /// The region of the signature: that of the endpoint.
    pub region: String,
    /// Seconds, 900 to 43200.
    pub duration: u32,
    /// The role session's name, where the profile accepts one.
    pub session_name: Option<String>,
}

/// An exchange of an identity for a role's credentials.
pub struct RolesAnywhere {
    identity: Arc<Identity>,
    session: Session,
    endpoint: Endpoint,
    opening: Mutex<Option<Opening>>,
    client: OnceCell<Client>,
    clock_ahead: AtomicI64,
}

impl RolesAnywhere {
    /// An exchange whose client is still being made.
    #[must_use]
    pub fn new(identity: Identity, session: Session, endpoint: Endpoint, opening: Opening) -> Self {
        let (identity, opening) = (Arc::new(identity), Mutex::new(Some(opening)));
        let clock_ahead = AtomicI64::new(0);
        Self { identity, session, endpoint, opening, client: OnceCell::new(), clock_ahead }
    }

    /// Signs once, asks, and checks the answer. Where the service refuses because this computer's
    /// clock is wrong, it is asked once more with the service's time.
    ///
    /// # Errors
    /// When the device, the network or the service fails, or does not answer in time.
    pub async fn credentials(
        &self,
        now: SystemTime,
        deadline: &Deadline,
    ) -> Result<Credentials, Error> {
        let now = Timestamp::try_from(now).unwrap_or(Timestamp::UNIX_EPOCH);
        let mut answer = self.ask(now, deadline).await?;
        let mut time = now;
        if let Some(ahead) = answer::blames_the_clock(&answer) {
            debug!("the service's clock is {ahead} s ahead of ours: signing with its time");
            time = now.saturating_add(SignedDuration::from_secs(ahead)).unwrap_or(now);
            answer = self.ask(time, deadline).await?;
        }
        self.clock_ahead.store(answer.clock_ahead.unwrap_or(0), Ordering::Relaxed);
        self.granted(&answer, time)
    }

    /// Who asks.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// How far the service's clock was ahead of ours at its last answer, in seconds.
    #[must_use]
    pub fn clock_ahead(&self) -> i64 {
        self.clock_ahead.load(Ordering::Relaxed)
    }

    async fn ask(&self, time: Timestamp, deadline: &Deadline) -> Result<Answer, Error> {
        let signed = {
            let _phase = Phase::start("sign");
            self.signed(time).await?
        };
        // It ends while the service answers.
        self.identity.release();
        let client = tokio::time::timeout(deadline.left(), self.client()).await;
        let client = client.unwrap_or_else(|_| Err(self.timed_out(deadline)))?;
        let _phase = Phase::start("CreateSession");
        let answer = client.post(PATH, &signed.headers, &signed.body, deadline).await?;
        debug!("{} answered {}", self.endpoint.host(), answer.status);
        Ok(answer)
    }

    /// The connection goes on being made while the device signs.
    async fn signed(&self, time: Timestamp) -> Result<Signed, Error> {
        let (chain, scheme) = (self.identity.chain(), self.identity.scheme());
        let unsigned = Unsigned::new(&self.session, &self.endpoint, chain, scheme, time);
        let to_sign = unsigned.string_to_sign();
        debug!("string to sign: {to_sign:?}");
        let identity = Arc::clone(&self.identity);
        let sign = move || identity.sign(to_sign.as_bytes());
        let connecting = self.opening().as_ref().is_some_and(Opening::is_connecting);
        // Here where nothing is held up by it: a thread more costs time, and for a key in a file the
        // cryptographic library would seed another generator.
        let signature = if connecting { aside(sign).await } else { Ok(sign()) };
        Ok(unsigned.signed(&signature.map_err(Error::System)??))
    }

    fn timed_out(&self, deadline: &Deadline) -> Error {
        Error::TimedOut { host: self.endpoint.host(), waited: deadline.allowed() }
    }

    fn opening(&self) -> MutexGuard<'_, Option<Opening>> {
        self.opening.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn client(&self) -> Result<&Client, Error> {
        let opened = || async {
            let opening = self.opening().take();
            match opening {
                Some(opening) => opening.client().await,
                None => Err(Error::Roots { reason: "they could not be read before".to_owned() }),
            }
        };
        self.client.get_or_try_init(opened).await
    }

    fn granted(&self, answer: &Answer, now: Timestamp) -> Result<Credentials, Error> {
        let host = self.endpoint.host();
        if answer.status != 201 {
            return Err(Error::Refused { host, refusal: answer::refusal(answer) });
        }
        let granted = answer::granted(&answer.body, self.session.role.as_str(), now);
        granted.map_err(|reason| Error::Answer { host, reason: reason.to_owned() })
    }
}

#[cfg(test)]
mod tests;
