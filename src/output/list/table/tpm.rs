//! A TPM in the table: two lines a key, as those of tokens have.

use crate::output::list::table::{LABEL, Table, verdict};
use crate::output::list::{Lockout, Tpm, TpmKey};
use crate::output::page::{Tone, shown};

impl Table {
    pub(super) fn tpm(&mut self, tpm: &Tpm) {
        self.0.gap();
        let name =
            if tpm.tcti.is_empty() { "TPM".to_owned() } else { format!("TPM at {}", tpm.tcti) };
        self.0.line(0, self.0.paint(Tone::Strong, &shown(&name, usize::MAX)));
        if let Some(problem) = &tpm.problem {
            self.problem(2, problem, &name);
            return;
        }
        if let Some((tone, state)) = tpm.lockout.as_ref().and_then(state) {
            self.0.line(2, self.0.paint(tone, &state));
        }
        if tpm.keys.is_empty() {
            self.0.line(2, "no key at a persistent handle");
        }
        let width = tpm.keys.iter().map(|key| kind(key).chars().count()).max().unwrap_or(0);
        for key in &tpm.keys {
            self.tpm_key(key, width);
        }
        self.more(2, tpm.more_keys, "key");
    }

    fn tpm_key(&mut self, key: &TpmKey, width: usize) {
        let (handle, kind) = (&key.handle, kind(key));
        if let Some(reason) = &key.unusable {
            let reason = self.0.paint(Tone::Warning, &shown(reason, usize::MAX));
            self.0.line(2, format!("{handle}  {kind:width$}  {reason}"));
            return;
        }
        let (tone, verdict) = verdict(key.certificate, &key.certificates);
        let verdict = self.0.paint(tone, &verdict);
        self.0.line(2, format!("{handle}  {kind:width$}  {verdict}{}", guarded(key.protected)));
        self.0.line(4, key.uri.as_deref().unwrap_or_default());
        self.certificates(&key.certificates);
    }
}

/// The kind, and the uses that it was made for: `P-256 sign|decrypt`.
fn kind(key: &TpmKey) -> String {
    let uses = key.attributes.iter().filter(|name| ["sign", "decrypt"].contains(&name.as_str()));
    let uses: Vec<_> = uses.map(String::as_str).rev().collect();
    format!("{} {}", shown(&key.kind, LABEL), uses.join("|"))
}

/// What is said of a key whose wrong passwords count.
pub(super) fn guarded(protected: bool) -> &'static str {
    if protected { "; wrong passwords lock the TPM" } else { "" }
}

fn state(lockout: &Lockout) -> Option<(Tone, String)> {
    let Lockout { locked, failed, most, .. } = lockout;
    match (locked, failed) {
        (true, _) => {
            Some((Tone::Bad, "in lock-out: no password of a protected key is taken".to_owned()))
        }
        (false, 0) => None,
        (false, failed) => {
            let text = format!("{failed} wrong passwords count; {most} lock the protected keys");
            Some((Tone::Warning, text))
        }
    }
}
