//! A request as it arrived, what became of it, and the answers in the forms of both services.

use std::fmt;

use crate::openssl;

/// A request, as it was on the wire.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method.
    pub method: String,
    /// The path, still encoded.
    pub path: String,
    /// What followed the question mark, still encoded; empty without one.
    pub query: String,
    /// Header names in lower case and values, in the order of arrival.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// What became of it.
    pub verdict: Verdict,
}

/// What became of a request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// It was right, and answered accordingly.
    Granted,
    /// It was refused.
    Refused(Refusal),
    /// Nobody looked: a [`Behaviour`](super::Behaviour) answered, or nothing did.
    Unjudged,
}

/// Why a request is refused: AWS's words for the client, and the lab's for the test.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// AWS's error type, like `AccessDeniedException`.
    pub kind: String,
    /// AWS's message.
    pub message: String,
    /// What exactly is wrong; `x-lab-reason` on the wire.
    pub reason: String,
}

/// An answer, before the headers that all of them have.
#[derive(Clone, Debug)]
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Request {
    /// The values of a header joined by commas, as a signature sees them; `None` where it was not sent.
    pub fn header(&self, name: &str) -> Option<String> {
        let values =
            self.headers.iter().filter(|(sent, _)| sent == name).map(|(_, value)| value.as_str());
        let values: Vec<&str> = values.collect();
        (!values.is_empty()).then(|| values.join(","))
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Granted => f.write_str("granted"),
            Self::Refused(refusal) => {
                write!(
                    f,
                    "refused: {} {}: {} ({})",
                    refusal.status, refusal.kind, refusal.message, refusal.reason
                )
            }
            Self::Unjudged => f.write_str("not judged"),
        }
    }
}

impl Refusal {
    pub(super) fn new(
        status: u16,
        kind: &str,
        message: impl Into<String>,
        reason: impl Into<String>,
    ) -> Self {
        Self { status, kind: kind.into(), message: message.into(), reason: reason.into() }
    }

    /// 403: certificate, signature, role, session name.
    pub(super) fn denied(message: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::new(403, "AccessDeniedException", message, reason)
    }

    /// 403: everything that is wrong about a signature has this one message.
    pub(super) fn signature(reason: impl Into<String>) -> Self {
        Self::denied("Invalid signature", reason)
    }

    /// 400: input that is malformed or out of range.
    pub(super) fn invalid(message: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::new(400, "ValidationException", message, reason)
    }

    /// The answer of Roles Anywhere.
    pub(super) fn json(&self) -> Response {
        let headers = [
            ("content-type", "application/json"),
            ("x-amzn-errortype", &self.kind),
            ("x-lab-reason", &printable(&self.reason)),
        ];
        Response {
            status: self.status,
            headers: owned(&headers),
            body: serde_json::json!({ "message": self.message }).to_string().into_bytes(),
        }
    }

    /// The answer of STS.
    pub(super) fn xml(&self) -> Response {
        let identifier = uuid();
        let body = format!(
            "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n  <Error>\n    <Type>Sender</Type>\n    \
             <Code>{}</Code>\n    <Message>{}</Message>\n  </Error>\n  <RequestId>{}</RequestId>\n</ErrorResponse>\n",
            self.kind,
            escaped(&self.message),
            identifier
        );
        let headers = owned(&[
            ("content-type", "text/xml"),
            ("x-amzn-requestid", &identifier),
            ("x-lab-reason", &printable(&self.reason)),
        ]);
        Response { status: self.status, headers, body: body.into_bytes() }
    }
}

/// Headers as the wire wants them.
pub(super) fn owned(headers: &[(&str, &str)]) -> Vec<(String, String)> {
    headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// A random identifier in the form of a UUID.
pub(super) fn uuid() -> String {
    let digits = openssl::hex(&openssl::random::<16>());
    [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-")
}

/// Text of the client inside XML.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A header can carry printable ASCII.
fn printable(text: &str) -> String {
    text.chars().map(|c| if matches!(c, ' '..='~') { c } else { '?' }).collect()
}
