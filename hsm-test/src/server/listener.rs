//! The server's thread: TCP, TLS and HTTP/1.1 around `State::handle`.

use std::convert::Infallible;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

use super::behaviour::Staged;
use super::body::{Body, Broken, Tamper};
use super::clock;
use super::http::{self, Refusal, Request, Response, Verdict};
use super::slow::Slow;
use super::state::State;

const LONGEST_BODY: usize = 1 << 20;
const LONGEST_HEAD: usize = 64 << 10;

/// A listening socket with its thread; dropping it ends both, and every connection.
pub(super) struct Listener {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Listener {
    pub(super) fn start(port: u16, tls: &(String, String), state: Arc<State>) -> Self {
        let socket = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .unwrap_or_else(|error| panic!("127.0.0.1:{port}: {error}"));
        socket.set_nonblocking(true).expect("a fresh socket takes options");
        let address = socket.local_addr().expect("a bound socket has an address");
        let acceptor = TlsAcceptor::from(Arc::new(tls_config(tls)));
        let (stop, stopped) = oneshot::channel();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a thread can have a runtime").block_on(async {
                let socket = TcpListener::from_std(socket).expect("the socket is non-blocking");
                tokio::spawn(accept(socket, acceptor, state));
                // the runtime ends with this block, and takes all tasks along
                let _ = stopped.await;
            });
        });
        Self { address, stop: Some(stop), thread: Some(thread) }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // its panic was reported when it happened
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Listener({})", self.address)
    }
}

fn tls_config((chain, key): &(String, String)) -> ServerConfig {
    let chain = CertificateDer::pem_slice_iter(chain.as_bytes()).collect::<Result<Vec<_>, _>>();
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("a PEM private key");
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider has TLS 1.2 and 1.3")
        .with_no_client_auth()
        .with_single_cert(chain.expect("PEM certificates"), key)
        .expect("the key belongs to the certificate");
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config
}

async fn accept(socket: TcpListener, acceptor: TlsAcceptor, state: Arc<State>) {
    loop {
        match socket.accept().await {
            Ok((stream, _)) => {
                state.connected();
                drop(tokio::spawn(converse(stream, acceptor.clone(), Arc::clone(&state))))
            }
            // out of file descriptors, most likely: others will close some
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

/// One connection to its end. A client that hangs up or does not trust us is no concern of the server's.
async fn converse(stream: TcpStream, acceptor: TlsAcceptor, state: Arc<State>) {
    // answers are small and awaited: no waiting for more to send
    let _ = stream.set_nodelay(true);
    if state.is_resetting() {
        let _ = stream.set_zero_linger();
    }
    let Ok(stream) = acceptor.accept(stream).await else {
        return;
    };
    let stream = Slow::new(stream, Arc::clone(&state));
    let service = service_fn(|request| answer(request, Arc::clone(&state)));
    let mut server = hyper::server::conn::http1::Builder::new();
    let _ = server.max_buf_size(LONGEST_HEAD).serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(
    request: hyper::Request<Incoming>,
    state: Arc<State>,
) -> Result<hyper::Response<Body>, Broken> {
    let staged = match receive(request).await {
        Ok(request) => state.handle(request),
        Err(refusal) => Staged::Answer(refusal.json(), Tamper::Nothing),
    };
    match staged {
        Staged::Answer(response, tamper) => {
            Ok(sealed(response, tamper, &clock::http_date(state.clock.now())))
        }
        Staged::Break => Err(Broken),
        Staged::Silence => match std::future::pending::<Infallible>().await {},
    }
}

/// Reads a request to its end.
async fn receive(request: hyper::Request<Incoming>) -> Result<Request, Refusal> {
    let (head, body) = request.into_parts();
    let too_long = |_| {
        Refusal::new(413, "RequestEntityTooLargeException", "", "the body is cut or over 1 MiB")
    };
    let body = Limited::new(body, LONGEST_BODY).collect().await.map_err(too_long)?.to_bytes();
    let text =
        |value: &hyper::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    Ok(Request {
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: head.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
        body: body.to_vec(),
        verdict: Verdict::Unjudged,
    })
}

/// The answer with the headers that all of them have, unless it has its own.
fn sealed(response: Response, tamper: Tamper, date: &str) -> hyper::Response<Body> {
    let identifier = http::uuid();
    let own =
        |name: &str| response.headers.iter().any(|(header, _)| header.eq_ignore_ascii_case(name));
    let common = [("date", date), ("x-amzn-requestid", &identifier)]
        .into_iter()
        .filter(|(name, _)| !own(name));
    let mut builder = hyper::Response::builder().status(response.status);
    for (name, value) in
        common.chain(response.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())))
    {
        builder = builder.header(name, value);
    }
    let body = Body::new(response.body, tamper);
    if let Some(promised) = body.promised() {
        builder = builder.header("content-length", promised);
    }
    builder.body(body).expect("the status and headers given are those of HTTP")
}
