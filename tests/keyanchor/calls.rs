//! What one credential costs the token, counted by pkcs11-spy between us and SoftHSM.

use std::path::{Path, PathBuf};
use std::process::Command;

use hsm_test::softhsm::SoftHsm;

use crate::lab::{Lab, granted, lab};

pub(crate) struct Calls(pub(crate) String);

impl Calls {
    pub(crate) fn of(&self, function: &str) -> usize {
        let named = |line: &&str| line.split_once(": ").is_some_and(|(_, name)| name == function);
        self.0.lines().filter(named).count()
    }

    pub(crate) fn all(&self) -> usize {
        let call = |line: &&str| {
            line.split_once(": ").is_some_and(|(number, name)| {
                number.parse::<u32>().is_ok() && name.starts_with("C_")
            })
        };
        self.0.lines().filter(call).count()
    }
}

pub(crate) fn spy() -> PathBuf {
    let places = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib"];
    let found = places
        .iter()
        .map(|place| Path::new(place).join("pkcs11-spy.so"))
        .find(|path| path.exists());
    found.expect("pkcs11-spy.so: install opensc-pkcs11 (make test does)")
}

fn counted(lab: &Lab, command: &mut Command) -> Calls {
    let log = lab.hsm.dir().join("spy.log");
    command.arg("--pkcs11-lib").arg(spy());
    granted(command.env("PKCS11SPY", SoftHsm::module()).env("PKCS11SPY_OUTPUT", &log));
    Calls(std::fs::read_to_string(log).expect("the spy's log"))
}

#[test]
fn a_credential_costs_one_login_and_one_signature() {
    let lab = lab();
    let calls = counted(&lab, &mut lab.with_key("laptop"));
    assert_eq!((calls.of("C_Login"), calls.of("C_SignInit"), calls.of("C_Sign")), (1, 1, 1));
    assert!(calls.all() <= 40 && calls.all() > 10, "{} calls", calls.all());
    assert_eq!(
        (calls.of("C_OpenSession"), calls.of("C_CloseSession"), calls.of("C_Finalize")),
        (1, 1, 1)
    );
}

#[test]
fn certificates_on_the_token_fit_into_forty_calls_however_many_there_are() {
    let lab = lab();
    let before = counted(&lab, lab.credential_process().args(["--key", &lab.uri("rsa2048")])).all();
    for number in 70..76 {
        lab.hsm.import_certificate(
            &lab.hsm.certificate("laptop"),
            "unrelated",
            &number.to_string(),
        );
    }
    std::fs::remove_file(lab.hsm.dir().join("spy.log")).unwrap();
    let calls = counted(&lab, lab.credential_process().args(["--key", &lab.uri("rsa2048")]));
    assert_eq!((calls.of("C_Login"), calls.of("C_SignInit"), calls.of("C_Sign")), (1, 1, 1));
    assert_eq!(calls.all(), before);
    assert!(calls.all() <= 40, "{} calls", calls.all());
}

#[test]
fn an_always_authenticate_key_costs_one_login_more() {
    let lab = lab();
    let calls = counted(&lab, &mut lab.with_key("always"));
    assert_eq!((calls.of("C_Login"), calls.of("C_SignInit"), calls.of("C_Sign")), (2, 1, 1));
    assert!(calls.0.contains("CKU_CONTEXT_SPECIFIC"), "the second login is the key's own");
}

/// Writes a certificate onto the token `second`, for all to see or, with `--mark-private`, only
/// after a login.
fn on_second_token(lab: &Lab, pem: &Path, mark: &[&str]) {
    lab.hsm.add_token("second");
    let mut write = Command::new("p11tool");
    write
        .arg("--provider")
        .arg(SoftHsm::module())
        .args(["--login", "--write", "--batch", "--label", "leaf"]);
    write.args(mark).arg("--load-certificate").arg(pem).arg("pkcs11:token=second");
    let output = write
        .env("GNUTLS_PIN", SoftHsm::PIN)
        .envs(lab.hsm.command_env())
        .output()
        .expect("p11tool");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_certificate_on_another_token_costs_no_login_there() {
    let lab = lab();
    on_second_token(&lab, &lab.hsm.certificate("p384"), &[]);
    let mut command = lab.credential_process();
    command.args(["--key", &lab.uri("p384"), "--certificate", "pkcs11:token=second;object=leaf"]);
    command.arg("--intermediates").arg(lab.pki().intermediate_pem_path());
    assert_eq!(counted(&lab, &mut command).of("C_Login"), 1);
}

#[test]
fn the_keys_pin_is_not_sent_to_another_token() {
    let lab = lab();
    on_second_token(&lab, &lab.hsm.certificate("p384"), &["--mark-private"]);
    let log = lab.hsm.dir().join("spy.log");
    let mut command = lab.credential_process();
    command.args(["--key", &lab.uri("p384"), "--certificate", "pkcs11:token=second;object=leaf"]);
    command
        .arg("--pkcs11-lib")
        .arg(spy())
        .env("PKCS11SPY", SoftHsm::module())
        .env("PKCS11SPY_OUTPUT", &log);
    let ended = crate::lab::run(&mut command);
    assert!(
        ended
            .stderr
            .starts_with("keyanchor: error: no terminal to ask for the PIN of token 'second'"),
        "{}",
        ended.stderr
    );
    assert_eq!(Calls(std::fs::read_to_string(log).expect("log")).of("C_Login"), 0);
}

#[test]
fn a_pin_of_the_certificates_token_is_not_sent_to_the_keys() {
    let lab = lab();
    on_second_token(&lab, &lab.hsm.certificate("p384"), &[]);
    let log = lab.hsm.dir().join("spy.log");
    let certificate = format!("pkcs11:token=second;object=leaf?pin-value={}", SoftHsm::PIN);
    let mut command = lab.credential_process();
    command.args(["--key", "pkcs11:token=lab;object=p384", "--certificate", &certificate]);
    command.arg("--pkcs11-lib").arg(spy()).env("PKCS11SPY", SoftHsm::module());
    let ended = crate::lab::run(command.env("PKCS11SPY_OUTPUT", &log));
    assert!(
        ended.stderr.contains("no terminal to ask for the PIN of token 'lab'"),
        "{}",
        ended.stderr
    );
    assert_eq!(Calls(std::fs::read_to_string(log).expect("log")).of("C_Login"), 0);
}

#[test]
fn nothing_is_tried_where_the_certificate_is_wrong() {
    let lab = lab();
    let log = lab.hsm.dir().join("spy.log");
    let mut command = lab.credential_process();
    command.args(["--key", &lab.uri("laptop")]).arg("--certificate").arg(lab.hsm.chain("p384"));
    command
        .arg("--pkcs11-lib")
        .arg(spy())
        .env("PKCS11SPY", SoftHsm::module())
        .env("PKCS11SPY_OUTPUT", &log);
    assert_eq!(crate::lab::run(&mut command).code, 3);
    let calls = Calls(std::fs::read_to_string(log).expect("the spy's log"));
    assert_eq!((calls.of("C_Login"), calls.of("C_SignInit")), (0, 0));
    assert!(lab.server.requests().is_empty());
}
