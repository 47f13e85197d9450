//! A connection made ahead of the request that will use it: TCP, a proxy's tunnel and TLS are ready
//! by the time a device has signed. The HTTP library connects for a request only; so one is begun
//! whose connection is put aside here as soon as it is made, before a byte of HTTP has been sent,
//! and the real request is given that connection instead of a new one.

use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tower_layer::Layer;
use tower_service::Service;

/// A connection that has been idle for longer may have been closed by the server meanwhile: a
/// person may have taken their time for a PIN.
const FRESH: Duration = Duration::from_secs(15);

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The place where a connection waits; clones share it.
#[derive(Clone, Default)]
pub(super) struct Ahead(Arc<Mutex<Place>>);

#[derive(Default)]
struct Place {
    /// Whether the next connection is to be put aside.
    wanted: bool,
    made: Option<(Box<dyn Any + Send>, Instant)>,
}

/// The connection was made, and is not for this request.
#[derive(Debug, thiserror::Error)]
#[error("the connection is kept for later")]
struct Kept;

impl Ahead {
    /// Begins a request that ends as soon as its connection is made.
    ///
    /// # Errors
    /// When it could not be made.
    pub(super) async fn connect(
        &self,
        http: &reqwest::Client,
        url: reqwest::Url,
    ) -> Result<(), reqwest::Error> {
        self.place().wanted = true;
        let ended = http.get(url).send().await;
        let mut place = self.place();
        place.wanted = false;
        if place.made.is_some() { Ok(()) } else { ended.map(drop) }
    }

    fn place(&self) -> std::sync::MutexGuard<'_, Place> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection that waits, once, while it is fresh.
    fn take<C: 'static>(&self) -> Option<C> {
        let (made, since) = self.place().made.take()?;
        let connection = made.downcast().ok()?;
        (since.elapsed() < FRESH).then_some(*connection)
    }

    /// Puts a connection aside, if that is what it was made for.
    fn keep<C: Send + 'static>(&self, connection: C) -> Result<C, BoxError> {
        let mut place = self.place();
        if !place.wanted {
            return Ok(connection);
        }
        place.made = Some((Box::new(connection), Instant::now()));
        Err(Kept.into())
    }
}

/// What connects, with a look at what waits first.
#[derive(Clone)]
pub(super) struct Connector<S> {
    inner: S,
    ahead: Ahead,
}

impl<S> Layer<S> for Ahead {
    type Service = Connector<S>;

    fn layer(&self, inner: S) -> Connector<S> {
        Connector { inner, ahead: self.clone() }
    }
}

impl<S, R> Service<R> for Connector<S>
where
    S: Service<R, Error = BoxError>,
    S::Response: Send + 'static,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: R) -> Self::Future {
        if let Some(connection) = self.ahead.take() {
            return Box::pin(std::future::ready(Ok(connection)));
        }
        let (connecting, ahead) = (self.inner.call(request), self.ahead.clone());
        Box::pin(async move { ahead.keep(connecting.await?) })
    }
}
