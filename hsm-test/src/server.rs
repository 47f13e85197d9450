//! Roles Anywhere and STS on 127.0.0.1, over TLS: everything a client sends is verified, and every refusal says why.
//!
//! `POST /sessions` is CreateSession, `/` is STS GetCallerIdentity with the credentials handed out before. A refusal
//! has AWS's type and message, and beside them the precise reason in the header `x-lab-reason`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use crate::pki::Pki;
use listener::Listener;
use state::State;

pub use behaviour::Behaviour;
pub use http::{Refusal, Request, Verdict};

pub mod clock;
pub mod create_session;
pub mod sigv4;

mod account;
mod behaviour;
mod body;
mod certificate;
mod diagnosis;
mod http;
mod listener;
mod slow;
mod state;
mod sts;

/// What exists in the pretended account, and how to reach the server.
#[derive(Clone, Debug)]
pub struct Config {
    /// The account, 12 digits.
    pub account: String,
    /// The region of anchors and profile, and of both services.
    pub region: String,
    /// A trust anchor for each of these PEM files; the first is the one of [`Server::trust_anchor_arn`].
    pub anchors: Vec<PathBuf>,
    /// Whether the trust anchors are enabled.
    pub anchors_enabled: bool,
    /// The one profile.
    pub profile: Profile,
    /// The roles that exist.
    pub roles: Vec<Role>,
    /// The server's certificate chain and private key, PEM.
    pub tls: (String, String),
    /// The file with the root to trust for TLS.
    pub ca_bundle: PathBuf,
    /// The TCP port; 0 takes a free one.
    pub port: u16,
    /// Called with each request once it is answered.
    pub observer: Option<fn(&Request)>,
}

/// A profile of Roles Anywhere.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Whether a request may set `roleSessionName`.
    pub accept_role_session_name: bool,
    /// The longest session in seconds, and that of a request that does not say.
    pub duration_seconds: u32,
    /// The ARNs of the roles that it lists.
    pub roles: Vec<String>,
}

/// A role.
#[derive(Clone, Debug)]
pub struct Role {
    /// Its ARN.
    pub arn: String,
    /// Its MaxSessionDuration in seconds.
    pub max_session_duration: u32,
}

impl Config {
    /// Account 111122223333 in us-east-1: the root as trust anchor, one profile of an hour, one role `Example`.
    /// Anchor and profile also answer to the aliases `lab`.
    pub fn lab(pki: &Pki) -> Self {
        let role = "arn:aws:iam::111122223333:role/Example".to_owned();
        Self {
            account: "111122223333".into(),
            region: "us-east-1".into(),
            anchors: vec![pki.root_pem_path()],
            anchors_enabled: true,
            profile: Profile {
                accept_role_session_name: false,
                duration_seconds: 3600,
                roles: vec![role.clone()],
            },
            roles: vec![Role { arn: role, max_session_duration: 43_200 }],
            tls: pki.server_certificate(),
            ca_bundle: pki.root_pem_path(),
            port: 0,
            observer: None,
        }
    }

    /// The ARN of a trust anchor, by its place in [`anchors`](Self::anchors).
    pub fn trust_anchor_arn(&self, index: usize) -> String {
        self.arn(&format!("trust-anchor/aaaaaaaa-bbbb-cccc-dddd-{index:012x}"))
    }

    /// The alias ARN of a trust anchor: `lab`, then `lab-1` and so on.
    pub fn trust_anchor_alias_arn(&self, index: usize) -> String {
        match index {
            0 => self.arn("alias/trust-anchor/lab"),
            _ => self.arn(&format!("alias/trust-anchor/lab-{index}")),
        }
    }

    /// The ARN of the profile.
    pub fn profile_arn(&self) -> String {
        self.arn("profile/11111111-2222-3333-4444-555555555555")
    }

    /// The alias ARN of the profile.
    pub fn profile_alias_arn(&self) -> String {
        self.arn("alias/profile/lab")
    }

    fn arn(&self, resource: &str) -> String {
        format!("arn:aws:rolesanywhere:{}:{}:{resource}", self.region, self.account)
    }
}

/// A running server, which stops when dropped.
#[derive(Debug)]
pub struct Server {
    listener: Listener,
    state: Arc<State>,
}

impl Server {
    /// Starts a server; it accepts connections when this returns.
    ///
    /// # Panics
    /// When the port is taken, or an anchor or the TLS certificate cannot be read.
    pub fn start(config: Config) -> Self {
        let (tls, port) = (config.tls.clone(), config.port);
        let state = Arc::new(State::new(config));
        Self { listener: Listener::start(port, &tls, Arc::clone(&state)), state }
    }

    /// `https://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("https://{}", self.listener.address())
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// The PEM file to trust for TLS.
    pub fn ca_bundle(&self) -> PathBuf {
        self.state.config().ca_bundle.clone()
    }

    /// The ARN of the first trust anchor.
    pub fn trust_anchor_arn(&self) -> String {
        self.state.config().trust_anchor_arn(0)
    }

    /// The ARN of the profile.
    pub fn profile_arn(&self) -> String {
        self.state.config().profile_arn()
    }

    /// The ARN of the first role.
    pub fn role_arn(&self) -> String {
        self.state.config().roles.first().expect("the account has a role").arn.clone()
    }

    /// keyanchor's options for a session from this server.
    pub fn arguments(&self) -> Vec<String> {
        [
            ("--trust-anchor-arn", self.trust_anchor_arn()),
            ("--profile-arn", self.profile_arn()),
            ("--role-arn", self.role_arn()),
            ("--endpoint", self.url()),
            ("--ca-bundle", self.ca_bundle().display().to_string()),
        ]
        .into_iter()
        .flat_map(|(option, value)| [option.to_owned(), value])
        .collect()
    }

    /// Every request that arrived whole, in order, with what became of it.
    pub fn requests(&self) -> Vec<Request> {
        self.state.requests()
    }

    /// How many TCP connections were accepted, with or without a request.
    pub fn connections(&self) -> usize {
        self.state.connections()
    }

    /// What the server does with requests from now on; it starts with [`Behaviour::Verify`].
    pub fn behave(&self, behaviour: Behaviour) {
        self.state.behave(behaviour);
    }

    /// Sets the server's clock, and its `Date` header, that many seconds ahead of the machine's.
    pub fn clock_offset(&self, seconds: i64) {
        self.state.clock.offset(seconds);
    }
}
