//! Runs with keys of a TPM, as the proofs want them: through a tap, in golden files, and with a count
//! of the tries that each cost.

use std::path::{Path, PathBuf};
use std::process::Command;

use hsm_test::swtpm::{Key, Tap, Template, code};
use hsm_test::terminal::Terminal;

use super::TpmLab;
use crate::golden::compare;
use crate::lab::{Ended, run};

pub(super) const HANDLE: u32 = 0x8100_0101;
pub(crate) const BY_HANDLE: &str = "tpm:handle=0x81000101";
pub(super) const PASSWORD: &str = "s3cret";

/// A key whose password does not count towards lock-out.
pub(crate) const NO_DA: Template = Template { password: Some(PASSWORD), ..Template::P256 };
/// One whose password does.
pub(super) const PROTECTED: Template = Template { protected: true, ..NO_DA };

impl TpmLab {
    /// The key at [`HANDLE`], and its chain.
    pub(crate) fn persistent(&self, template: Template) -> (Key, PathBuf) {
        let key = self.tpm.key(&template);
        self.tpm.persist(&key, HANDLE);
        let chain = self.tpm.chain(&key);
        (key, chain)
    }

    /// The file of a key under a name that is always the same.
    pub(super) fn file(&self, key: &Key) -> String {
        self.copy(&self.tpm.file(key))
    }

    pub(super) fn copy(&self, file: &Path) -> String {
        let path = self.folder.path().join("key.pem");
        std::fs::copy(file, &path).expect("the key's file");
        path.display().to_string()
    }

    /// Compares a failed run with its golden file.
    pub(super) fn check(&self, name: &str, ended: &Ended) {
        assert!(!ended.stderr.contains(PASSWORD), "{name}: the password is shown");
        let text = ended.stderr.replace(&self.folder.path().display().to_string(), "[dir]");
        let text = text.replace(&self.server.url().replace("https://", ""), "[server]");
        let text = numbered(&text, "tpm-salt-", "[id]", |c| c.is_ascii_hexdigit());
        compare(name, ended, &numbered(&text, "port=", "[port]", |c| c.is_ascii_digit()));
    }

    /// Runs a command on a line that is tapped; how often a key was used, and how many wrong passwords
    /// the TPM has counted meanwhile.
    pub(super) fn counted(&self, tap: &Tap, command: &mut Command) -> (Ended, usize, u32) {
        let (uses, before) = (uses(tap), self.tpm.lockout().counter);
        let ended = run(command.env("KEYANCHOR_TCTI", tap.tcti()));
        assert_eq!(self.tpm.left_behind(), Vec::<u32>::new(), "{}", ended.stderr);
        (ended, self::uses(tap) - uses, self.tpm.lockout().counter - before)
    }
}

/// How often the TPM has used a key, or has seen a wrong password for it. A TPM puts the first use of a
/// protected key after its start off (TPM_RC_RETRY), as it has to note that first.
pub(super) fn uses(tap: &Tap) -> usize {
    const RETRY: u32 = 0x922;
    let both = tap.commands().into_iter().zip(codes(&tap.answered()));
    let keys = [code::SIGN, code::RSA_DECRYPT];
    both.filter(|(command, answer)| keys.contains(command) && *answer != RETRY).count()
}

/// The return codes of answers, one after the other.
fn codes(mut answers: &[u8]) -> Vec<u32> {
    let number = |octets: &[u8]| u32::from_be_bytes(octets.try_into().expect("four octets"));
    let mut codes = Vec::new();
    while let Some(header) = answers.get(..10) {
        codes.push(number(&header[6..]));
        answers = &answers[number(&header[2..6]) as usize..];
    }
    codes
}

/// Types a password where one is asked for.
pub(super) fn typed(terminal: &mut Terminal, password: &str) {
    terminal.wait_for("password for TPM ").wait_for(": ").type_in(&format!("{password}\n"));
}

/// Replaces what follows a word, as long as it is of such characters.
fn numbered(text: &str, word: &str, by: &str, digit: fn(char) -> bool) -> String {
    let mut parts = text.split(word);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + word + by + part.trim_start_matches(digit))
}
