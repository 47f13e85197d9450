//! The floor under every helper: one process that does only what cannot be left out. It loads the module, logs in, signs
//! once and sends one request, and trusts the same roots. No device host, no deadline, no check of anything, no prompt;
//! what a helper needs beyond this is the price of what it is more.
//!
//! It takes keyanchor's options, in pairs: `--key`, `--certificate`, `--pkcs11-lib`, `--endpoint`, `--ca-bundle` and ARNs.

#![deny(unsafe_code)]

use std::collections::HashMap;
use std::error::Error;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass};
use cryptoki::session::UserType;
use cryptoki::types::AuthPin;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use hsm_test::floor::{authorization, canonical, credentials, ecdsa_der};

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let options: HashMap<&str, &str> = words
        .chunks(2)
        .filter_map(|pair| Some((pair[0].as_str(), pair.get(1)?.as_str())))
        .collect();
    let option = |name: &str| options.get(name).copied().ok_or(format!("{name} is missing"));
    let chain = CertificateDer::pem_file_iter(option("--certificate")?)?;
    let chain: Vec<_> = chain.collect::<Result<_, _>>()?;
    let chain: Vec<String> = chain.iter().map(|der| STANDARD.encode(der)).collect();
    let host = option("--endpoint")?.trim_start_matches("https://").to_owned();
    let body = serde_json::json!({
        "durationSeconds": 3600,
        "profileArn": option("--profile-arn")?,
        "roleArn": option("--role-arn")?,
        "trustAnchorArn": option("--trust-anchor-arn")?,
    });
    let body = body.to_string();
    let date = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
    let request =
        canonical(&host, &date, &chain, &body, |bytes| hex(digest(&SHA256, bytes).as_ref()));
    let leaf = STANDARD.decode(&chain[0])?;
    let serial = X509Certificate::from_der(&leaf)?.1.serial.to_string();
    let key = option("--key")?;
    let sign = |algorithm: &str| format!("AWS4-X509-{algorithm}-SHA256\n{}", request.to_sign);
    let (algorithm, signature) = match key.strip_prefix("pkcs11:") {
        Some(uri) => on_token(option("--pkcs11-lib")?, uri, &sign)?,
        None => in_file(key, &sign)?,
    };
    let authorization = authorization(algorithm, &serial, &request, &hex(&signature));
    let answer = post(&host, option("--ca-bundle")?, &request.headers, &authorization, &body)?;
    std::io::stdout().write_all(credentials(&answer).ok_or("no credentials")?.as_bytes())?;
    Ok(())
}

/// The algorithm's name and the signature. The URI has a token, an object and a pin-source.
fn on_token(
    module: &str,
    uri: &str,
    to_sign: &dyn Fn(&str) -> String,
) -> Outcome<(&'static str, Vec<u8>)> {
    let attribute = |name: &str| {
        let attributes = uri.split([';', '?']);
        attributes.filter_map(|part| part.split_once('=')).find(|(own, _)| *own == name)
    };
    let value =
        |name: &str| attribute(name).map(|(_, value)| decoded(value)).ok_or(format!("no {name}"));
    let (token, object) = (value("token")?, value("object")?);
    let pin = fs::read_to_string(value("pin-source")?)?;
    let context = Pkcs11::new(module)?;
    context.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK))?;
    let slots = context.get_slots_with_token()?;
    let fits = |slot: &&_| context.get_token_info(**slot).is_ok_and(|info| info.label() == token);
    let slot = slots.iter().find(fits).ok_or("no such token")?;
    let session = context.open_ro_session(*slot)?;
    session.login(UserType::User, Some(&AuthPin::new(pin.trim_end().into())))?;
    let template = [Attribute::Class(ObjectClass::PRIVATE_KEY), Attribute::Label(object.into())];
    let key = *session.find_objects(&template)?.first().ok_or("no such key")?;
    let kind = session.get_attributes(key, &[AttributeType::KeyType])?;
    if kind.contains(&Attribute::KeyType(KeyType::RSA)) {
        let signature = session.sign(&Mechanism::Sha256RsaPkcs, key, to_sign("RSA").as_bytes())?;
        return Ok(("RSA", signature));
    }
    let hash = digest(&SHA256, to_sign("ECDSA").as_bytes());
    Ok(("ECDSA", ecdsa_der(&session.sign(&Mechanism::Ecdsa, key, hash.as_ref())?)))
}

/// The label of a card's token or key has spaces.
fn decoded(value: &str) -> String {
    let mut parts = value.split('%');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        let (digits, rest) = part.split_at(2.min(part.len()));
        let octet = u8::from_str_radix(digits, 16).unwrap_or(b'?');
        text + char::from(octet).encode_utf8(&mut [0; 4]) + rest
    })
}

/// The same with a P-256 key in a PKCS#8 file.
fn in_file(path: &str, to_sign: &dyn Fn(&str) -> String) -> Outcome<(&'static str, Vec<u8>)> {
    let der = PrivateKeyDer::from_pem_file(path)?;
    let key =
        EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_ASN1_SIGNING, der.secret_der())?;
    let signature = key.sign(&SystemRandom::new(), to_sign("ECDSA").as_bytes())?;
    Ok(("ECDSA", signature.as_ref().to_vec()))
}

/// One connection, one request, one answer.
fn post(
    host: &str,
    ca_bundle: &str,
    headers: &[(&str, String)],
    authorization: &str,
    body: &str,
) -> Outcome<String> {
    let mut roots = RootCertStore::empty();
    for root in CertificateDer::pem_file_iter(ca_bundle)? {
        roots.add(root?)?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let connection =
        ClientConnection::new(Arc::new(config), ServerName::try_from(name.to_owned())?)?;
    let stream = TcpStream::connect(host)?;
    stream.set_nodelay(true)?;
    let mut stream = StreamOwned::new(connection, stream);
    let headers: String =
        headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let request = format!(
        "POST /sessions HTTP/1.1\r\n{headers}authorization: {authorization}\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    // a server that closes without TLS's own farewell has still answered
    let _ = stream.read_to_string(&mut answer);
    Ok(answer)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
