//! Modules, tokens, PINs, keys and certificates that are broken, and what is not told of them.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime};

use hsm_test::kryoptic::{Kryoptic, WrongPins};
use hsm_test::pki::{Leaf, Pki};
use hsm_test::server::Behaviour;
use hsm_test::softhsm::SoftHsm;

use super::{NETWORK_STEPS, broken, broken_as_a_run, examined, key_file, step, those};
use crate::foreign::{of_kryoptic, seen};
use crate::golden::check;
use crate::lab::{Ended, Lab, fault, lab, named_fault, run};

const DAY: Duration = Duration::from_secs(86_400);

/// The network is well, whatever the device is.
fn network_is_well(steps: &[serde_json::Value]) {
    let ok = those(steps, "ok");
    assert!(NETWORK_STEPS.iter().all(|name| ok.iter().any(|ok| ok == name)), "{ok:?}");
}

#[test]
fn a_module_that_cannot_be_used_is_told_as_by_a_run() {
    let lab = lab();
    let with = |module: &std::path::Path| {
        let mut process = lab.with_key("laptop");
        process.arg("--pkcs11-lib").arg(module);
        process
    };
    let mut absent = with(&lab.hsm.dir().join("absent.so"));
    network_is_well(&broken_as_a_run(&mut absent, "module", 3));
    let text = lab.safe.path().join("text.so");
    std::fs::write(&text, "no library").expect("text");
    let steps = broken_as_a_run(&mut with(&text), "module", 3);
    let cause = step(&steps, "token")["cause"].as_str().expect("a cause");
    assert_eq!(cause, "because the module cannot be used");
    std::fs::set_permissions(&text, std::fs::Permissions::from_mode(0o777)).expect("mode");
    broken_as_a_run(&mut with(&text), "module", 3);
}

#[test]
fn tokens_and_keys_that_are_not_there_are_told_as_by_a_run() {
    let lab = lab();
    let key = |uri: &str| {
        let mut process = lab.credential_process();
        process.args(["--key", uri]).arg("--certificate").arg(lab.hsm.chain("laptop"));
        process
    };
    let steps = broken_as_a_run(&mut key("pkcs11:token=other;object=laptop"), "token", 3);
    network_is_well(&steps);
    assert_eq!(step(&steps, "module")["status"], "ok");
    let (pin, uri) = (lab.hsm.pin_file(), "pkcs11:token=lab;object=absent");
    let mut process = key(&format!("{uri}?pin-source={}", pin.display()));
    // What a token hides is no failure before a login.
    let (ended, steps) = examined(&process);
    assert_eq!((ended.code, &step(&steps, "key")["status"]), (0, &"not-tried".into()));
    let of_the_run = run(&mut process).stderr;
    let (ended, steps) = broken(process.arg("--login"), "key", 3);
    assert_eq!(ended.stderr, of_the_run);
    // The certificate is in a file.
    assert_eq!(step(&steps, "certificate")["status"], "ok");
    assert_eq!(step(&steps, "pair")["status"], "not-tried");
}

#[test]
fn a_pin_with_few_tries_is_a_warning_and_with_one_or_none_a_failure() {
    for (state, code) in
        [(WrongPins::CountLow, 0), (WrongPins::FinalTry, 4), (WrongPins::Locked, 4)]
    {
        let lab = lab();
        let kryoptic = Rc::new(Kryoptic::provisioned(&lab.pki()));
        kryoptic.enter(state);
        let flags = kryoptic.flags();
        let log = lab.hsm.dir().join("spy.log");
        let mut process = of_kryoptic(&lab, &kryoptic).without_pin(&lab, &log);
        process.arg("--pin-file").arg(kryoptic.pin_file());
        if code == 0 {
            let (ended, steps) = examined(&process);
            assert_eq!((ended.code, those(&steps, "warning")), (0, vec!["pin".to_owned()]));
        } else {
            broken(&process, "pin", code);
        }
        assert_eq!(seen(&log).of("C_Login"), 0);
        assert_eq!(kryoptic.flags(), flags, "the token has counted nothing");
    }
}

#[test]
fn a_pin_that_was_refused_or_that_everybody_can_read_is_told_before_it_is_sent() {
    let lab = lab();
    let wrong = lab.write("wrong", "99999999");
    let mut process = lab.credential_process();
    process.arg("--pin-file").arg(&wrong).args(["--key", "pkcs11:token=lab;object=laptop"]);
    process.arg("--certificate").arg(lab.hsm.chain("laptop"));
    assert_eq!(run(&mut process).code, 4);
    broken_as_a_run(&mut process, "pin", 4);
    std::fs::set_permissions(&wrong, std::fs::Permissions::from_mode(0o644)).expect("mode");
    broken_as_a_run(&mut process, "pin", 4);
}

/// A leaf of the lab's PKI for the key `laptop`, in a run.
fn with_leaf(lab: &Lab, leaf: &Leaf) -> Command {
    let leaf = lab.write("leaf.pem", &lab.pki().leaf(leaf));
    let mut process = lab.credential_process();
    process.args(["--key", &lab.uri("laptop")]).arg("--certificate").arg(leaf);
    process
}

#[test]
fn a_certificate_that_breaks_a_rule_or_is_another_keys_is_told_as_by_a_run() {
    let lab = lab();
    let (now, public) = (SystemTime::now(), lab.hsm.public_key_pem("laptop"));
    let expired = Leaf { not_before: now - 3 * DAY, not_after: now - DAY / 2, ..Leaf::of(&public) };
    let (ended, steps) = broken(&with_leaf(&lab, &expired), "certificate", 3);
    assert!(ended.stderr.contains("it expired at"), "{}", ended.stderr);
    assert_eq!(step(&steps, "certificate")["facts"]["days_left"], -1);
    let ca = Leaf { ca: true, ..Leaf::of(&public) };
    broken_as_a_run(&mut with_leaf(&lab, &ca), "certificate", 3);
    let mut another = lab.credential_process();
    another.args(["--key", &lab.uri("laptop")]).arg("--certificate").arg(lab.hsm.chain("p384"));
    let steps = broken_as_a_run(&mut another, "pair", 3);
    assert_eq!(step(&steps, "certificate")["status"], "ok");
    let mut absent = lab.credential_process();
    absent.args(["--key", &lab.uri("laptop"), "--certificate", "/nonexistent.pem"]);
    broken_as_a_run(&mut absent, "certificate", 3);
    let soon = Leaf { not_after: now + 2 * DAY, ..Leaf::of(&public) };
    let (ended, steps) = examined(&with_leaf(&lab, &soon));
    assert_eq!((ended.code, those(&steps, "warning")), (0, vec!["certificate".to_owned()]));
}

#[test]
fn a_chain_that_does_not_lead_on_or_has_expired_is_told() {
    let lab = lab();
    let mut process = key_file(&lab);
    let other = Pki::fresh(&lab.hsm.dir().join("other-ca"));
    let words: Vec<_> = process.get_args().map(ToOwned::to_owned).collect();
    let place = words.iter().position(|word| word == "--intermediates").expect("an option");
    let mut astray = lab.command();
    astray.args(words[2..place].iter()).arg("--intermediates").arg(other.intermediate_pem_path());
    let (ended, _) = broken(&astray, "chain", 3);
    check("doctor-of-a-chain-that-leads-nowhere", &lab, &without_the_steps(ended));
    assert_eq!(run(&mut process).code, 0);
}

/// For a golden file, which is of stderr.
pub(super) fn without_the_steps(ended: Ended) -> Ended {
    Ended { stdout: String::new(), ..ended }
}

#[test]
fn a_module_that_hangs_and_a_server_that_is_silent_end_in_time_and_the_rest_is_told() {
    let lab = lab();
    lab.server.behave(Behaviour::Hang);
    let fault = fault(&lab, "C_Initialize * sleep forever");
    let mut process = lab.with_key("laptop");
    process.arg("--pkcs11-lib").arg(fault.module()).envs(fault.command_env());
    process.args(["--timeout", "4s"]);
    let start = Instant::now();
    let (ended, steps) = examined(&process);
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    assert_eq!(those(&steps, "failed"), ["module", "endpoint"], "{}", ended.stdout);
    assert_eq!((ended.code, fault.calls("C_Login")), (6, 0));
    let error = step(&steps, "module")["error"].as_str().expect("an error");
    assert!(error.contains("did not return from C_Initialize"), "{error}");
    assert_eq!(step(&steps, "tls")["status"], "ok");
}

#[test]
fn a_token_that_shows_its_keys_after_a_login_only_is_not_logged_in_to() {
    let lab = lab();
    lab.hsm.add_token("second");
    let mut write = Command::new("p11tool");
    write.arg("--provider").arg(SoftHsm::module());
    write.args(["--login", "--write", "--batch", "--label", "leaf", "--mark-private"]);
    write.arg("--load-certificate").arg(lab.hsm.certificate("p384")).arg("pkcs11:token=second");
    write.env("GNUTLS_PIN", SoftHsm::PIN).envs(lab.hsm.command_env());
    assert!(write.output().expect("p11tool").status.success());
    let mut process = lab.credential_process();
    process.args(["--key", "pkcs11:token=second;object=leaf"]);
    process.arg("--pin-file").arg(lab.hsm.pin_file());
    let (_, steps) = examined(&process);
    let key = step(&steps, "key");
    assert_eq!(key["status"], "not-tried", "{key}");
    assert!(key["cause"].as_str().expect("a cause").ends_with("add --login"), "{key}");
    assert_eq!(step(&steps, "pin")["status"], "ok");
}

#[test]
fn of_several_modules_the_one_that_has_the_token_is_told_and_those_that_fail() {
    let lab = lab();
    let folder = lab.hsm.dir().join(".config/pkcs11/modules");
    std::fs::create_dir_all(&folder).expect("folder");
    let crashing = named_fault(&lab, "crashing", "C_Initialize * segv");
    for (name, module) in [("good", SoftHsm::module()), ("bad", crashing.clone())] {
        let line = format!("module: {}\n", module.display());
        std::fs::write(folder.join(format!("{name}.module")), line).expect("module file");
    }
    let mut process = lab.with_key("laptop");
    process.env_remove("KEYANCHOR_PKCS11_LIB");
    let (ended, steps) = examined(&process);
    assert_eq!(ended.code, 0, "{}", ended.stdout);
    let facts = &step(&steps, "module")["facts"];
    let module = SoftHsm::module().canonicalize().expect("module");
    assert_eq!(facts["path"], module.display().to_string());
    let silent = facts["silent"].as_array().expect("others");
    assert!(silent.contains(&crashing.display().to_string().into()), "{facts}");
}

#[test]
fn nobody_is_waited_for_who_would_put_a_token_in() {
    let lab = lab();
    let mut process = lab.credential_process();
    process.args(["--key", "pkcs11:token=other;object=laptop", "--wait", "30m"]);
    let start = Instant::now();
    broken(&process, "token", 3);
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}
