//! The options that say which key, which certificate, which session, and how: those of every verb
//! that has to do with credentials.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Arg, Args};

use crate::cli::hosts::HostOptions;
use crate::cli::pin::PinOptions;
use crate::cli::{log, value};
use crate::error::Usage;

const KEY_HELP: &str = "A pkcs11: URI, tpm:handle=0x81…, piv:slot=9a or a PEM file
(--pkcs11-uri and --private-key are other names of this option)";

/// Key, certificate, session and network, as they were typed.
#[derive(Args)]
#[group(skip)]
pub struct Options {
    /// The private key
    #[arg(long, value_name = "REF", aliases = ["pkcs11-uri", "private-key"], help = KEY_HELP)]
    pub(super) key: Vec<OsString>,
    /// Its certificate, a file or pkcs11: URI, if not beside the key
    #[arg(long, value_name = "FILE|URI")]
    pub(super) certificate: Option<OsString>,
    /// Certificates between it and the trust anchor, PEM
    #[arg(long, value_name = "FILE")]
    pub(super) intermediates: Option<PathBuf>,
    /// The trust anchor (or its alias ARN)
    #[arg(long, value_name = "ARN")]
    pub(super) trust_anchor_arn: Option<String>,
    /// The profile (or its alias ARN)
    #[arg(long, value_name = "ARN")]
    pub(super) profile_arn: Option<String>,
    /// The role to take on
    #[arg(long, value_name = "ARN")]
    pub(super) role_arn: Option<String>,
    /// How long the credentials last, 900 to 43200
    #[arg(long, value_name = "SECONDS", default_value = "3600")]
    pub(super) session_duration: String,
    /// The session's name, where the profile accepts one
    #[arg(long, value_name = "NAME")]
    pub(super) role_session_name: Option<String>,
    /// The region, if not the trust anchor's
    #[arg(long)]
    pub(super) region: Option<String>,
    /// Another endpoint, such as a VPC endpoint's URL
    #[arg(long, value_name = "URL")]
    pub(super) endpoint: Option<String>,
    /// Use the FIPS endpoint
    #[arg(long)]
    pub(super) fips: bool,
    /// Use the endpoint for IPv4 and IPv6
    #[arg(long)]
    pub(super) dual_stack: bool,
    /// Trust these CA certificates and no others, PEM
    #[arg(long, value_name = "FILE")]
    pub(super) ca_bundle: Option<PathBuf>,
    /// Trust these CA certificates as well, PEM
    #[arg(long, value_name = "FILE", conflicts_with = "ca_bundle")]
    pub(super) ca_file: Option<PathBuf>,
    /// The PKCS#11 module, if not one that is registered
    #[arg(long, value_name = "FILE")]
    pub(super) pkcs11_lib: Option<PathBuf>,
    /// A text that this module wants in C_Initialize, as NSS does
    #[arg(long, value_name = "TEXT")]
    pub(super) pkcs11_init_args: Option<String>,
    #[command(flatten)]
    pub(super) pin: PinOptions,
    #[command(flatten)]
    pub(super) hosts: HostOptions,
    /// Ask for new credentials, and keep none for the next run
    #[arg(long)]
    no_cache: bool,
    /// Wait so long for a token, or for a run that gets the same
    #[arg(long, value_name = "TIME")]
    pub(super) wait: Option<String>,
    /// How long a run may take, a person's time apart
    #[arg(long, value_name = "TIME", default_value = "15s")]
    pub(super) timeout: String,
    /// How long a person may take, 50s at most
    #[arg(long, value_name = "TIME", default_value = "50s")]
    pub(super) answer_timeout: String,
    /// Say on stderr what is done; never a secret
    #[arg(long)]
    pub(super) debug: bool,
    /// Say on stderr how long each phase takes
    #[arg(long)]
    pub(super) trace_timing: bool,
}

impl Options {
    /// Switches on what `--debug` and `--trace-timing` ask for.
    pub(in crate::cli) fn start_log(&self) {
        log::start(self.debug, self.trace_timing);
    }

    /// Whether credentials are kept for the next run.
    pub(in crate::cli) fn caches(&self) -> Result<bool, Usage> {
        Ok(value::cache(std::env::var_os("KEYANCHOR_CACHE"))? && !self.no_cache)
    }
}

/// What credentials cannot be had without: for `mut_args` of a verb that needs all of it.
pub fn demanded(option: Arg) -> Arg {
    match option.get_id().as_str() {
        "key" => option.required_unless_present("certificate"),
        "trust_anchor_arn" | "profile_arn" | "role_arn" => option.required(true),
        _ => option,
    }
}
