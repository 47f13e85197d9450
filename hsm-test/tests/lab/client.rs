//! A client that shares nothing with the server: canonical requests by hand, hashes and signatures by the openssl
//! command, HTTP over rustls by hand. Every step has a knob to get it wrong with.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use hsm_test::pki::{Leaf, Pki};
use hsm_test::server::{Config, Request, Server, Verdict};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::Value;
use tempfile::TempDir;

/// A PKI and a key of each family, made once for all tests.
pub(crate) struct Bench {
    pub(crate) pki: Pki,
    pub(crate) ec: Key,
    pub(crate) rsa: Key,
    _directory: TempDir,
}

/// A software key.
#[derive(Clone)]
pub(crate) struct Key {
    pub(crate) private: PathBuf,
    pub(crate) public_pem: String,
}

/// A CreateSession request, right unless it is changed.
pub(crate) struct Call {
    pub(crate) key: Key,
    pub(crate) algorithm: &'static str,
    pub(crate) leaf_pem: String,
    pub(crate) query: String,
    pub(crate) body: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) day_and_region: Option<String>,
    pub(crate) serial: Option<String>,
    pub(crate) signed: Vec<&'static str>,
    pub(crate) separator: &'static str,
    pub(crate) canonical: fn(String) -> String,
    pub(crate) sign: fn(&Key, &[u8]) -> String,
    pub(crate) authorization: fn(String) -> String,
}

/// An answer of the server.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

pub(crate) fn bench() -> &'static Bench {
    static BENCH: OnceLock<Bench> = OnceLock::new();
    BENCH.get_or_init(|| {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let pki = Pki::fresh(&directory.path().join("ca"));
        let key = |kind: &str, name: &str| {
            let (private_pem, public_pem) = pki.software_key(kind);
            let private = directory.path().join(name);
            fs::write(&private, private_pem).expect("the directory is writable");
            Key { private, public_pem }
        };
        let (ec, rsa) = (key("EC:P-256", "ec.key"), key("rsa:2048", "rsa.key"));
        Bench { pki, ec, rsa, _directory: directory }
    })
}

pub(crate) fn serve() -> Server {
    Server::start(Config::lab(&bench().pki))
}

/// The three ARNs as a canonical query.
pub(crate) fn query(server: &Server) -> String {
    let encode = |arn: String| arn.replace(':', "%3A").replace('/', "%2F");
    format!(
        "profileArn={}&roleArn={}&trustAnchorArn={}",
        encode(server.profile_arn()),
        encode(server.role_arn()),
        encode(server.trust_anchor_arn())
    )
}

impl Call {
    /// P-256 behind the intermediate, ARNs in the query.
    pub(crate) fn right(server: &Server) -> Self {
        let bench = bench();
        Self::with_leaf(server, &bench.ec, &Leaf::of(&bench.ec.public_pem))
    }

    /// The same with RSA-2048.
    pub(crate) fn right_rsa(server: &Server) -> Self {
        let bench = bench();
        let call = Self::with_leaf(server, &bench.rsa, &Leaf::of(&bench.rsa.public_pem));
        Self { algorithm: "AWS4-X509-RSA-SHA256", ..call }
    }

    /// The same with a leaf of the test's choice, on a P-256 key.
    pub(crate) fn with_leaf(server: &Server, key: &Key, leaf: &Leaf) -> Self {
        let intermediate =
            fs::read_to_string(bench().pki.intermediate_pem_path()).expect("the PKI has one");
        let leaf_pem = bench().pki.leaf(leaf);
        Self {
            key: key.clone(),
            algorithm: "AWS4-X509-ECDSA-SHA256",
            query: query(server),
            body: r#"{"durationSeconds":900}"#.into(),
            headers: vec![
                ("content-type", "application/json".into()),
                ("host", server.url().replace("https://", "")),
                ("x-amz-date", date(SystemTime::now())),
                ("x-amz-x509", base64_der(&leaf_pem)),
                ("x-amz-x509-chain", base64_der(&intermediate)),
            ],
            leaf_pem,
            day_and_region: None,
            serial: None,
            signed: vec!["content-type", "host", "x-amz-date", "x-amz-x509", "x-amz-x509-chain"],
            separator: ";",
            canonical: |text| text,
            sign: |key, message| hex(&sign(key, message, &[])),
            authorization: |text| text,
        }
    }

    pub(crate) fn header(&self, name: &str) -> String {
        let found = self.headers.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    }

    pub(crate) fn set_header(&mut self, name: &'static str, value: String) {
        self.headers.retain(|(known, _)| *known != name);
        self.headers.push((name, value));
    }

    /// Sends no chain.
    pub(crate) fn without_chain(&mut self) {
        self.headers.retain(|(name, _)| *name != "x-amz-x509-chain");
        self.signed.retain(|name| *name != "x-amz-x509-chain");
    }

    /// The request on the wire, signed.
    pub(crate) fn text(&self) -> String {
        let mut text = format!("POST /sessions?{} HTTP/1.1\r\nconnection: close\r\n", self.query);
        for (name, value) in &self.headers {
            text += &format!("{name}: {value}\r\n");
        }
        text += &format!("authorization: {}\r\n", self.authorization());
        text + &format!("content-length: {}\r\n\r\n{}", self.body.len(), self.body)
    }

    fn authorization(&self) -> String {
        let date = self.header("x-amz-date");
        let place =
            self.day_and_region.clone().unwrap_or_else(|| format!("{}/us-east-1", &date[..8]));
        let scope = format!("{place}/rolesanywhere/aws4_request");
        let headers: String = self
            .signed
            .iter()
            .map(|name| format!("{name}:{}\n", self.header(name).trim()))
            .collect();
        let canonical = (self.canonical)(format!(
            "POST\n/sessions\n{}\n{headers}\n{}\n{}",
            self.query,
            self.signed.join(";"),
            sha256(self.body.as_bytes())
        ));
        let message =
            format!("{}\n{date}\n{scope}\n{}", self.algorithm, sha256(canonical.as_bytes()));
        let serial = self.serial.clone().unwrap_or_else(|| decimal(&serial_hex(&self.leaf_pem)));
        (self.authorization)(format!(
            "{} Credential={serial}/{scope}, SignedHeaders={}, Signature={}",
            self.algorithm,
            self.signed.join(self.separator),
            (self.sign)(&self.key, message.as_bytes())
        ))
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let mut values =
            lines.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value);
        values.next().unwrap_or_default()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("a JSON body")
    }
}

/// Sends a request over TLS that trusts the server's bundle, and reads the answer to the end of the connection.
pub(crate) fn send(server: &Server, text: &str) -> Answer {
    let answer = try_send(server, text).expect("the server answers");
    let (head, body) = answer.split_once("\r\n\r\n").expect("an HTTP answer");
    let status =
        head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("an HTTP status");
    Answer { status, head: head.into(), body: body.into() }
}

pub(crate) fn try_send(server: &Server, text: &str) -> std::io::Result<String> {
    try_send_to(&server.url().replace("https://", ""), &server.ca_bundle(), text)
}

/// The same without a hold on the server.
pub(crate) fn try_send_to(address: &str, bundle: &Path, text: &str) -> std::io::Result<String> {
    let mut answer = String::new();
    connect(address, bundle, text)?.read_to_string(&mut answer)?;
    Ok(answer)
}

/// The first bytes of an answer, so many of them.
pub(crate) fn try_read(
    address: &str,
    bundle: &Path,
    text: &str,
    length: usize,
) -> std::io::Result<Vec<u8>> {
    let mut answer = vec![0; length];
    connect(address, bundle, text)?.read_exact(&mut answer)?;
    Ok(answer)
}

/// A connection on which that text has been sent.
fn connect(
    address: &str,
    bundle: &Path,
    text: &str,
) -> std::io::Result<StreamOwned<ClientConnection, TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(bundle).expect("a PEM bundle")).expect("a root");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider has TLS")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let socket = TcpStream::connect(address)?;
    socket.set_read_timeout(Some(Duration::from_secs(5)))?;
    let name = "127.0.0.1".try_into().expect("an address");
    let connection = ClientConnection::new(Arc::new(config), name).expect("a TLS client");
    let mut stream = StreamOwned::new(connection, socket);
    stream.write_all(text.as_bytes())?;
    Ok(stream)
}

/// Sends a request that must be refused for that reason, and gives the answer.
pub(crate) fn refused(server: &Server, call: &Call, reason: &str) -> Answer {
    let answer = send(server, &call.text());
    assert_eq!(answer.header("x-lab-reason"), reason, "{answer:?}");
    let Some(Request { verdict: Verdict::Refused(refusal), .. }) = server.requests().pop() else {
        panic!("the request is not on record as refused");
    };
    assert_eq!((refusal.status, refusal.reason.as_str()), (answer.status, reason));
    assert_eq!(answer.header("x-amzn-errortype"), refusal.kind);
    assert!(!answer.header("x-amzn-requestid").is_empty());
    answer
}

/// A signature over the SHA-256 of the message, with further options of `openssl dgst`.
pub(crate) fn sign(key: &Key, message: &[u8], options: &[&str]) -> Vec<u8> {
    let mut command = Command::new("openssl");
    command.args(["dgst", "-sha256", "-sign"]).arg(&key.private).args(options);
    pipe(&mut command, message)
}

pub(crate) fn sha256(data: &[u8]) -> String {
    hex(&pipe(Command::new("openssl").args(["dgst", "-sha256", "-binary"]), data))
}

pub(crate) fn hmac(key: &[u8], data: &[u8]) -> Vec<u8> {
    let key = format!("hexkey:{}", hex(key));
    pipe(
        Command::new("openssl")
            .args(["dgst", "-sha256", "-binary", "-mac", "HMAC", "-macopt", &key]),
        data,
    )
}

/// Runs a command with that standard input.
pub(crate) fn pipe(command: &mut Command, input: &[u8]) -> Vec<u8> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the tool is installed");
    child.stdin.take().expect("stdin is a pipe").write_all(input).expect("the tool reads");
    let output = child.wait_with_output().expect("the tool ends");
    assert!(output.status.success(), "{command:?} failed");
    output.stdout
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Seconds as in `X-Amz-Date`, by the date command.
pub(crate) fn date(at: SystemTime) -> String {
    let seconds = at.duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_secs();
    let output = pipe(
        Command::new("date").args(["-u", "-d", &format!("@{seconds}"), "+%Y%m%dT%H%M%SZ"]),
        b"",
    );
    String::from_utf8_lossy(&output).trim().into()
}

/// The one line of base64 inside a PEM file.
pub(crate) fn base64_der(pem: &str) -> String {
    pem.lines().filter(|line| !line.starts_with("-----")).collect()
}

pub(crate) fn serial_hex(leaf_pem: &str) -> String {
    let output =
        pipe(Command::new("openssl").args(["x509", "-noout", "-serial"]), leaf_pem.as_bytes());
    String::from_utf8_lossy(&output).trim().replace("serial=", "").to_ascii_lowercase()
}

/// A hexadecimal number in decimal, digit by digit.
pub(crate) fn decimal(hexadecimal: &str) -> String {
    let mut digits = vec![0u32];
    for nibble in hexadecimal.chars().filter_map(|c| c.to_digit(16)) {
        let mut carry = nibble;
        for digit in &mut digits {
            carry += *digit * 16;
            *digit = carry % 10;
            carry /= 10;
        }
        while carry > 0 {
            digits.push(carry % 10);
            carry /= 10;
        }
    }
    digits.iter().rev().filter_map(|digit| char::from_digit(*digit, 10)).collect()
}

/// A path as a command's argument.
pub(crate) fn argument(path: &Path) -> &str {
    path.to_str().expect("the lab's paths are UTF-8")
}
