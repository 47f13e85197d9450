//! What the server remembers: its account, the sessions handed out, the requests seen, how to behave.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use super::behaviour::{Behaviour, Staged};
use super::clock::Clock;
use super::http::{Refusal, Request, Response, Verdict};
use super::{Config, create_session, sts};
use crate::openssl::Certificate;
use crate::{files, pem};

/// One server's memory, shared by its connections and its guard.
#[derive(Debug)]
pub(super) struct State {
    pub(super) clock: Clock,
    account: Account,
    behaviour: Mutex<Behaviour>,
    requests: Mutex<Vec<Request>>,
    sessions: Mutex<HashMap<String, Session>>,
}

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

impl State {
    pub(super) fn new(config: Config) -> Self {
        let anchors = config.anchors.iter().map(|path| anchor(path)).collect();
        Self {
            clock: Clock::default(),
            account: Account { config, anchors },
            behaviour: Mutex::default(),
            requests: Mutex::default(),
            sessions: Mutex::default(),
        }
    }

    pub(super) fn config(&self) -> &Config {
        &self.account.config
    }

    pub(super) fn requests(&self) -> Vec<Request> {
        open(&self.requests).clone()
    }

    pub(super) fn behave(&self, behaviour: Behaviour) {
        *open(&self.behaviour) = behaviour;
    }

    pub(super) fn is_resetting(&self) -> bool {
        matches!(*open(&self.behaviour), Behaviour::Reset)
    }

    /// What to do about a request, which is remembered together with the verdict.
    pub(super) fn handle(&self, mut request: Request) -> Staged {
        let staged = open(&self.behaviour).next();
        let staged = staged.unwrap_or_else(|| {
            let (verdict, response) = self.judge(&request);
            request.verdict = verdict;
            Staged::Answer(response)
        });
        if let Some(observer) = self.config().observer {
            observer(&request);
        }
        open(&self.requests).push(request);
        staged
    }

    fn judge(&self, request: &Request) -> (Verdict, Response) {
        let now = self.clock.now();
        let (outcome, refused): (_, fn(&Refusal) -> Response) = match request.path.as_str() {
            "/sessions" => (self.create_session(request, now), Refusal::json),
            "/" => (self.get_caller_identity(request, now), Refusal::xml),
            path => {
                let reason = format!("there is nothing at {path}");
                (Err(Refusal::new(404, "UnknownOperationException", "", reason)), Refusal::json)
            }
        };
        match outcome {
            Ok(response) => (Verdict::Granted, response),
            Err(refusal) => (Verdict::Refused(refusal.clone()), refused(&refusal)),
        }
    }

    fn create_session(&self, request: &Request, now: SystemTime) -> Result<Response, Refusal> {
        let grant = create_session::verify(request, now, &self.account)?;
        let session = grant.session(now);
        let response = grant.response(&session);
        open(&self.sessions).insert(session.access_key_id.clone(), session);
        Ok(response)
    }

    fn get_caller_identity(&self, request: &Request, now: SystemTime) -> Result<Response, Refusal> {
        let find = |access_key_id: &str| open(&self.sessions).get(access_key_id).cloned();
        sts::get_caller_identity(request, now, self.config(), find)
    }
}

/// The first certificate of a trust anchor's file.
fn anchor(path: &Path) -> Vec<u8> {
    let der = pem::certificates(&files::read(path)).into_iter().next();
    let der = der.filter(|der| Certificate::from_der(der).is_some());
    der.unwrap_or_else(|| panic!("{}: no certificate", path.display()))
}

/// A test that panicked elsewhere leaves the values behind a lock whole.
fn open<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
