//! Keys, certificates and PINs, by programs that are not ours: yubico-piv-tool, and piv-provision of `hsm-test/card`
//! for what Debian's yubico-piv-tool 2.2.0 cannot, which is AES management keys and what came with firmware 5.7.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::card::Card;
use super::key::{Key, Stored, Template, slot_word};
use super::yubikey::Management;
use crate::files::{create_directory, read, write};
use crate::pki::Leaf;
use crate::tool;

/// A PIN and a PUK that no card of the lab has.
const WRONG: &str = "00000000";

impl Card {
    /// A key as in the template, with its certificate. What was in the slot is gone.
    ///
    /// # Panics
    /// When the card takes no such key, or no tool of the lab can make it.
    pub fn key(&self, template: &Template) -> Key {
        let directory = self.dir().join(slot_word(template.slot));
        create_directory(&directory);
        let key = Key { template: *template, directory };
        if template.imported {
            self.import(&key);
        } else {
            self.generate(&key);
        }
        let leaf = Leaf::of(&key.public_key_pem());
        write(&key.certificate(), &self.pki().leaf(&leaf));
        let parts = [key.certificate(), self.pki().intermediate_pem_path()];
        write(&key.chain(), &parts.map(|part| read(&part)).concat());
        self.store(template.slot, &key.certificate(), template.stored);
        key
    }

    /// Writes a certificate, PEM, into a slot, whatever key is in there.
    ///
    /// # Panics
    /// When it is too long for the card.
    pub fn store(&self, slot: u8, certificate: &Path, how: Stored) {
        if how == Stored::Not {
            return;
        }
        let slot = slot_word(slot);
        if self.takes_yubico_piv_tool() {
            let (format, file) = match how {
                Stored::Gzip => ("GZIP", self.compressed(certificate)),
                Stored::Not | Stored::Plain => ("PEM", certificate.into()),
            };
            let mut import = self.yubico_piv_tool("import-certificate");
            tool::run(import.args(["-s", &slot, "-K", format, "-i"]).arg(file));
        } else {
            let mut store = self.piv_provision("certificate");
            store.args(["--slot", &slot]);
            store.args(if how == Stored::Gzip { &["--gzip"][..] } else { &[] });
            tool::run(store.arg(certificate));
        }
    }

    /// Takes the certificate out of a slot; the key stays.
    ///
    /// # Panics
    /// When the card has an AES management key.
    pub fn delete_certificate(&self, slot: u8) {
        tool::run(self.yubico_piv_tool("delete-certificate").args(["-s", &slot_word(slot)]));
    }

    /// Writes anything into a data object, such as 5FC105, where slot 9a has its certificate: what is in the object's
    /// tag 53 (SP 800-73-4 part 1, appendix A).
    ///
    /// # Panics
    /// When the card has an AES management key.
    pub fn write_object(&self, id: u32, content: &[u8]) {
        let file = self.dir().join("object");
        fs::write(&file, content).expect("the directory is writable");
        let mut write = self.yubico_piv_tool("write-object");
        tool::run(write.args(["--id", &id.to_string(), "-f", "binary", "-i"]).arg(file));
    }

    /// The attestation of the key in a slot, a PEM certificate.
    ///
    /// # Panics
    /// When there is no key, or one that was imported.
    pub fn attestation(&self, slot: u8) -> String {
        tool::run(self.yubico_piv_tool("attest").args(["-s", &slot_word(slot)]))
    }

    /// The certificate of the key that signs attestations, PEM.
    pub fn attestation_issuer(&self) -> String {
        tool::run(self.yubico_piv_tool("read-certificate").args(["-s", "f9"]))
    }

    /// Changes the PIN.
    ///
    /// # Panics
    /// When the old one is wrong.
    pub fn change_pin(&self, old: &str, new: &str) {
        tool::run(self.yubico_piv_tool("change-pin").args(["-P", old, "-N", new]));
    }

    /// Changes the PUK.
    ///
    /// # Panics
    /// When the old one is wrong.
    pub fn change_puk(&self, old: &str, new: &str) {
        tool::run(self.yubico_piv_tool("change-puk").args(["-P", old, "-N", new]));
    }

    /// Sends wrong PINs until so many tries are left; with none left the PIN is blocked.
    ///
    /// # Panics
    /// When the card does not count them, or there are fewer tries left already.
    pub fn leave_tries(&self, left: u8) {
        let before = self.state().pin_tries;
        assert!(left <= before, "{before} tries are left, and it shall be {left}");
        for tries in (left..before).rev() {
            let verify = self.yubico_piv_tool("verify-pin").args(["-P", WRONG]).output();
            let refused = verify.expect("yubico-piv-tool has run before");
            assert!(!refused.status.success(), "the card took a wrong PIN");
            assert_eq!(self.state().pin_tries, tries, "one wrong PIN, one try");
        }
    }

    /// Gives all tries back to a PIN that may be blocked, as who knows the PUK can.
    ///
    /// # Panics
    /// When the PUK is wrong or blocked.
    pub fn unblock(&self, puk: &str, new_pin: &str) {
        tool::run(self.yubico_piv_tool("unblock-pin").args(["-P", puk, "-N", new_pin]));
    }

    /// yubico-piv-tool for this card, with that action.
    pub fn yubico_piv_tool(&self, action: &str) -> Command {
        let mut command = self.command("yubico-piv-tool");
        command.args(["--reader", self.reader(), "--action", action]);
        command
    }

    fn piv_provision(&self, verb: &str) -> Command {
        let mut command = self.command(Self::provisioner());
        command.args(["--serial", &self.serial.to_string(), verb]);
        command
    }

    /// Whether it can authenticate to this card.
    fn takes_yubico_piv_tool(&self) -> bool {
        self.management == Management::TripleDes
    }

    fn generate(&self, key: &Key) {
        let Template { slot, algorithm, .. } = key.template;
        let yubico_word = algorithm.yubico_word().filter(|_| self.takes_yubico_piv_tool());
        let mut generate = match yubico_word {
            Some(algorithm) => {
                let mut generate = self.yubico_piv_tool("generate");
                generate.args(["-s", &slot_word(slot), "-A", algorithm]);
                generate.args(policies(key));
                generate
            }
            None => {
                let mut generate = self.piv_provision("generate");
                generate.args(["--slot", &slot_word(slot), "--algorithm", algorithm.word()]);
                generate.args(["--pin-policy", key.template.pin_policy.word()]);
                generate.args(["--touch-policy", key.template.touch_policy.word()]);
                generate
            }
        };
        write(&key.public_key(), &tool::run(&mut generate));
    }

    fn import(&self, key: &Key) {
        let (private, public) = self.pki().software_key(key.template.algorithm.software_word());
        let file = key.dir().join("private.pem");
        write(&file, &private);
        write(&key.public_key(), &public);
        let mut import = self.yubico_piv_tool("import-key");
        import.args(["-s", &slot_word(key.template.slot)]).args(policies(key));
        tool::run(import.arg("-i").arg(file));
    }

    /// A file with the DER of a certificate, compressed.
    fn compressed(&self, certificate: &Path) -> PathBuf {
        let der = self.dir().join("compressed.der");
        let mut convert = Command::new("openssl");
        convert.args(["x509", "-outform", "DER", "-in"]).arg(certificate);
        tool::run(convert.arg("-out").arg(&der));
        tool::run(Command::new("gzip").args(["--force", "--best", "--no-name"]).arg(&der));
        der.with_extension("der.gz")
    }
}

/// In yubico-piv-tool's words: it says nothing where the card shall decide.
fn policies(key: &Key) -> Vec<String> {
    let (pin, touch) = (key.template.pin_policy.word(), key.template.touch_policy.word());
    let options = [("--pin-policy", pin), ("--touch-policy", touch)];
    let said = options.into_iter().filter(|(_, word)| *word != "default");
    said.map(|(option, word)| format!("{option}={word}")).collect()
}
