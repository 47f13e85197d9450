//! What the server remembers: its account, the sessions handed out, the requests seen, how to behave.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use super::account::{Account, Session};
use super::behaviour::{Behaviour, Staged};
use super::clock::Clock;
use super::http::{Refusal, Request, Response, Verdict};
use super::{Config, create_session, sts};

/// One server's memory, shared by its connections and its guard.
#[derive(Debug)]
pub(super) struct State {
    pub(super) clock: Clock,
    account: Account,
    behaviour: Mutex<Behaviour>,
    connections: AtomicUsize,
    requests: Mutex<Vec<Request>>,
    sessions: Mutex<HashMap<String, Session>>,
}

impl State {
    pub(super) fn new(config: Config) -> Self {
        Self {
            clock: Clock::default(),
            account: Account::of(config),
            behaviour: Mutex::default(),
            connections: AtomicUsize::new(0),
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

    pub(super) fn pause(&self) -> Duration {
        open(&self.behaviour).pause()
    }

    pub(super) fn connected(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// What to do about a request, which is remembered together with the verdict.
    pub(super) fn handle(&self, mut request: Request) -> Staged {
        let (staged, tamper) = {
            let mut behaviour = open(&self.behaviour);
            (behaviour.next(), behaviour.tamper())
        };
        let staged = staged.unwrap_or_else(|| {
            let (verdict, response) = self.judge(&request);
            request.verdict = verdict;
            Staged::Answer(response, tamper)
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

/// A test that panicked elsewhere leaves the values behind a lock whole.
fn open<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
