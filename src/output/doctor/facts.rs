//! What was seen at a step: a few values each. No secret is among them, nor where one could be read
//! but the path of a file.

use serde::Serialize;

/// What was seen.
#[derive(Serialize)]
#[serde(untagged)]
pub enum Facts {
    /// A PIV card.
    Card {
        /// `YubiKey 12345678`
        card: String,
        /// The reader's name.
        reader: String,
        /// The number that is printed on a YubiKey.
        serial: Option<u32>,
        /// The firmware of a YubiKey.
        firmware: Option<String>,
    },
    /// The leaf.
    Certificate {
        /// RFC 4514
        subject: String,
        /// The last moment of its validity, RFC 3339 in UTC.
        not_after: String,
        /// Whole days until then; negative when it is over.
        days_left: i64,
    },
    /// What goes along with the leaf.
    Chain {
        /// The subjects of the intermediate certificates, from the leaf upward.
        intermediates: Vec<String>,
        /// Who issued the last of them, or the leaf where there is none: the trust anchor.
        issuer: String,
    },
    /// The clocks.
    Clock {
        /// How far the service's is ahead of this computer's, in seconds.
        service_ahead: i64,
    },
    /// TCP.
    Connection {
        /// What answered: an address with a port; none for what a proxy has connected.
        address: Option<String>,
        /// How long it took.
        milliseconds: u64,
    },
    /// The folder for locks, refused PINs and cached credentials.
    Directory {
        /// Its path; none where there is no place for one.
        path: Option<String>,
        /// The number of the user who owns it.
        owner: Option<u32>,
        /// `0700`
        mode: Option<String>,
        /// Whether cached credentials may be kept in it.
        cache: Cache,
    },
    /// The service.
    Endpoint {
        /// Its URL.
        url: String,
        /// The option or the variable that says so.
        from: &'static str,
        /// The HTTP status of its answer to an unsigned request.
        http_status: Option<u16>,
        /// Until the answer was there.
        milliseconds: Option<u64>,
    },
    /// The device hosts.
    Installation {
        /// That of keyanchor and of each host that starts.
        version: &'static str,
        /// Each that a release has.
        hosts: Vec<Host>,
    },
    /// The private key.
    Key {
        /// What names it, without a PIN.
        reference: String,
        /// `RSA-2048`, `P-256`, …
        kind: String,
    },
    /// RLIMIT_MEMLOCK.
    MemoryLock {
        /// In bytes; none for no limit.
        bytes: Option<u64>,
    },
    /// A PKCS#11 module.
    Module {
        /// Its canonical path.
        path: String,
        /// How long it took to tell its tokens.
        milliseconds: u64,
        /// Others that were asked and did not answer.
        silent: Vec<String>,
    },
    /// The name of the host.
    Name {
        /// The host.
        host: String,
        /// Its addresses, IPv4 and IPv6.
        addresses: Vec<String>,
    },
    /// Key and certificate.
    Pair {
        /// The subject of the certificate.
        subject: String,
        /// The kind of both keys.
        kind: String,
    },
    /// The PIN.
    Pin {
        /// How many tries are left; none where the device does not say.
        tries: Option<u32>,
        /// Where one is configured; none where a person would be asked.
        configured: Option<String>,
    },
    /// What stands between.
    Proxy {
        /// Its URL, without user and password; none where there is none.
        url: Option<String>,
        /// The variable that names it.
        from: Option<&'static str>,
        /// Whether one is named, and not for this host: by NO_PROXY, or because it is this computer.
        excepted: bool,
    },
    /// A signature.
    Signature {
        /// The kind of the key that made it.
        kind: String,
        /// With the login, and a person's time.
        milliseconds: u64,
    },
    /// TLS.
    Tls {
        /// `1.3`; none where the handshake did not get so far.
        version: Option<&'static str>,
        /// Who issued the server's certificate.
        issuer: Option<String>,
        /// The CA certificates that count.
        roots: Vec<String>,
    },
    /// A PKCS#11 token.
    Token {
        /// Its label, and so on: without padding.
        label: String,
        /// Its serial number.
        serial: String,
        /// Its model.
        model: String,
        /// Who made it.
        manufacturer: String,
    },
    /// A TPM.
    Tpm {
        /// Where it is, as libtss2 writes it.
        tcti: String,
    },
}

/// A device host.
#[derive(Serialize)]
pub struct Host {
    /// Its program.
    pub program: &'static str,
    /// Why it does not start.
    pub problem: Option<String>,
}

/// Cached credentials.
#[derive(Serialize)]
pub struct Cache {
    /// Their folder.
    pub path: Option<String>,
    /// Whether `KEYANCHOR_CACHE` leaves it on.
    pub on: bool,
}
