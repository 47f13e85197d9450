//! How the server misbehaves on request.

use std::time::Duration;

use super::body::Tamper;
use super::http::{Refusal, Response, owned};

/// What the server does with a request, on either service.
#[derive(Clone, Debug, Default)]
pub enum Behaviour {
    /// Reads the request, then closes the connection without an answer.
    Close,
    /// Verifies it and answers accordingly, one byte each time: the head as well as the body.
    Drip {
        /// The time between two bytes.
        every: Duration,
    },
    /// Answers 201 with a body that has no end.
    Endless {
        /// What Content-Length says; chunked without it.
        promised: Option<u64>,
    },
    /// Reads the request and never answers.
    Hang,
    /// Answers with these words, whatever the request.
    Raw {
        /// The HTTP status.
        status: u16,
        /// Header names and values.
        headers: Vec<(String, String)>,
        /// The body.
        body: Vec<u8>,
    },
    /// Refuses as the service would.
    Refuse {
        /// The HTTP status.
        status: u16,
        /// The error's type, like `AccessDeniedException`.
        kind: String,
        /// The error's message.
        message: String,
    },
    /// Reads the request, then breaks the connection; on a connection made after this was set, with a TCP reset.
    Reset,
    /// Answers that often with this status, then verifies.
    Throttle {
        /// How many requests are turned away.
        times: u32,
        /// 429, or 500 and above.
        status: u16,
    },
    /// Verifies it and answers accordingly, but breaks off in the middle of the body.
    Truncate {
        /// In the middle of a chunk; otherwise before the end that Content-Length promises.
        chunked: bool,
    },
    /// Verifies it and answers accordingly.
    #[default]
    Verify,
}

/// What is done instead of verifying.
#[derive(Debug)]
pub(super) enum Staged {
    Answer(Response, Tamper),
    Break,
    Silence,
}

impl Behaviour {
    /// A page for people instead of an answer, as proxies give it.
    pub fn html(status: u16) -> Self {
        Self::raw(status, &[("content-type", "text/html")], "<html><h1>Bad gateway</h1></html>")
    }

    /// Sends the client to another address.
    pub fn redirect(status: u16, location: &str) -> Self {
        Self::raw(status, &[("location", location)], "")
    }

    /// A session without credentials.
    pub fn empty_set() -> Self {
        Self::raw(201, &[], r#"{"credentialSet":[],"subjectArn":""}"#)
    }

    /// A session with these credentials, by the names and values of their members.
    pub fn session(credentials: &[(&str, &str)]) -> Self {
        let members: serde_json::Map<String, serde_json::Value> =
            credentials.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let body = serde_json::json!({ "credentialSet": [{ "credentials": members }] });
        Self::raw(201, &[], &body.to_string())
    }

    /// A session that ended long ago.
    pub fn expired() -> Self {
        Self::session(&[
            ("accessKeyId", "ASIAEXAMPLE"),
            ("secretAccessKey", "secret"),
            ("sessionToken", "token"),
            ("expiration", "2020-01-01T00:00:00Z"),
        ])
    }

    /// These words, whatever the request.
    pub fn raw(status: u16, headers: &[(&str, &str)], body: &str) -> Self {
        Self::Raw { status, headers: owned(headers), body: body.as_bytes().to_vec() }
    }

    /// The time between two bytes of whatever is sent.
    pub(super) fn pause(&self) -> Duration {
        match self {
            Self::Drip { every } => *every,
            _ => Duration::ZERO,
        }
    }

    /// What becomes of an answer that verifying has given.
    pub(super) fn tamper(&self) -> Tamper {
        match self {
            Self::Truncate { chunked: true } => Tamper::CutChunk,
            Self::Truncate { chunked: false } => Tamper::CutShort,
            _ => Tamper::Nothing,
        }
    }

    /// What to do with the next request; `None` is to verify it.
    pub(super) fn next(&mut self) -> Option<Staged> {
        let answer = |response| Some(Staged::Answer(response, Tamper::Nothing));
        match self {
            Self::Close | Self::Reset => Some(Staged::Break),
            Self::Drip { .. } | Self::Truncate { .. } | Self::Verify => None,
            Self::Endless { promised } => {
                let json = owned(&[("content-type", "application/json")]);
                let response = Response { status: 201, headers: json, body: b" ".to_vec() };
                Some(Staged::Answer(response, Tamper::Endless { promised: *promised }))
            }
            Self::Hang => Some(Staged::Silence),
            Self::Raw { status, headers, body } => {
                answer(Response { status: *status, headers: headers.clone(), body: body.clone() })
            }
            Self::Refuse { status, kind, message } => {
                let refusal = Refusal::new(*status, kind, message.clone(), "the lab was told to");
                answer(refusal.json())
            }
            Self::Throttle { times, status } => {
                *times = times.checked_sub(1)?;
                answer(turned_away(*status).json())
            }
        }
    }
}

/// What AWS says when it has too much to do.
fn turned_away(status: u16) -> Refusal {
    let (kind, message) = match status {
        429 => ("ThrottlingException", "Rate exceeded"),
        503 => ("ServiceUnavailableException", "Service is unavailable"),
        _ => ("InternalServerException", "Internal server error"),
    };
    Refusal::new(status, kind, message, "the lab was told to")
}
