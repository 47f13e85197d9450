//! HTTPS as every exchange needs it: which roots count, no redirects, a limit on every answer, and
//! a few more attempts where the same request may be sent again.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use reqwest::RequestBuilder;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use reqwest::redirect::Policy;
use rustls::ClientConfig;
use rustls::crypto::CryptoProvider;
use tokio::task::JoinHandle;
use tracing::debug;
use zeroize::Zeroizing;

use crate::aside::aside;
use crate::deadline::Deadline;
use crate::exchange::Error;
use crate::exchange::endpoint::Endpoint;
use crate::timing::Phase;

mod ahead;
mod failure;
mod resolver;
mod roots;
pub mod trial;
mod witness;

use ahead::Ahead;
use failure::Failure;
use resolver::Resolver;
pub use roots::Roots;
pub use witness::Handshake;

/// How long TCP and TLS may take to be set up.
const CONNECT: Duration = Duration::from_secs(3);
/// Longest answer that is read, in bytes.
const LONGEST_ANSWER: usize = 1024 * 1024;
/// How often a request is sent in all; connecting ahead in vain is the first.
const ATTEMPTS: u32 = 3;
/// A signed request may be sent again while it is younger than this.
const FRESH: Duration = Duration::from_secs(60);

/// A client for one endpoint.
pub struct Client {
    http: reqwest::Client,
    endpoint: Endpoint,
    ahead: Ahead,
    /// Why there is no connection ahead of the first request: the outcome of its first attempt.
    failed: Mutex<Option<Failure>>,
}

/// A client that is still being made, while a device is busy: that takes a thread, since roots are
/// read and the random generator is seeded.
pub struct Opening {
    client: JoinHandle<Result<Client, Error>>,
    connects: bool,
}

impl Opening {
    /// Begins to make a client and, if asked to, connects ahead of the first request. Needs a
    /// runtime to be called in.
    #[must_use]
    pub fn start(endpoint: Endpoint, roots: Roots, connect: bool) -> Self {
        let client = tokio::spawn(async move {
            let client = aside(move || Client::new(endpoint, &roots)).await;
            let client = client.map_err(Error::System)??;
            if connect {
                client.connect().await;
            }
            Ok(client)
        });
        Self { client, connects: connect }
    }

    /// Whether a connection is still being made, which goes on only while nothing blocks.
    #[must_use]
    pub fn is_connecting(&self) -> bool {
        self.connects && !self.client.is_finished()
    }

    /// The client, once it is made and connected.
    ///
    /// # Errors
    /// When the CA certificates cannot be read, or there are none.
    pub async fn client(self) -> Result<Client, Error> {
        self.client
            .await
            .unwrap_or_else(|_| Err(Error::System(io::Error::other("it was not made"))))
    }
}

/// An answer with its whole body.
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body; it may hold credentials.
    pub body: Zeroizing<Vec<u8>>,
    /// How far the server's clock is ahead of ours, in seconds, by its Date header.
    pub clock_ahead: Option<i64>,
}

impl Client {
    fn new(endpoint: Endpoint, roots: &Roots) -> Result<Self, Error> {
        let _phase = Phase::start("(CA roots)");
        let tls = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::Roots { reason: error.to_string() })?
            .with_root_certificates(roots.load()?)
            .with_no_client_auth();
        Self::with(endpoint, tls)
    }

    fn with(endpoint: Endpoint, tls: ClientConfig) -> Result<Self, Error> {
        let ahead = Ahead::default();
        let mut builder = reqwest::Client::builder()
            .connector_layer(ahead.clone())
            .dns_resolver(Resolver)
            .tls_backend_preconfigured(tls)
            .redirect(Policy::none())
            .connect_timeout(CONNECT)
            .https_only(!endpoint.is_loopback())
            .user_agent(concat!("keyanchor/", env!("CARGO_PKG_VERSION")));
        if endpoint.is_this_computer() {
            builder = builder.no_proxy();
        }
        let unusable = |error| Error::Roots { reason: failure::innermost(&error) };
        let http = builder.build().map_err(unusable)?;
        Ok(Self { http, endpoint, ahead, failed: Mutex::new(None) })
    }

    async fn connect(&self) {
        let _phase = Phase::start("(connect)");
        let made = self.ahead.connect(&self.http, self.endpoint.operation("")).await;
        let host = self.endpoint.host();
        *self.failed() = made.err().map(|error| Failure::of_request(host, &error));
    }

    fn failed(&self) -> MutexGuard<'_, Option<Failure>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a POST until it is answered with anything but a wish to be asked again: connections and
    /// answers that break, 429 and 5xx are tried again, and the last answer counts.
    ///
    /// # Errors
    /// When the server cannot be reached, or time runs out.
    pub async fn post(
        &self,
        path: &str,
        headers: &HeaderMap,
        body: &[u8],
        deadline: &Deadline,
    ) -> Result<Answer, Error> {
        let start = Instant::now();
        let mut ahead = self.failed().take();
        for attempt in 1.. {
            let answer = match ahead.take() {
                Some(failure) => Err(failure),
                None => {
                    let request = self.http.post(self.endpoint.operation(path));
                    let sending = self.send(request.headers(headers.clone()).body(body.to_vec()));
                    let answer = tokio::time::timeout(deadline.left(), sending).await;
                    answer.unwrap_or_else(|_| Err(Failure::last(self.timed_out(deadline))))
                }
            };
            let pause = match &answer {
                Ok(answer) if answer.status == 429 || answer.status >= 500 => {
                    pause(attempt, retry_after(&answer.headers))
                }
                Err(failure) if failure.passing && !deadline.passed() => pause(attempt, None),
                _ => return answer.map_err(Error::from),
            };
            let stale = start.elapsed() + pause >= FRESH;
            if attempt >= ATTEMPTS || stale || pause >= deadline.left() {
                return answer.map_err(Error::from);
            }
            debug!("attempt {attempt} failed, the next in {pause:?}");
            tokio::time::sleep(pause).await;
        }
        Err(self.timed_out(deadline))
    }

    async fn send(&self, request: RequestBuilder) -> Result<Answer, Failure> {
        let host = || self.endpoint.host();
        let sent = request.send().await;
        let mut response = sent.map_err(|error| Failure::of_request(host(), &error))?;
        let clock_ahead = clock_ahead(response.headers());
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let mut body = Zeroizing::new(Vec::new());
        let broken = |error| Failure::of_answer(host(), &error);
        while let Some(chunk) = response.chunk().await.map_err(broken)? {
            if body.len() + chunk.len() > LONGEST_ANSWER {
                let reason = format!("it is longer than {LONGEST_ANSWER} bytes");
                return Err(Failure::last(Error::Answer { host: host(), reason }));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, headers, body, clock_ahead })
    }

    fn timed_out(&self, deadline: &Deadline) -> Error {
        Error::TimedOut { host: self.endpoint.host(), waited: deadline.allowed() }
    }
}

fn provider() -> Arc<CryptoProvider> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    // The first use of the generator takes longest; a failure shows again in the handshake.
    let _ = provider.secure_random.fill(&mut [0; 8]);
    provider
}

/// How long to wait after a failed attempt, the first of which is 1: what the server wished for, and
/// full jitter below 0.1·2ⁿ s. Many clients that fail together do not come back together, nor do those
/// that were told the same time.
#[must_use]
pub fn pause(attempt: u32, wished: Option<Duration>) -> Duration {
    let mut random = [0; 4];
    let noise = aws_lc_rs::rand::fill(&mut random)
        .map_or(0.5, |()| f64::from(u32::from_le_bytes(random)) / f64::from(u32::MAX));
    wished.unwrap_or_default() + Duration::from_millis(100 * 2_u64.pow(attempt)).mul_f64(noise)
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds: u64 = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds.min(FRESH.as_secs())))
}

/// Seconds; half a round trip and the header's own rounding are within it.
fn clock_ahead(headers: &HeaderMap) -> Option<i64> {
    let date = headers.get(DATE)?.to_str().ok()?;
    let theirs = jiff::fmt::rfc2822::parse(date).ok()?.timestamp();
    Some(theirs.as_second() - Timestamp::now().as_second())
}
