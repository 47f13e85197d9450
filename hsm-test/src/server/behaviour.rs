//! How the server misbehaves on request.

use super::http::{Refusal, Response};

/// What the server does with a request, on either service.
#[derive(Clone, Debug, Default)]
pub enum Behaviour {
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
    /// Verifies it and answers accordingly.
    #[default]
    Verify,
}

/// What is done instead of verifying.
#[derive(Debug)]
pub(super) enum Staged {
    Answer(Response),
    Break,
    Silence,
}

impl Behaviour {
    /// What to do with the next request; `None` is to verify it.
    pub(super) fn next(&mut self) -> Option<Staged> {
        match self {
            Self::Hang => Some(Staged::Silence),
            Self::Raw { status, headers, body } => Some(Staged::Answer(Response {
                status: *status,
                headers: headers.clone(),
                body: body.clone(),
            })),
            Self::Refuse { status, kind, message } => {
                let refusal = Refusal::new(*status, kind, message.clone(), "the lab was told to");
                Some(Staged::Answer(refusal.json()))
            }
            Self::Reset => Some(Staged::Break),
            Self::Throttle { times, status } => {
                *times = times.checked_sub(1)?;
                Some(Staged::Answer(turned_away(*status).json()))
            }
            Self::Verify => None,
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
