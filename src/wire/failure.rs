//! What can go wrong in a device host, as a value that crosses to the main program: each names its
//! object, and none holds a secret. Exit codes and hints are the main program's affair.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A request that failed.
#[derive(Debug, Serialize, Deserialize, thiserror::Error)]
pub enum Failure {
    /// More than one thing fits, and none may be picked silently.
    #[error("{} {what} fit {wanted}", candidates.len())]
    Ambiguous {
        /// `tokens`, `keys` or `certificates`.
        what: String,
        /// What was looked for, as a URI.
        wanted: String,
        /// All of them, as URIs.
        candidates: Vec<String>,
    },
    /// Other processes held the token's lock all the time.
    #[error("the module {module} is in use by another process")]
    Busy {
        /// The module.
        module: String,
    },
    /// A PKCS#11 function answered with an error.
    #[error("{function} failed on {subject}")]
    Call {
        /// The function, such as `C_Sign`.
        function: String,
        /// The return value's name, such as `CKR_DEVICE_REMOVED`, or its number in hexadecimal.
        code: String,
        /// What it was called for: a token, or a module.
        subject: String,
        /// What the code means, for a person.
        meaning: String,
    },
    /// The key cannot do what it is asked to.
    #[error("the key {key} cannot be used")]
    Key {
        /// The key, as a URI.
        key: String,
        /// Why not.
        reason: String,
    },
    /// A private directory for locks and records is there, but not ours alone, or full or spoiled.
    #[error("the folder for locks and refused PINs cannot be used")]
    Lock {
        /// Which, and why.
        reason: String,
    },
    /// The module cannot be loaded, or is not one.
    #[error("{module} is not a usable PKCS#11 module")]
    Module {
        /// The module.
        module: String,
        /// What the loader said.
        reason: String,
    },
    /// Nothing on the token fits.
    #[error("no {what} fits {wanted}")]
    NoObject {
        /// `key` or `certificate`.
        what: String,
        /// What was looked for, as a URI.
        wanted: String,
        /// The keys or certificates that are there, as URIs; cut where there are many.
        present: Vec<String>,
    },
    /// No token fits.
    #[error("no token fits {wanted}")]
    NoToken {
        /// What was looked for, as a URI.
        wanted: String,
        /// The labels of the tokens that are there.
        present: Vec<String>,
    },
    /// A PIN is needed, and there is nobody to ask and no source.
    #[error("no terminal to ask for the PIN of token '{token}'")]
    NoTerminal {
        /// The token's label.
        token: String,
        /// Whether anybody may be asked at all.
        prompts: bool,
    },
    /// The token has no PIN yet.
    #[error("token '{token}' has no user PIN yet")]
    NoPinSet {
        /// The token's label.
        token: String,
    },
    /// The program that was to ask for the PIN cannot.
    #[error("nobody could be asked for the PIN of token '{token}'")]
    Asker {
        /// The token's label.
        token: String,
        /// Which program, and why not.
        reason: String,
    },
    /// A wrong PIN would lock the token now.
    #[error("only one try is left for the PIN of token '{token}'")]
    PinAtLastTry {
        /// The token's label.
        token: String,
    },
    /// The person gave up.
    #[error("no PIN was given for token '{token}'")]
    PinCancelled {
        /// The token's label.
        token: String,
    },
    /// The token takes no PIN any more.
    #[error("the PIN of token '{token}' is locked")]
    PinLocked {
        /// The token's label.
        token: String,
        /// Where the PIN came from that was sent before the token said so; `None` where it had said
        /// so itself, and nothing was sent.
        sent: Option<Origin>,
    },
    /// The token has refused this PIN before, in this run or another, and it is the same still.
    #[error("the PIN for token '{token}' was refused before, and is not sent again")]
    PinRefusedBefore {
        /// The token's label.
        token: String,
        /// Where it is.
        origin: Origin,
        /// When it was refused, in seconds since 1970.
        refused: u64,
    },
    /// A PIN that cannot be one, or a source that cannot be read: nothing was tried.
    #[error("the PIN for token '{token}' cannot be used")]
    PinSource {
        /// The token's label.
        token: String,
        /// Where it is.
        origin: Origin,
        /// Why not.
        reason: String,
    },
    /// The token refused the PIN.
    #[error("wrong PIN for token '{token}'")]
    PinWrong {
        /// The token's label.
        token: String,
        /// Where it came from.
        origin: Origin,
        /// What the token tells about the tries that are left.
        tries: Tries,
    },
    /// The token is not there any more.
    #[error("{subject} was removed")]
    Removed {
        /// The token, with its label.
        subject: String,
        /// How that came out.
        cause: String,
    },
    /// The host cannot start what it needs.
    #[error("the device host is out of resources")]
    Resources {
        /// What the system said.
        reason: String,
    },
    /// An answer that is longer than a frame.
    #[error("the token holds more than can be read at once")]
    TooMuch,
    /// A message that the host did not expect.
    #[error("the device host was asked for something out of order")]
    Protocol,
}

/// Where a PIN came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Origin {
    /// `--pin-command`: the program, without its arguments.
    Command(String),
    /// `--pin-credential`: its name.
    Credential(String),
    /// `--pin-fd`
    Descriptor,
    /// A file, by its path.
    File(String),
    /// The keys of the device itself.
    Pad,
    /// A person, who was asked.
    Typed,
    /// `pin-value`
    Value,
    /// `--pin-env`, without the name: some write the PIN there.
    Variable,
}

impl Origin {
    /// Whether a change of it can be seen.
    #[must_use]
    pub fn is_a_file(&self) -> bool {
        matches!(self, Self::File(_))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command(program) => write!(f, "the program {program}"),
            Self::Credential(name) => write!(f, "the credential {name}"),
            Self::Descriptor => write!(f, "the file descriptor of --pin-fd"),
            Self::File(path) => write!(f, "{path}"),
            Self::Pad => write!(f, "the keys of the reader"),
            Self::Typed => write!(f, "the keyboard"),
            Self::Value => write!(f, "pin-value"),
            Self::Variable => write!(f, "the variable of --pin-env"),
        }
    }
}

/// How many tries a token says are left: PKCS#11 has flags for it, and no number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Tries {
    /// CKF_USER_PIN_COUNT_LOW: some, fewer than all.
    Few,
    /// CKF_USER_PIN_LOCKED
    None,
    /// CKF_USER_PIN_FINAL_TRY
    One,
    /// No flag is set; many tokens never set one.
    Unknown,
}
