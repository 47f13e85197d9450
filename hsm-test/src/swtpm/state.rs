//! What is in a TPM, by tpm2_getcap; and how it gets there: lock-out, and objects and sessions that nobody flushed.

use std::time::Duration;

use super::provision::hex;
use super::{Parent, Swtpm};
use crate::files::write;
use crate::tool;

/// Where a TPM stands with wrong passwords for protected keys.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Lockout {
    /// How many there were.
    pub counter: u32,
    /// Whether no protected key can be used any more.
    pub locked: bool,
    /// How many lock it.
    pub max_tries: u32,
    /// After how long it forgets one of them.
    pub interval: Duration,
    /// How long its own password is refused after a wrong one.
    pub recovery: Duration,
}

impl Swtpm {
    /// The handles of transient objects.
    pub fn transient(&self) -> Vec<u32> {
        self.handles("transient")
    }

    /// The handles of sessions that take a slot.
    pub fn loaded_sessions(&self) -> Vec<u32> {
        self.handles("loaded-session")
    }

    /// The handles of sessions whose context was saved.
    pub fn saved_sessions(&self) -> Vec<u32> {
        self.handles("saved-session")
    }

    /// What a client should have flushed: transient objects, and sessions whether loaded or saved.
    pub fn left_behind(&self) -> Vec<u32> {
        [self.transient(), self.loaded_sessions(), self.saved_sessions()].concat()
    }

    /// The handles of persistent objects.
    pub fn persistent(&self) -> Vec<u32> {
        self.handles("persistent")
    }

    /// The handles of NV indices.
    pub fn nv_indices(&self) -> Vec<u32> {
        self.handles("nv-index")
    }

    /// Where it stands with wrong passwords.
    ///
    /// # Panics
    /// When the TPM does not answer.
    pub fn lockout(&self) -> Lockout {
        let properties = tool::run(self.tpm2("getcap").arg("properties-variable"));
        let property = |name: &str| {
            let value = properties.lines().find_map(|line| line.trim().strip_prefix(name));
            number(value.unwrap_or_else(|| panic!("no {name} in {properties}")))
        };
        let seconds = |name| Duration::from_secs(property(name).into());
        Lockout {
            counter: property("TPM2_PT_LOCKOUT_COUNTER:"),
            locked: property("inLockout:") != 0,
            max_tries: property("TPM2_PT_MAX_AUTH_FAIL:"),
            interval: seconds("TPM2_PT_LOCKOUT_INTERVAL:"),
            recovery: seconds("TPM2_PT_LOCKOUT_RECOVERY:"),
        }
    }

    /// Sets how many wrong passwords lock it, and after how long it forgets one.
    ///
    /// # Panics
    /// When the TPM refuses.
    pub fn set_lockout(&self, max_tries: u32, interval: Duration) {
        let mut set = self.tpm2("dictionarylockout");
        set.args(["--setup-parameters", "--lockout-recovery-time=0"]);
        set.arg(format!("--max-tries={max_tries}"));
        set.arg(format!("--recovery-time={}", interval.as_secs()));
        self.run(self.authorise(&mut set, "--auth", Parent::LOCKOUT));
    }

    /// Forgets all wrong passwords.
    ///
    /// # Panics
    /// When the TPM refuses.
    pub fn clear_lockout(&self) {
        let mut clear = self.tpm2("dictionarylockout");
        clear.arg("--clear-lockout");
        self.run(self.authorise(&mut clear, "--auth", Parent::LOCKOUT));
    }

    /// Signs that often with a wrong password, at a handle that counts them.
    ///
    /// # Panics
    /// When one of them is not refused as such.
    pub fn enter_wrong(&self, handle: u32, times: u32) {
        let digest = self.dir().join("digest");
        write(&digest, &"x".repeat(32));
        for _ in 0..times {
            let mut sign = self.tpm2("sign");
            sign.args(["-c", &hex(handle), "-g", "sha256", "-p", "a wrong one", "-d", "-o"]);
            let output = sign.arg(self.dir().join("no-signature")).arg(&digest).output();
            let output = output.expect("tpm2-tools have run before");
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(said.contains("(0x98E)"), "{said}");
            self.flush();
        }
    }

    /// Leaves that many transient objects in it, of the three that there is room for.
    ///
    /// # Panics
    /// When there is no room.
    pub fn leak_objects(&self, count: u32) {
        for _ in 0..count {
            tool::run(self.tpm2("createprimary").args(["-Q", "-C", "n", "-G", "ecc256:aes128cfb"]));
        }
    }

    /// Leaves that many sessions in it, of the three that there is room for.
    ///
    /// # Panics
    /// When there is no room.
    pub fn leak_sessions(&self, count: u32) {
        for _ in 0..count {
            self.start_session();
        }
    }

    fn handles(&self, kind: &str) -> Vec<u32> {
        let listing = tool::run(self.tpm2("getcap").arg(format!("handles-{kind}")));
        listing.lines().filter_map(|line| line.strip_prefix("- ")).map(number).collect()
    }
}

/// A number as tpm2_getcap writes it.
fn number(text: &str) -> u32 {
    let text = text.trim();
    let hexadecimal = text.strip_prefix("0x").map(|digits| u32::from_str_radix(digits, 16));
    hexadecimal.unwrap_or_else(|| text.parse()).expect("tpm2_getcap writes a number")
}
