//! What a handshake shows, for one who wants to know why it fails: the library's own verifier
//! decides, and beside it is noted what the server showed.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, SignatureScheme};

use crate::certificate::Certificate;

/// What was seen of a handshake.
#[derive(Clone, Debug, Default)]
pub struct Handshake {
    /// `1.2` or `1.3`, once the server's certificate was accepted.
    pub version: Option<&'static str>,
    /// Who issued the server's certificate, as it says (RFC 4514).
    pub issuer: Option<String>,
}

/// Where it is noted.
pub(super) type Notes = Arc<Mutex<Handshake>>;

/// The library's verifier, looked at.
#[derive(Debug)]
pub(super) struct Witness {
    pub(super) judge: Arc<WebPkiServerVerifier>,
    pub(super) notes: Notes,
}

impl Witness {
    fn note(&self, note: impl FnOnce(&mut Handshake)) {
        note(&mut self.notes.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        stapled: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let issuer = Certificate::from_der(leaf).ok().map(|leaf| leaf.issuer());
        self.note(|seen| *seen = Handshake { version: None, issuer });
        self.judge.verify_server_cert(leaf, intermediates, name, stapled, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.note(|seen| seen.version = Some("1.2"));
        self.judge.verify_tls12_signature(message, leaf, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.note(|seen| seen.version = Some("1.3"));
        self.judge.verify_tls13_signature(message, leaf, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.judge.supported_verify_schemes()
    }
}
