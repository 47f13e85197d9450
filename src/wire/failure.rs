//! What can go wrong in a device host, as a value that crosses to the main program: each names its
//! object, and none holds a secret. Exit codes and hints are the main program's affair.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What is wrong where secrets cannot be kept in memory: in a host as in the main program.
pub const SWAPPABLE: &str =
    "memory for secrets cannot be locked, and they could be swapped to disk";

/// A request that failed.
#[derive(Debug, Serialize, Deserialize, thiserror::Error)]
pub enum Failure {
    /// More than one thing fits, and none may be picked silently.
    #[error("{} {what} fit {wanted}", candidates.len())]
    Ambiguous {
        /// `tokens`, `keys`, `certificates`, `modules` or `cards`.
        what: String,
        /// What was looked for, as a URI.
        wanted: String,
        /// All of them, as URIs.
        candidates: Vec<String>,
    },
    /// Other processes held the token's lock all the time.
    #[error("the {device} is in use by another process")]
    Busy {
        /// The device, with what kind it is.
        device: String,
    },
    /// A PKCS#11 function, a TPM's or a card's command, or one of PC/SC, answered with an error.
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
    /// A card that was asked does not answer.
    #[error("{card} does not answer")]
    CardSilent {
        /// The card, by the name of its reader.
        card: String,
    },
    /// Another program has the card for itself.
    #[error("{card} is in use by another program")]
    CardInUse {
        /// The card, by the name of its reader where no more is known.
        card: String,
        /// Who it probably is: `scdaemon (process 4242)`; the main program finds that out.
        by: Vec<String>,
    },
    /// Another program takes the PIN's effect away again and again, or uses up tries.
    #[error("another program interferes with {card}")]
    Disturbed {
        /// The card.
        card: String,
        /// What it does.
        reason: String,
    },
    /// The key cannot do what it is asked to.
    #[error("the key {key} cannot be used")]
    Key {
        /// The key, as a URI.
        key: String,
        /// Why not.
        reason: String,
    },
    /// The TPM takes no password of a protected key, right or wrong.
    #[error("the TPM is in lock-out, and {key} cannot be used")]
    Lockout {
        /// The key, as a URI.
        key: String,
        /// Whether that was said before anything was sent.
        untried: bool,
        /// After how many seconds one more try is allowed, at the latest.
        heals: Option<u64>,
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
    /// The certificate beside a key in a card is none.
    #[error("the certificate beside {key} cannot be read")]
    SlotCertificate {
        /// The key, as a URI.
        key: String,
        /// Why not.
        reason: String,
    },
    /// There is no card to be used.
    #[error("{}", no_card(.wanted, *.trouble))]
    NoCard {
        /// What was looked for: `YubiKey with serial 12345678`.
        wanted: String,
        /// What the trouble is.
        trouble: NoCard,
        /// The cards that are there, and the readers without one; or what the system said.
        present: Vec<String>,
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
    #[error("no terminal to ask for the {} of {of}", .of.word())]
    NoTerminal {
        /// What it is for.
        of: Holder,
        /// Whether anybody may be asked at all.
        prompts: bool,
    },
    /// Nobody touched it.
    #[error("{of} was not touched")]
    NoTouch {
        /// The card.
        of: Holder,
        /// After how many milliseconds it gave up.
        after: u64,
    },
    /// There is no TPM to be used.
    #[error("the TPM at {tcti} cannot be used")]
    NoTpm {
        /// Where it was looked for, as a TCTI string.
        tcti: String,
        /// What the trouble is.
        trouble: TpmTrouble,
        /// What the system said.
        reason: String,
    },
    /// An index of the TPM does not hold a certificate.
    #[error("no certificate can be read from the NV index {index}")]
    NvIndex {
        /// 0x01……
        index: String,
        /// Why not.
        reason: String,
    },
    /// The parent of a key wants a password too.
    #[error("{parent}, the parent of {key}, wants a password")]
    ParentPassword {
        /// The key, as a URI.
        key: String,
        /// A handle, or the name of a hierarchy.
        parent: String,
    },
    /// The token has no PIN yet.
    #[error("{of} has no user PIN yet")]
    NoPinSet {
        /// What it is for.
        of: Holder,
    },
    /// The program that was to ask for the PIN cannot.
    #[error("nobody could be asked for the {} of {of}", .of.word())]
    Asker {
        /// What it is for.
        of: Holder,
        /// Which program, and why not.
        reason: String,
    },
    /// A wrong PIN would lock the token now.
    #[error("only one try is left for the {} of {of}", .of.word())]
    PinAtLastTry {
        /// What it is for.
        of: Holder,
    },
    /// The person gave up.
    #[error("no {} was given for {of}", .of.word())]
    PinCancelled {
        /// What it is for.
        of: Holder,
    },
    /// The token takes no PIN any more.
    #[error("the {} of {of} is locked", .of.word())]
    PinLocked {
        /// What it is for.
        of: Holder,
        /// Where the PIN came from that was sent before the token said so; `None` where it had said
        /// so itself, and nothing was sent.
        sent: Option<Origin>,
    },
    /// The token has refused this PIN before, in this run or another, and it is the same still.
    #[error("the {} for {of} was refused before, and is not sent again", .of.word())]
    PinRefusedBefore {
        /// What it is for.
        of: Holder,
        /// Where it is.
        origin: Origin,
        /// When it was refused, in seconds since 1970.
        refused: u64,
    },
    /// A PIN that cannot be one, or a source that cannot be read: nothing was tried.
    #[error("the {} for {of} cannot be used", .of.word())]
    PinSource {
        /// What it is for.
        of: Holder,
        /// Where it is.
        origin: Origin,
        /// Why not.
        reason: String,
    },
    /// The token refused the PIN.
    #[error("wrong {} for {of}", .of.word())]
    PinWrong {
        /// What it is for.
        of: Holder,
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
    /// The TPM is not the one that passwords were sent to before, or somebody stands between.
    #[error("the TPM at {tcti} does not have the storage key of before")]
    Stranger {
        /// Where it is, as a TCTI string.
        tcti: String,
        /// The file that remembers the key.
        record: String,
    },
    /// Memory for secrets cannot be locked, and has to be.
    #[error("{SWAPPABLE}")]
    Swappable {
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

fn no_card(wanted: &str, trouble: NoCard) -> String {
    match trouble {
        NoCard::Absent => format!("no {wanted} is there"),
        NoCard::NotPermitted => "the smart card reader cannot be used".to_owned(),
        NoCard::NoReader => format!("no {wanted} is there, and no smart card reader"),
        NoCard::NoService => "the smart card service is not running".to_owned(),
    }
}

/// What a PIN or a password is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Holder {
    /// A PIV card, by its name: `YubiKey 12345678`.
    Card(String),
    /// A PKCS#11 token, by its label.
    Token(String),
    /// A key in a TPM, by its handle or the path of its file.
    TpmKey(String),
    /// What a key's file is loaded under: a persistent handle or a hierarchy.
    TpmParent(String),
}

impl Holder {
    /// What it wants to hear: a TPM has passwords (authValue), all else has PINs.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Card(_) | Self::Token(_) => "PIN",
            Self::TpmKey(_) | Self::TpmParent(_) => "password",
        }
    }

    /// What holds it.
    #[must_use]
    pub fn device(&self) -> &'static str {
        match self {
            Self::Card(_) => "card",
            Self::Token(_) => "token",
            Self::TpmKey(_) | Self::TpmParent(_) => "TPM",
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Card(name) => f.write_str(name),
            Self::Token(label) => write!(f, "token '{label}'"),
            Self::TpmKey(name) => write!(f, "TPM key {name}"),
            Self::TpmParent(name) => write!(f, "TPM parent {name}"),
        }
    }
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

/// Why there is no card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NoCard {
    /// There are readers, and none of them has it.
    Absent,
    /// This user may not use the reader.
    NotPermitted,
    /// There is no reader: a YubiKey is one itself.
    NoReader,
    /// The PC/SC daemon does not run.
    NoService,
}

/// Why there is no TPM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TpmTrouble {
    /// There is no such device.
    Absent,
    /// Another program has it for itself.
    Busy,
    /// This user may not use it.
    NotPermitted,
    /// What is said about where it is cannot be understood, or is not supported.
    Place,
    /// Nothing answers there.
    Silent,
}

/// How many tries a token says are left: PKCS#11 has flags for it, and no number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Tries {
    /// CKF_USER_PIN_COUNT_LOW: some, fewer than all.
    Few,
    /// So many, and more than one.
    Left(u32),
    /// CKF_USER_PIN_LOCKED
    None,
    /// CKF_USER_PIN_FINAL_TRY
    One,
    /// No flag is set; many tokens never set one.
    Unknown,
}
