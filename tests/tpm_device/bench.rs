//! What the tests stand on: a process each, a device, and what is seen from outside.

use std::fs;
use std::path::Path;
use std::process::Command;

use hsm_test::swtpm::{Key, Swtpm};
use keyanchor::device::tpm::Device;
use keyanchor::key::PublicKey;
use keyanchor::prompt::Pin;
use keyanchor::secret::Secret;
use keyanchor::wire::failure::Origin;
use keyanchor::wire::outbox::Outbox;
use keyanchor::wire::tpm::{File, Place, Wanted};
use keyanchor::wire::{Bytes, Failure};

const APART: &str = "TPM_DEVICE_APART";

/// Runs a test in a process of its own: the private directory is a variable of the environment.
pub(crate) fn apart(test: impl FnOnce()) {
    if std::env::var_os(APART).is_some() {
        return test();
    }
    let folder = tempfile::tempdir().expect("folder");
    let output = again(folder.path()).output().expect("this program");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{}{said}", String::from_utf8_lossy(&output.stdout));
}

/// This test once more, with a private directory.
fn again(folder: &Path) -> Command {
    let name = std::thread::current().name().expect("a test has a name").to_owned();
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args(["--exact", &name, "--nocapture"]).env(APART, "1");
    command.env("KEYANCHOR_RUNTIME_DIR", folder.join("private")).env("TSS2_LOG", "all+NONE");
    command
}

pub(crate) fn open(tcti: &str) -> Device<'static> {
    try_open(tcti).expect("a TPM")
}

/// What the host would tell goes nowhere, and to the end of the process.
pub(crate) fn try_open(tcti: &str) -> Result<Device<'static>, Failure> {
    Device::open(tcti, Box::leak(Box::new(Outbox::into_file(tempfile::tempfile().expect("file")))))
}

pub(crate) fn at(handle: u32) -> Wanted {
    Wanted { place: Place::Handle(handle), certificate: None, open: false }
}

/// A file with the two halves of a key, as the main program reads it.
pub(crate) fn file_of(key: &Key) -> Wanted {
    let octets = |path: &Path| Bytes(fs::read(path).expect("a half"));
    let parent = key.parent();
    let place = Place::File(File {
        name: "key.pem".into(),
        parent: parent.handle(),
        rsa_parent: parent.rsa && parent.persistent.is_none(),
        public: octets(&key.public()),
        private: octets(&key.private()),
        empty_auth: key.template().password.is_none(),
    });
    Wanted { place, certificate: None, open: false }
}

pub(crate) fn pin(text: &str) -> Pin {
    Pin { secret: Secret::new(text.into()), origin: Origin::Typed }
}

/// Selects, signs and holds the signature against what tpm2-tools say the public key is.
pub(crate) fn signs(device: &mut Device<'_>, wanted: &Wanted, password: Option<&str>, key: &Key) {
    let selected = device.select(wanted).expect("a key");
    if let Some(password) = password {
        device.keep_password(pin(password));
    }
    let spki = selected.public_key.expect("its public half");
    let public = PublicKey::from_spki(&spki.0).expect("a public key");
    let signature = device.sign(public.scheme(), b"a message").expect("a signature");
    verified(key, b"a message", &signature);
    assert!(public.verifies(public.scheme(), b"a message", &signature), "and by its own key");
}

fn verified(key: &Key, message: &[u8], signature: &[u8]) {
    let folder = tempfile::tempdir().expect("folder");
    let (text, made) = (folder.path().join("message"), folder.path().join("signature"));
    fs::write(&text, message).expect("message");
    fs::write(&made, signature).expect("signature");
    let mut verify = Command::new("openssl");
    verify.args(["dgst", "-sha256", "-verify"]).arg(key.public_key());
    let output = verify.arg("-signature").arg(&made).arg(&text).output().expect("openssl");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

/// Signs with what is selected.
pub(crate) fn sign(device: &mut Device<'_>, scheme: keyanchor::key::Scheme) -> Result<(), Failure> {
    device.sign(scheme, b"a message").map(drop)
}

/// Handles that are in the TPM, as tpm2_getcap prints them.
pub(crate) fn loaded(tpm: &Swtpm) -> String {
    let of = |kind| {
        let output = tpm.tpm2("getcap").arg(kind).output().expect("tpm2_getcap");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    of("handles-transient") + &of("handles-loaded-session")
}

/// Nothing is left in the TPM.
pub(crate) fn is_clean(tpm: &Swtpm) {
    assert_eq!(loaded(tpm), "");
}

/// A number that tpm2_getcap prints.
pub(crate) fn variable(tpm: &Swtpm, name: &str) -> u32 {
    let output = tpm.tpm2("getcap").arg("properties-variable").output().expect("tpm2_getcap");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().find(|line| line.trim().starts_with(name)).expect("that property");
    let number = line.rsplit(' ').next().unwrap_or_default();
    let number = number.strip_prefix("0x").map(|hex| u32::from_str_radix(hex, 16));
    number.unwrap_or_else(|| line.rsplit(' ').next().unwrap_or_default().parse()).expect("a number")
}
