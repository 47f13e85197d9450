//! TPMs: swtpm as the lab starts and provisions it, judged by tpm2-tools and by OpenSSL's provider for TPMs.

use std::ffi::OsString;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use hsm_test::swtpm::{Key, Swtpm, Template};

mod files;
mod keys;
mod nv;
mod power;
mod state;
mod tap;

/// Signs by tpm2_sign with a key that is there; the password is the template's unless another is given.
fn sign(tpm: &Swtpm, key: &str, template: &Template, password: Option<&str>) -> Output {
    let (message, signature) = fresh_files(tpm);
    let scheme = if template.algorithm.is_rsa() { "rsassa" } else { "ecdsa" };
    let mut sign = tpm.tpm2("sign");
    sign.args(["-c", key, "-g", "sha256", "-s", scheme, "-f", "plain", "-o"]).arg(&signature);
    sign.args(password.or(template.password).iter().flat_map(|password| ["-p", password]));
    let output = sign.arg(&message).output().expect("tpm2-tools are installed");
    tpm.flush();
    output
}

/// Signs by OpenSSL's provider with a file.
fn sign_with_file(
    tpm: &Swtpm,
    file: &Path,
    password: &str,
    environment: Vec<(String, OsString)>,
) -> Output {
    let (message, signature) = fresh_files(tpm);
    let mut sign = Command::new("openssl");
    sign.envs(environment).args(["pkeyutl", "-provider", "tpm2", "-provider", "default"]);
    sign.args(["-propquery", "?provider=tpm2", "-sign", "-rawin", "-digest", "sha256", "-inkey"]);
    sign.arg(file).arg("-in").arg(&message).arg("-out").arg(&signature);
    sign.args(["-passin", &format!("pass:{password}")]);
    let output = sign.output().expect("openssl is installed");
    tpm.flush();
    output
}

/// A message, and where its signature goes.
fn fresh_files(tpm: &Swtpm) -> (PathBuf, PathBuf) {
    let (message, signature) = (tpm.dir().join("message"), tpm.dir().join("signature"));
    fs::write(&message, b"hello").expect("the directory is writable");
    let _ = fs::remove_file(&signature);
    (message, signature)
}

/// Whether the last signature is by that key.
fn verifies(tpm: &Swtpm, key: &Key) -> bool {
    let mut verify = Command::new("openssl");
    verify.args(["dgst", "-sha256", "-verify"]).arg(key.public_key());
    verify.arg("-signature").arg(tpm.dir().join("signature")).arg(tpm.dir().join("message"));
    verify.output().expect("openssl is installed").status.success()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The sentence with which the lab gives up.
fn sentence<T>(work: impl FnOnce() -> T) -> String {
    let outcome = catch_unwind(AssertUnwindSafe(work));
    let payload = outcome.err().expect("the lab gives up");
    payload.downcast_ref::<String>().expect("a sentence with a name in it").clone()
}
