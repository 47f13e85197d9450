//! A connection that can be told to send one byte at a time.

use std::future::Future as _;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

use super::state::State;

/// A stream that asks the server's behaviour before each write.
pub(super) struct Slow<S> {
    stream: S,
    state: Arc<State>,
    until: Pin<Box<Sleep>>,
}

impl<S> Slow<S> {
    pub(super) fn new(stream: S, state: Arc<State>) -> Self {
        Self { stream, state, until: Box::pin(sleep(std::time::Duration::ZERO)) }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Slow<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        pin!(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Slow<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let pause = self.state.pause();
        if pause.is_zero() {
            return pin!(&mut self.stream).poll_write(context, bytes);
        }
        ready!(self.until.as_mut().poll(context));
        let first = bytes.get(..1).unwrap_or_default();
        let written = ready!(pin!(&mut self.stream).poll_write(context, first));
        // what TLS holds back would be sent with the next byte only
        let _ = pin!(&mut self.stream).poll_flush(context);
        self.until.as_mut().reset(Instant::now() + pause);
        Poll::Ready(written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        pin!(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        pin!(&mut self.stream).poll_shutdown(context)
    }
}
