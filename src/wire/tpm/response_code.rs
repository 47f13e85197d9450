//! TPM response codes in words (TPM 2.0 Part 2 §6.6): the name that manuals use, what it means for a
//! person, and what to do next. Codes of libtss2's own layers are in here too.

/// What answered, and with what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// TPM_RC of format one, without the number of what it is about.
    About(u32),
    /// Any other TPM_RC.
    Plain(u32),
    /// TSS2_RC of a layer of libtss2, with its number.
    Tss(u32, u32),
}

/// TSS2_TCTI_RC_LAYER: the connection.
const TCTI: u32 = 10;
/// TSS2_RESMGR_TPM_RC_LAYER: a resource manager, in the TPM's own words.
const RESOURCE_MANAGER: u32 = 11;

/// A code, its name, its meaning and a hint; the last two fall back to those of [`unknown`].
struct Entry {
    kind: Kind,
    name: &'static str,
    meaning: &'static str,
    hint: &'static str,
}

const fn entry(kind: Kind, name: &'static str, meaning: &'static str, hint: &'static str) -> Entry {
    Entry { kind, name, meaning, hint }
}

/// What one does whose key cannot be used.
pub const ANOTHER_KEY: &str = "name another key; keyanchor list shows those of the TPM";
/// What one does whose TPM does not answer.
pub const CONNECTION: &str = "see whether the TPM, or the program that stands for it, still runs";
const FREE: &str =
    "use /dev/tpmrm0, which shares the TPM, or flush what others left (tpm2_flushcontext -t, -l)";
const ITS_PASSWORD: &str = "give its password with --pin-file, or type it on a terminal";
const LATER: &str = "run it again in a moment; another program may keep the TPM busy";

const ENTRIES: [Entry; 26] = [
    entry(
        Kind::Plain(0x100),
        "TPM_RC_INITIALIZE",
        "the TPM was not started",
        "restart the computer; for a simulator, run tpm2_startup -c",
    ),
    entry(
        Kind::Plain(0x101),
        "TPM_RC_FAILURE",
        "the TPM is in failure mode",
        "restart the computer; if it stays so, the TPM is broken or its state is not readable",
    ),
    entry(Kind::Plain(0x12f), "TPM_RC_AUTH_UNAVAILABLE", "it takes no password", ANOTHER_KEY),
    entry(
        Kind::Plain(0x149),
        "TPM_RC_NV_AUTHORIZATION",
        "the index may not be read this way",
        "allow it with ownerread or authread, or give the certificate with --certificate",
    ),
    entry(
        Kind::Plain(0x14a),
        "TPM_RC_NV_UNINITIALIZED",
        "nothing was written there yet",
        "write the certificate with tpm2_nvwrite, or give it with --certificate",
    ),
    entry(Kind::About(0x02), "TPM_RC_ATTRIBUTES", "its attributes do not allow this", ANOTHER_KEY),
    entry(Kind::About(0x04), "TPM_RC_VALUE", "the TPM does not take this value", ANOTHER_KEY),
    entry(
        Kind::About(0x05),
        "TPM_RC_HIERARCHY",
        "the hierarchy is not enabled",
        "see the TPM's settings in the firmware",
    ),
    entry(
        Kind::About(0x0a),
        "TPM_RC_TYPE",
        "it is not of a type that can do this; a parent must be a storage key",
        ANOTHER_KEY,
    ),
    entry(
        Kind::About(0x0b),
        "TPM_RC_HANDLE",
        "there is nothing at this handle",
        "see what is there with keyanchor list or tpm2_getcap handles-persistent",
    ),
    entry(
        Kind::About(0x0e),
        "TPM_RC_AUTH_FAIL",
        "it has a password, and a wrong one counts towards the lock-out",
        ITS_PASSWORD,
    ),
    entry(
        Kind::About(0x12),
        "TPM_RC_SCHEME",
        "the key is for another kind of signature",
        ANOTHER_KEY,
    ),
    entry(
        Kind::About(0x15),
        "TPM_RC_SIZE",
        "something is not of the size that the TPM wants",
        ANOTHER_KEY,
    ),
    entry(Kind::About(0x1c), "TPM_RC_KEY", "the key may not sign", ANOTHER_KEY),
    entry(
        Kind::About(0x1d),
        "TPM_RC_POLICY_FAIL",
        "it can be used by a policy only",
        "name a key with userwithauth; policies are not supported by this version",
    ),
    entry(
        Kind::About(0x1f),
        "TPM_RC_INTEGRITY",
        "the key is from another TPM or has another parent",
        "make a key on this TPM; after a TPM was cleared, older files do not work any more",
    ),
    entry(Kind::About(0x22), "TPM_RC_BAD_AUTH", "it has a password", ITS_PASSWORD),
    entry(
        Kind::Plain(0x902),
        "TPM_RC_OBJECT_MEMORY",
        "all places for keys in the TPM are taken",
        FREE,
    ),
    entry(
        Kind::Plain(0x903),
        "TPM_RC_SESSION_MEMORY",
        "all places for sessions in the TPM are taken",
        FREE,
    ),
    entry(Kind::Plain(0x904), "TPM_RC_MEMORY", "the TPM has no memory left", FREE),
    entry(Kind::Plain(0x908), "TPM_RC_YIELDED", "the TPM does something else first", LATER),
    entry(Kind::Plain(0x90a), "TPM_RC_TESTING", "the TPM still tests itself", LATER),
    entry(
        Kind::Plain(0x920),
        "TPM_RC_NV_RATE",
        "the TPM slows down, to spare its memory",
        "run it again in a minute",
    ),
    entry(
        Kind::Plain(0x921),
        "TPM_RC_LOCKOUT",
        "the TPM is in lock-out",
        "wait, or end it with the lock-out password: tpm2_dictionarylockout -c -p",
    ),
    entry(Kind::Plain(0x922), "TPM_RC_RETRY", "the TPM is busy", LATER),
    entry(
        Kind::Tss(TCTI, 0x0a),
        "TSS2_TCTI_RC_IO_ERROR",
        "the connection to the TPM broke",
        CONNECTION,
    ),
];

fn kind(code: u32) -> Kind {
    match (code >> 16, code & 0xffff) {
        (0 | RESOURCE_MANAGER, code) if code & 0x80 != 0 => Kind::About(code & 0x3f),
        (0 | RESOURCE_MANAGER, code) => Kind::Plain(code),
        (layer, code) => Kind::Tss(layer, code),
    }
}

fn known(code: u32) -> Option<&'static Entry> {
    let kind = kind(code);
    ENTRIES.iter().find(|entry| entry.kind == kind)
}

/// Its name with the number, such as `TPM_RC_HANDLE (0x18b)`; the number alone where it has none.
#[must_use]
pub fn name(code: u32) -> String {
    known(code).map_or_else(|| format!("{code:#x}"), |entry| format!("{} ({code:#x})", entry.name))
}

/// What it means for a person.
#[must_use]
pub fn meaning(code: u32) -> &'static str {
    match (known(code), kind(code)) {
        (Some(entry), _) => entry.meaning,
        (None, Kind::Tss(TCTI, _)) => "the connection to the TPM does not work",
        (None, Kind::Tss(..)) => "the TPM's answer cannot be true",
        (None, _) => "the TPM does not say more",
    }
}

/// What to do next, by the name that [`name`] gives.
#[must_use]
pub fn hint(name: &str) -> &'static str {
    let known = name.split(' ').next().unwrap_or_default();
    let entry = ENTRIES.iter().find(|entry| entry.name == known);
    entry.map_or("check the TPM; --debug shows the commands before this one", |entry| entry.hint)
}

/// Whether the same command may succeed a moment later.
#[must_use]
pub fn is_passing(code: u32) -> bool {
    matches!(kind(code), Kind::Plain(0x908 | 0x90a | 0x920 | 0x922))
}

/// Whether there is no place left in the TPM, which others may free.
#[must_use]
pub fn is_full(code: u32) -> bool {
    matches!(kind(code), Kind::Plain(0x902..=0x904))
}

/// Whether a password was wrong or is missing.
#[must_use]
pub fn is_wrong_password(code: u32) -> bool {
    matches!(kind(code), Kind::About(0x0e | 0x22))
}

/// Whether that was a try that counts towards the lock-out.
#[must_use]
pub fn is_counted(code: u32) -> bool {
    kind(code) == Kind::About(0x0e)
}

/// Whether no password is taken any more.
#[must_use]
pub fn is_lockout(code: u32) -> bool {
    kind(code) == Kind::Plain(0x921)
}

/// Whether there is nothing at a handle.
#[must_use]
pub fn is_no_handle(code: u32) -> bool {
    kind(code) == Kind::About(0x0b)
}

/// Whether a hierarchy is not to be used.
#[must_use]
pub fn is_no_hierarchy(code: u32) -> bool {
    kind(code) == Kind::About(0x05)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_the_names_of_the_manual_whatever_they_are_about() {
        for (code, wanted) in [
            (0x98e, "TPM_RC_AUTH_FAIL (0x98e)"),
            (0xa8e, "TPM_RC_AUTH_FAIL (0xa8e)"),
            (0x9a2, "TPM_RC_BAD_AUTH (0x9a2)"),
            (0x921, "TPM_RC_LOCKOUT (0x921)"),
            (0x18b, "TPM_RC_HANDLE (0x18b)"),
            (0x1df, "TPM_RC_INTEGRITY (0x1df)"),
            (0x2d2, "TPM_RC_SCHEME (0x2d2)"),
            (0x19c, "TPM_RC_KEY (0x19c)"),
            (0x902, "TPM_RC_OBJECT_MEMORY (0x902)"),
            (0xb0902, "TPM_RC_OBJECT_MEMORY (0xb0902)"),
            (0x100, "TPM_RC_INITIALIZE (0x100)"),
            (0xa000a, "TSS2_TCTI_RC_IO_ERROR (0xa000a)"),
            (0x7000b, "0x7000b"),
        ] {
            assert_eq!(name(code), wanted);
        }
    }

    #[test]
    fn a_hint_is_found_by_the_name_that_is_shown() {
        assert!(hint(&name(0x1df)).contains("make a key on this TPM"));
        assert!(hint(&name(0x7000b)).contains("--debug"));
    }

    #[test]
    fn codes_of_libtss2_are_not_those_of_the_tpm() {
        assert!(is_passing(0x922) && is_passing(0xb0908) && !is_passing(0xa0922));
        assert!(is_wrong_password(0x98e) && is_wrong_password(0x9a2) && !is_wrong_password(0x921));
        assert!(is_counted(0x98e) && !is_counted(0x9a2));
        assert!(is_full(0x903) && !is_full(0x70903) && is_lockout(0x921) && is_no_handle(0x18b));
        assert_eq!(meaning(0x70011), "the TPM's answer cannot be true");
    }
}
