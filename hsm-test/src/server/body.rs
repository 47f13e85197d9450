//! The body of an answer, whole or tampered with.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::body::{Bytes, Frame, SizeHint};

/// How much of an endless body is given at a time.
const PIECE: usize = 16 << 10;

/// What becomes of a body on its way.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Tamper {
    /// The half of it in one chunk, then the end of the connection.
    CutChunk,
    /// The half of what Content-Length says, then the end of the connection.
    CutShort,
    /// Again and again, chunked or up to what Content-Length says.
    Endless { promised: Option<u64> },
    /// It arrives as it is.
    Nothing,
}

/// Why a connection ends without an answer, or within one.
#[derive(Debug)]
pub(super) struct Broken;

/// A body that hyper sends.
#[derive(Debug)]
pub(super) struct Body {
    bytes: Bytes,
    tamper: Tamper,
    given: bool,
    /// What was given is on its way.
    sent: bool,
}

impl Body {
    pub(super) fn new(bytes: Vec<u8>, tamper: Tamper) -> Self {
        let bytes = match tamper {
            Tamper::Endless { .. } => bytes.repeat(PIECE / bytes.len().max(1)),
            _ => bytes,
        };
        Self { bytes: bytes.into(), tamper, given: false, sent: false }
    }

    /// What Content-Length says, where it is not for hyper to say.
    pub(super) fn promised(&self) -> Option<u64> {
        match self.tamper {
            Tamper::CutShort => Some(self.bytes.len() as u64),
            Tamper::Endless { promised } => promised,
            Tamper::CutChunk | Tamper::Nothing => None,
        }
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let piece = match (self.tamper, self.given) {
            (Tamper::Endless { .. }, _) | (Tamper::Nothing, false) => self.bytes.clone(),
            (Tamper::CutChunk | Tamper::CutShort, false) => {
                self.bytes.slice(..self.bytes.len() / 2)
            }
            (Tamper::CutChunk | Tamper::CutShort, true) if !self.sent => {
                // hyper sends what it has only before it waits, and an error throws that away.
                self.sent = true;
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            (Tamper::CutChunk | Tamper::CutShort, true) => return Poll::Ready(Some(Err(Broken))),
            (Tamper::Nothing, true) => return Poll::Ready(None),
        };
        self.given = true;
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.tamper == Tamper::Nothing && (self.given || self.bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match self.tamper {
            Tamper::Nothing => SizeHint::with_exact(self.bytes.len() as u64),
            _ => SizeHint::default(),
        }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the lab was told to break the connection")
    }
}

impl std::error::Error for Broken {}
