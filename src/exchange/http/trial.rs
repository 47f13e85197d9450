//! The way to a server, a step at a time: its name, TCP, TLS, and one question that costs nothing.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use rustls::ClientConfig;
use rustls::client::WebPkiServerVerifier;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::aside::{adrift, aside};
use crate::deadline::Deadline;
use crate::exchange::Error;
use crate::exchange::endpoint::Endpoint;
use crate::exchange::http::witness::{Handshake, Notes, Witness};
use crate::exchange::http::{Answer, CONNECT, Client, Roots, provider, resolver};
use crate::paths;

/// A client whose handshake is looked at.
pub struct Trial {
    client: Client,
    notes: Notes,
}

impl Trial {
    /// A client that has not connected yet.
    ///
    /// # Errors
    /// When the CA certificates cannot be read, or there are none.
    pub async fn new(endpoint: Endpoint, roots: Roots) -> Result<Self, Error> {
        let made = aside(move || {
            let notes = Notes::default();
            let tls = watched(&roots, Arc::clone(&notes))?;
            Ok(Self { client: Client::with(endpoint, tls)?, notes })
        });
        made.await.map_err(Error::System)?
    }

    /// Connects, through a proxy where there is one, and sets up TLS.
    ///
    /// # Errors
    /// When that fails, or takes too long.
    pub async fn connect(&self) -> Result<(), Error> {
        self.client.connect().await;
        let failed = self.client.failed().take();
        failed.map_or(Ok(()), |failure| Err(failure.into()))
    }

    /// What the last handshake showed.
    #[must_use]
    pub fn handshake(&self) -> Handshake {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A GET without a signature, sent once.
    ///
    /// # Errors
    /// When no answer comes, or none in time.
    pub async fn ask(&self, path: &str, deadline: &Deadline) -> Result<Answer, Error> {
        let url = self.client.endpoint.operation(path);
        let sending = self.client.send(self.client.http.get(url));
        let answer = tokio::time::timeout(deadline.left(), sending).await;
        answer.map_or_else(|_| Err(self.client.timed_out(deadline)), |sent| Ok(sent?))
    }
}

fn watched(roots: &Roots, notes: Notes) -> Result<ClientConfig, Error> {
    let unusable = |reason: String| Error::Roots { reason };
    let provider = provider();
    let roots = Arc::new(roots.load()?);
    let judge = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider));
    let judge = judge.build().map_err(|error| unusable(error.to_string()))?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(error.to_string()))?;
    // The library calls any verifier dangerous; this one leaves every decision to the library's own.
    let watched = config.dangerous();
    Ok(watched
        .with_custom_certificate_verifier(Arc::new(Witness { judge, notes }))
        .with_no_client_auth())
}

/// The addresses of a host, by the system's own resolver.
///
/// # Errors
/// When it has none, or nobody says so in time.
pub async fn addresses(host: &str, port: u16) -> Result<Vec<SocketAddr>, Error> {
    let unreachable = |reason: String| Error::Unreachable { host: host.to_owned(), reason };
    let name = host.to_owned();
    let looked_up = adrift(move || (name, port).to_socket_addrs().map(Vec::from_iter));
    match tokio::time::timeout(CONNECT, looked_up).await {
        Err(_) => Err(unreachable(format!("its name was not looked up within {CONNECT:?}"))),
        Ok(Err(error)) => Err(Error::System(error)),
        Ok(Ok(Err(_))) => Err(unreachable(resolver::Error::Name.to_string())),
        Ok(Ok(Ok(found))) => Ok(found),
    }
}

/// The first of these addresses that takes a connection, and how long it took; all are tried at once.
///
/// # Errors
/// What the last one that was heard of said, where none does.
pub async fn reach(host: &str, addresses: &[SocketAddr]) -> Result<(SocketAddr, Duration), Error> {
    let start = Instant::now();
    let mut running = JoinSet::new();
    for address in addresses.iter().copied() {
        running.spawn(async move {
            let connecting = tokio::time::timeout(CONNECT, TcpStream::connect(address)).await;
            connecting.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())).map(|_| address)
        });
    }
    let mut reason = resolver::Error::Name.to_string();
    while let Some(ended) = running.join_next().await {
        match ended {
            Ok(Ok(address)) => return Ok((address, start.elapsed())),
            Ok(Err(error)) if error.kind() == io::ErrorKind::TimedOut => {
                reason = format!("no connection within {CONNECT:?}");
            }
            Ok(Err(error)) => reason = paths::reason(&error),
            Err(_) => {}
        }
    }
    Err(Error::Unreachable { host: host.to_owned(), reason })
}
