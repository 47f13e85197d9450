//! What keyanchor and its device hosts say to each other: one JSON message a frame, over the
//! host's stdin and stdout. The main program asks, the host answers; notices come in between.
//!
//! The order is hello → open → select → (certificates) → (unlock) → sign, or hello → open → list;
//! closing the host's stdin ends it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::key::piv::Slot;
use crate::key::public_key::Scheme;
use crate::key::uri::{ObjectFilter, TokenFilter};
use crate::sandbox::Sandbox;

mod bytes;
pub mod failure;
pub mod frame;
pub mod list;
pub mod outbox;
pub mod piv;
pub mod tpm;

pub use bytes::{Bytes, FilePath};
pub use failure::Failure;

/// Both sides must be of one build: the frames carry no other version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What the main program asks for.
#[derive(Serialize, Deserialize)]
pub enum Request {
    /// Open the device: load a module, or connect. Answered by [`Reply::Opened`].
    Open(Open),
    /// Find one private key. Answered by [`Reply::Selected`] or [`Reply::Hidden`].
    Select(Box<Select>),
    /// Read certificates. Answered by [`Reply::Certificates`] or [`Reply::Hidden`].
    Certificates(Wanted),
    /// Say what is on all tokens, without a login; or, after a login, on the one that is named.
    /// Answered by [`Reply::Listed`].
    List(Option<Box<TokenFilter>>),
    /// Tell a person to put this token in, until stdin ends. Not answered; nothing need be open.
    Insert {
        /// Its name.
        token: String,
        /// Who may be told, and what they may not see. No PIN is sent.
        pin: PinRules,
        /// Whether the host goes into a sandbox.
        sandbox: bool,
    },
    /// Say what a login to the token that is named, or to that of the selected key, would meet. No
    /// PIN is read or sent, and nobody is asked. Answered by [`Reply::Foreseen`].
    Foresee(Option<Box<TokenFilter>>),
    /// Log in, so that hidden objects appear. Answered by [`Reply::Unlocked`].
    Unlock,
    /// Sign with the selected key, after logging in where that is needed. Answered by
    /// [`Reply::Signature`].
    Sign {
        /// How.
        scheme: Scheme,
        /// The message itself, not its hash.
        message: Bytes,
    },
}

/// Which device is opened, and from where a PIN may come.
#[derive(Serialize, Deserialize)]
pub struct Open {
    /// The device.
    pub device: Address,
    /// How long to wait for other processes that use the same device, in milliseconds.
    pub patience: u64,
    /// Where the PIN is.
    pub pin: PinRules,
    /// The file with the password of a TPM key's parent.
    pub parent_pin: Option<FilePath>,
    /// The folders that a sandbox is to leave open as well; without it there is no sandbox.
    pub sandbox: Option<Vec<FilePath>>,
    /// Memory that cannot be locked is an error.
    pub strict_memory: bool,
}

/// Where a device is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Address {
    /// PIV cards in the readers of PC/SC.
    Piv(piv::Cards),
    /// A PKCS#11 module.
    Pkcs11 {
        /// Its canonical path, already checked.
        module: FilePath,
        /// A text without NUL that it is given in C_Initialize (pReserved).
        init_args: Option<String>,
    },
    /// A TPM.
    Tpm {
        /// What libtss2 calls a TCTI, such as `device:/dev/tpmrm0`.
        tcti: String,
    },
}

/// As a subject of messages.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Piv(piv::Cards::All) => f.write_str("smart card service"),
            Self::Piv(piv::Cards::One(card)) => card.fmt(f),
            Self::Pkcs11 { module, .. } => write!(f, "PKCS#11 module {}", module.0.display()),
            Self::Tpm { tcti } => write!(f, "TPM at {tcti}"),
        }
    }
}

/// Where a PIN may come from, and what may be done with it. The PIN itself is never in a message.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct PinRules {
    /// Where it is; a person is asked where that is not said.
    pub source: Option<PinSource>,
    /// Nobody may be asked.
    pub no_prompt: bool,
    /// Whether the token may be logged in to when a wrong PIN would lock it.
    pub last_try: bool,
    /// A key that wants a PIN with each signature gets the token's, and nobody is asked for another.
    pub reuse: bool,
    /// The TPM's key has no password.
    pub no_password: bool,
    /// Where a PIN is that is for others: it is not sent, and no program that is started has it.
    pub withheld: Option<PinSource>,
}

impl PinRules {
    /// The same for a host that is not given the PIN.
    #[must_use]
    pub fn withholding(self) -> Self {
        Self { source: None, withheld: self.source.or(self.withheld), ..self }
    }
}

/// A place that holds a PIN.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum PinSource {
    /// The output of a program: its absolute path, and its arguments.
    Command(Vec<String>),
    /// A file of that name in `$CREDENTIALS_DIRECTORY` (systemd.exec(5), LoadCredential=).
    Credential(String),
    /// An inherited file descriptor.
    Descriptor(u32),
    /// An environment variable.
    Environment(String),
    /// A file.
    File(FilePath),
    /// `pin-value` of the URI: a frame of its own follows the message.
    Value,
}

impl PinSource {
    /// Whether reading it may take its time: a program may ask a person, and a pipe waits for
    /// whoever writes to it. Nor can it be read twice at no cost.
    #[must_use]
    pub fn may_take_long(&self) -> bool {
        matches!(self, Self::Command(_) | Self::Descriptor(_))
    }
}

/// Which private key.
#[derive(Serialize, Deserialize)]
pub struct Select {
    /// What names it.
    pub key: Named,
    /// The SubjectPublicKeyInfo that it must have, where that is known: it decides among several.
    pub public_key: Option<Bytes>,
}

/// What names a private key.
#[derive(Serialize, Deserialize)]
pub enum Named {
    /// Its slot in a PIV card.
    Piv(Slot),
    /// The token that it is on, and what it looks like.
    Pkcs11(Box<(TokenFilter, ObjectFilter)>),
    /// Where it is for a TPM.
    Tpm(Box<tpm::Wanted>),
}

/// Which certificates.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Wanted {
    /// Those that a URI names, wherever the selected key is.
    At(Box<(TokenFilter, ObjectFilter)>),
    /// Those beside the selected key: of its CKA_ID or, where there are none, all of its token.
    BesideKey,
    /// Those with this subject (a DER Name) on the token that was read last.
    Subject(Bytes),
}

/// What a host answers.
#[derive(Serialize, Deserialize)]
pub enum Reply {
    /// The first frame of a host.
    Hello {
        /// Its build's version.
        version: String,
    },
    /// The module is loaded and initialised.
    Opened,
    /// The key was found.
    Selected(Selected),
    /// One token fits, but nothing on it can be seen without logging in.
    Hidden,
    /// A login would be tried.
    Foreseen(Foreseen),
    /// Logged in.
    Unlocked,
    /// DER certificates.
    Certificates(Vec<Bytes>),
    /// What is on the tokens.
    Listed(list::Listed),
    /// Which PIV cards there are.
    ListedPiv(piv::Listed),
    /// What is in the TPM.
    ListedTpm(tpm::Listed),
    /// A signature, encoded as its [`Scheme`] says.
    Signature(Bytes),
    /// The request failed; the host lives on.
    Failed(Failure),
    /// Not an answer: what happens meanwhile.
    Notice(Notice),
}

/// What a login would be tried with.
#[derive(Debug, Serialize, Deserialize)]
pub struct Foreseen {
    /// What the device says about its PIN.
    pub tries: failure::Tries,
    /// Where a PIN is configured; `None` where a person would be asked.
    pub configured: Option<failure::Origin>,
}

/// The key that was found.
#[derive(Serialize, Deserialize)]
pub struct Selected {
    /// Its URI, for messages.
    pub uri: String,
    /// Its SubjectPublicKeyInfo, where the device shows it.
    pub public_key: Option<Bytes>,
}

/// What happens while the main program waits.
#[derive(Serialize, Deserialize)]
pub enum Notice {
    /// The device is about to run this function; if nothing more is heard, it is to blame.
    Calling(String),
    /// A person is waited for: their time does not count.
    Waiting(Awaited),
    /// The person has answered, or gave up.
    Resumed,
    /// The host is in a sandbox from now on.
    Sandboxed(Sandbox),
}

/// What a person is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Awaited {
    /// A PIN that is typed on the device.
    Pad,
    /// A PIN, by a question or from a program.
    Pin,
    /// A token that is not there.
    Token,
    /// A touch.
    Touch,
}
