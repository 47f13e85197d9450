//! What the HTTP library's errors mean: no connection, no trust, or no whole answer; and whether the
//! next attempt may bring what this one did not.

use std::error::Error as StdError;
use std::io::{self, ErrorKind};

use crate::exchange::Error;
use crate::exchange::http::{CONNECT, resolver};
use crate::paths;

/// Why an attempt brought no answer.
pub(super) struct Failure {
    error: Box<Error>,
    /// Whether it may be another one the next time.
    pub(super) passing: bool,
}

impl Failure {
    /// One that no further attempt would mend.
    pub(super) fn last(error: Error) -> Self {
        Self { error: Box::new(error), passing: false }
    }

    fn passing(error: Error) -> Self {
        Self { error: Box::new(error), passing: true }
    }

    /// Before the head of an answer was there. TLS failures are final: the certificate will be the
    /// same at the next attempt.
    pub(super) fn of_request(host: String, error: &reqwest::Error) -> Self {
        if error.is_connect() && error.is_timeout() {
            let reason = format!("no connection within {CONNECT:?}");
            return Self::passing(Error::Unreachable { host, reason });
        }
        if let Some(error) = found::<rustls::Error>(error) {
            return Self::last(Error::Insecure { host, reason: error.to_string() });
        }
        if let Some(resolver::Error::System(error)) = found(error) {
            return Self::passing(Error::System(io::Error::other(error.to_string())));
        }
        if found(error).is_some_and(hyper::Error::is_parse) {
            let reason = "its head is not that of an HTTP answer, or too long".to_owned();
            return Self::last(Error::Answer { host, reason });
        }
        let closed = found(error).is_some_and(hyper::Error::is_incomplete_message)
            || kind(error) == Some(ErrorKind::UnexpectedEof);
        let reason = if closed {
            "the connection was closed before the answer was whole".to_owned()
        } else {
            innermost(error)
        };
        Self::passing(Error::Unreachable { host, reason })
    }

    /// In the midst of an answer.
    pub(super) fn of_answer(host: String, error: &reqwest::Error) -> Self {
        if let Some(error) = found::<rustls::Error>(error) {
            return Self::last(Error::Insecure { host, reason: error.to_string() });
        }
        let reason = match kind(error) {
            Some(ErrorKind::InvalidInput | ErrorKind::InvalidData) => innermost(error),
            _ => "it ended before it was whole".to_owned(),
        };
        Self::passing(Error::Answer { host, reason })
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        *failure.error
    }
}

/// reqwest's own text hides the cause: the innermost says most.
pub(super) fn innermost(error: &reqwest::Error) -> String {
    let innermost = causes(error).last().unwrap_or(error);
    match innermost.downcast_ref::<io::Error>() {
        Some(error) => paths::reason(error),
        None => innermost.to_string(),
    }
}

/// The outermost cause of that type.
fn found<E: StdError + 'static>(error: &reqwest::Error) -> Option<&E> {
    causes(error).find_map(|cause| cause.downcast_ref())
}

fn kind(error: &reqwest::Error) -> Option<ErrorKind> {
    found(error).map(io::Error::kind)
}

/// The error and what caused it, outermost first. An I/O error shows what it wraps by its own method,
/// and skips it as its source.
fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn StdError + 'static)> {
    let first: &(dyn StdError + 'static) = error;
    std::iter::successors(Some(first), |&current| {
        let wrapped = current.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        wrapped.map(|wrapped| wrapped as &(dyn StdError + 'static)).or(current.source())
    })
}
