//! The hardware edge as the main program sees it: a private key that we can use and never see.

use std::path::PathBuf;
use std::time::Duration;

use crate::certificate::Certificate;
use crate::deadline::Deadline;
use crate::key::public_key::{PublicKey, PublicKeyError, Scheme};
use crate::key::tss2::Tss2Error;
use crate::wire::failure::Holder;
use crate::wire::{Awaited, Failure, PinRules, Wanted};

pub mod file;
pub mod hosted;
pub mod modules;
pub mod tcti;
pub mod tpm;

/// A private key in a device, or in a file.
pub trait Signer: Send + Sync {
    /// Its public half.
    fn public_key(&self) -> &PublicKey;

    /// Makes the key ready to sign, and asks a person for a PIN where one is needed: afterwards
    /// only the device's own time passes.
    ///
    /// # Errors
    /// When the person or the device refuses, or does not answer in time.
    fn unlock(&self) -> Result<(), Error>;

    /// Signs a message; the signature is encoded as the scheme says. It takes the message and not
    /// its hash, because who hashes depends on the device. May ask a person for a PIN.
    ///
    /// # Errors
    /// When the device or the person refuses, or does not answer in time.
    fn sign(&self, scheme: Scheme, message: &[u8]) -> Result<Vec<u8>, Error>;

    /// Certificates that are kept where the key is.
    ///
    /// # Errors
    /// When the device does not answer.
    fn certificates(&self, wanted: &Wanted) -> Result<Vec<Certificate>, Error>;

    /// No further signature is expected soon: the device is let go, unless a person would have to be
    /// asked again for it.
    fn release(&self);
}

/// How device hosts are run.
#[derive(Clone)]
pub struct Settings {
    /// `--pkcs11-lib`
    pub module: Option<PathBuf>,
    /// `--pkcs11-init-args`, for the one module that is named
    pub init_args: Option<String>,
    /// `KEYANCHOR_PKCS11_LIB`
    pub default_module: Option<PathBuf>,
    /// `KEYANCHOR_PIN_FILE`, which counts where neither an option nor the URI says where the PIN is.
    pub pin_file: Option<PathBuf>,
    /// The options about the PIN.
    pub pin: PinRules,
    /// Whether a PIN may be sent, and a person asked, at all.
    pub login: bool,
    /// How long to wait for a token that is not there.
    pub wait: Duration,
    /// What the host and its module write to stderr is shown.
    pub debug: bool,
    /// The folders that the sandbox of a host leaves open as well; `None` where there is none.
    pub sandbox: Option<Vec<PathBuf>>,
    /// Memory that cannot be locked is an error.
    pub strict_memory: bool,
    /// When all must be over.
    pub deadline: Deadline,
}

fn missed(awaited: Awaited) -> &'static str {
    match awaited {
        Awaited::Pad => "no PIN was typed on the reader",
        Awaited::Pin => "no PIN was given",
        Awaited::Token => "no token was put in",
        Awaited::Touch => "the token was not touched",
    }
}

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The host died in the middle of a call.
    #[error("the {device} {how} in {function}")]
    Crashed {
        /// The device that was open.
        device: String,
        /// `crashed (signal 11)`, or `ended the process (status 3)`.
        how: String,
        /// The function that ran.
        function: String,
        /// Whether the host was in a sandbox, which may be why.
        sandboxed: bool,
    },
    /// The host reports a failure.
    #[error(transparent)]
    Device(#[from] Failure),
    /// A call did not return in time.
    #[error("the {device} did not return from {function} within {waited:?}")]
    Hung {
        /// The device that was open.
        device: String,
        /// The function that runs.
        function: String,
        /// How long it was waited for.
        waited: Duration,
    },
    /// Somebody ended the host in the middle of a call: a person, or a system without memory.
    #[error("the device host was killed in {function} of the {device}")]
    Killed {
        /// The device that was open.
        device: String,
        /// The function that ran.
        function: String,
    },
    /// A key file that cannot be used.
    #[error("the key file {} cannot be used", path.display())]
    KeyFile {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// A module that others could change: it is not loaded.
    #[error("the PKCS#11 module {} is not safe to load", module.display())]
    Module {
        /// The module as it was named.
        module: PathBuf,
        /// Why not.
        reason: String,
    },
    /// Nothing more can be done without a login, and none may be made.
    #[error("the token shows no more without a login")]
    LoginNeeded,
    /// The host ended while a person was asked for the PIN.
    #[error("no PIN was given: the device host {how}")]
    LostWithTheQuestion {
        /// `was ended (signal 15)`, or `ended its process (status 3)`.
        how: String,
    },
    /// A PIN that was configured, and several tokens that it could be for.
    #[error("the PIN that is configured was not tried on {of}")]
    ManyTokens {
        /// The token.
        of: Holder,
        /// How many there are.
        tokens: usize,
    },
    /// No module was named, and none is registered.
    #[error("no PKCS#11 module is known")]
    NoModule,
    /// The module that was named is not there.
    #[error("there is no PKCS#11 module {}", module.display())]
    NoSuchModule {
        /// The module as it was named.
        module: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The device host's program is not where it should be.
    #[error("the device host {program} is not installed")]
    NotInstalled {
        /// Its name.
        program: &'static str,
        /// Where it was looked for.
        tried: Vec<PathBuf>,
    },
    /// A device host that others could have changed: it is not started.
    #[error("the device host {program} is not safe to start")]
    UnsafeHost {
        /// Its name.
        program: &'static str,
        /// Why not.
        reason: String,
    },
    /// A person did not answer in time.
    #[error("{} within {waited:?}", missed(*.awaited))]
    NobodyAnswered {
        /// What they were to do.
        awaited: Awaited,
        /// How long they were given.
        waited: Duration,
    },
    /// A TPM that cannot be asked.
    #[error(transparent)]
    NoTpm(#[from] tcti::NoTpm),
    /// The device does not show the public half, and no certificate tells it.
    #[error("the token does not show the public half of {key}")]
    NoPublicKey {
        /// The key, as a URI.
        key: String,
    },
    /// The host reports a failure for which its sandbox may be the reason.
    #[error(transparent)]
    Sandboxed(Failure),
    /// No process or thread could be started.
    #[error("the device host could not be started")]
    System(std::io::Error),
    /// A library that the device host is linked with is not there.
    #[error("{what} support is not installed")]
    NoLibrary {
        /// `TPM` or `smart card`.
        what: &'static str,
        /// The host's program.
        program: &'static str,
        /// The library.
        library: &'static str,
        /// The packages that hold it, by distribution.
        packages: &'static str,
    },
    /// A TPM's key file that cannot be used.
    #[error("the key file {} cannot be used", path.display())]
    TpmKeyFile {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: Tss2Error,
    },
    /// The host is of another build, or does not speak as it should.
    #[error("the device host does not fit this keyanchor")]
    Unfit {
        /// What it said.
        reason: String,
    },
    /// The key is of a kind that the service does not take.
    #[error("the key {key} cannot be used")]
    Unsupported {
        /// The key, as a URI or a path.
        key: String,
        /// Which kind it is.
        source: PublicKeyError,
    },
}
