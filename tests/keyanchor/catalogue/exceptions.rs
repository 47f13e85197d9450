//! Sentences of the source that stand in no golden file, each group with its reason. An exception
//! that is none any more is an error too.

/// Reason, and how the sentences begin.
pub(super) const EXCEPTIONS: &[(&str, &[&str])] = &[
    (
        "no error: a warning, a question, a word for those who start a host by hand, a request",
        &[
            "keyanchor: warning: ",
            "no new credentials, those at hand end at ",
            "a wrong PIN was entered before",
            "this is the last try: ",
            "{caller} wants to ",
            "this {} was refused a moment ago, and was not sent again",
            "the key wants a PIN of its own with each signature",
            "type the PIN on the reader of {}",
            "the token of {}",
            "a device host is started by keyanchor, not by hand",
            "{}, above {name}",
            "{} Credential={}/{}, SignedHeaders=",
        ],
    ),
    (
        "the words of a library, a file or the system that are looked for, and replaced by ours",
        &[
            " (os error",
            "certificate expired",
            "not valid for name",
            "corrupt message",
            "only valid for ",
            "-----BEGIN TSS2 PRIVATE KEY-----",
            "-----END TSS2 PRIVATE KEY-----",
        ],
    ),
    (
        "only where somebody ends the process that starts programs, or it is missing by a fault of ours",
        &["no process is there to start it", "the process that starts programs has ended"],
    ),
    (
        "never told: a file of the cache that is not as it must be is a miss",
        &["others can read or change it"],
    ),
    (
        "found earlier: what is empty is told by its option, what is no URI is a path",
        &[
            "the reference is empty",
            "it does not begin with 'pkcs11:'",
            "it does not begin with 'tpm:' or 'handle:'",
            "it does not begin with 'piv:'",
            "no slot with a key",
            "its public half is not known",
            "no card has keys of this kind",
        ],
    ),
    (
        "cannot be provoked from outside: the libraries would have to break their own promises",
        &[
            "the command line cannot be understood",
            "a thread ended without a result",
            "it was read before",
            "no token was put in",
            "put it in, and run it again",
            "it was not made",
            "the connection is kept for later",
            "they could not be read before",
            "its public half is not usable",
            "it cannot make this kind of signature",
            "signing failed",
        ],
    ),
    (
        "no error: what a program that asks or shows is told, by its own protocol",
        &["keyanchor: done", "OPTION ", "SETPROMPT {}:", "SETTIMEOUT {}", "SETTITLE keyanchor"],
    ),
    (
        "no error: names of commands that are announced, of a slot's purpose, of the cards in the list",
        &["GET METADATA", "GET SERIAL", "GET VERSION", "retired {}", "smart cards"],
    ),
    (
        "the lab's pcscd has no polkit, and its holders of cards are of one user",
        &[
            "the rules of polkit decide who may use cards",
            "it is a fault of keyanchor-piv or of libpcsclite",
            "the smart card reader cannot be used",
            "which one cannot be seen from here",
        ],
    ),
    (
        "processes of other tests may be named too: tests/keyanchor/piv/sharing.rs",
        &["end what uses the card, or run it again"],
    ),
    ("nobody is there who could read it", &["nobody waits for its answer any more"]),
    (
        "found earlier, by the option: a unit test of src/prompt/program.rs provokes it",
        &["no program is named"],
    ),
    (
        "no fault of our own is known; a test of src/cli/fault.rs makes one",
        &[
            "keyanchor came upon a fault of its own",
            "run it with --debug and report it",
            "an unknown place",
        ],
    ),
    (
        "a file whose name is another one for each token: tests/keyanchor/pins/memory.rs",
        &["not a record of refused PINs"],
    ),
    (
        "told as what was not tried, and not as an error: tests/keyanchor/doctor/tokens.rs",
        &["the token shows no more without a login"],
    ),
    ("no program of ours is silent at its start", &["says nothing"]),
    (
        "between our own programs, which are of one build",
        &["not base64", "the device host was asked for something out of order"],
    ),
    (
        "found earlier: the main program reads references, key files and places before a host does",
        &[
            "it is no NV index",
            "it is no persistent handle",
            "its parent {:#x} is neither a hierarchy nor persistent",
            "it does not hold the two halves of a TPM's key",
            "'{kind}' is not a way to a TPM",
            "{kind} knows {}, not '{key}'",
            "give device:/dev/tpmrm0, swtpm:host=",
        ],
    ),
    (
        "no TPM of the lab makes such a key, or such an answer",
        &[
            "it is of a kind that this version does not know",
            "what came with it is not known here",
            "it is no RSA or EC key",
            "it may neither sign nor decrypt",
            "symmetric cipher",
            "no code",
        ],
    ),
    (
        "the host asks for the password instead: tests/keyanchor/tpm/prompts.rs",
        &["{parent}, the parent of {key}, wants a password", "the key cannot be loaded without it"],
    ),
    (
        "an index of the TPM is told with its own hint: tests/keyanchor/tpm/refused.rs",
        &[
            "the index may not be read this way",
            "allow it with ownerread or authread",
            "nothing was written there yet",
            "write the certificate with tpm2_nvwrite",
        ],
    ),
    (
        "a limit on files; a unit test of src/identity/files.rs goes beyond it",
        &["it holds more than {MOST} certificates"],
    ),
    (
        "beside a token in the list, not an error of a run: tests/keyanchor/list/logins.rs",
        &[
            "X25519 or X448",
            "it is for one token, and {tokens} tokens want one",
            "name the module of that token with --pkcs11-lib, or type the PINs",
            "the PIN that is configured was not tried on",
        ],
    ),
];
