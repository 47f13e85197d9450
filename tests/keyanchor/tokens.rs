//! Tokens that are locked, broken, or lie: a real SoftHSM, with one answer of it changed on the way.

use std::process::Command;

use crate::calls::{Calls, spy};
use crate::golden::check;
use crate::lab::{Lab, fault, granted, lab, run};

/// `command` through pkcs11-spy, the witness, and a module that does what `script` says.
fn meddled<'c>(lab: &Lab, command: &'c mut Command, script: &str) -> &'c mut Command {
    let fault = fault(lab, script);
    command.arg("--pkcs11-lib").arg(spy()).env("PKCS11SPY", fault.module());
    command.env("PKCS11SPY_OUTPUT", lab.hsm.dir().join("spy.log")).envs(fault.command_env())
}

fn calls(lab: &Lab) -> Calls {
    Calls(std::fs::read_to_string(lab.hsm.dir().join("spy.log")).expect("the spy's log"))
}

#[test]
fn a_locked_token_is_left_alone() {
    let lab = lab();
    let mut command = lab.with_key("laptop");
    check(
        "pin-locked",
        &lab,
        &run(meddled(&lab, command.arg("--use-last-try"), "C_GetTokenInfo * flags +0x40000")),
    );
    assert_eq!(calls(&lab).of("C_Login"), 0);
}

#[test]
fn the_last_try_is_used_only_by_name() {
    let lab = lab();
    check(
        "pin-at-last-try",
        &lab,
        &run(meddled(&lab, &mut lab.with_key("laptop"), "C_GetTokenInfo * flags +0x20000")),
    );
    assert_eq!(calls(&lab).of("C_Login"), 0);
    granted(meddled(
        &lab,
        lab.with_key("laptop").arg("--use-last-try"),
        "C_GetTokenInfo * flags +0x20000",
    ));
}

#[test]
fn a_key_that_asks_each_time_obeys_the_last_try_too() {
    let lab = lab();
    granted(meddled(
        &lab,
        lab.with_key("always").arg("--use-last-try"),
        "C_GetTokenInfo * flags +0x20000",
    ));
    assert_eq!(calls(&lab).of("C_Login"), 2);
}

#[test]
fn a_wrong_signature_is_never_sent() {
    for label in ["laptop", "rsa2048"] {
        let lab = lab();
        let ended = run(meddled(&lab, &mut lab.with_key(label), "C_Sign * corrupt"));
        check("signature-that-does-not-verify", &lab, &ended);
        assert!(lab.server.requests().is_empty());
    }
}

#[test]
fn a_signature_of_another_key_is_never_sent() {
    let lab = lab();
    // Nothing public tells which key it is, and the certificate is for another one of its kind.
    lab.hsm.generate("other", "66", "EC:prime256v1");
    let leaf = hsm_test::pki::Leaf::of(&lab.hsm.public_key_pem("other"));
    let leaf = lab.write("leaf.pem", &lab.pki().leaf(&leaf));
    lab.hsm.delete_public_key("laptop");
    let mut command = lab.credential_process();
    command.args(["--key", &lab.uri("laptop")]).arg("--certificate").arg(leaf);
    check("signature-that-does-not-verify", &lab, &run(&mut command));
    assert!(lab.server.requests().is_empty());
}

#[test]
fn a_token_without_the_first_mechanism_signs_with_the_second() {
    let lab = lab();
    // CKM_RSA_PKCS: the token hashes by itself then.
    granted(meddled(&lab, &mut lab.with_key("rsa2048"), "C_SignInit * refuse-mechanism 0x1"));
    assert_eq!(calls(&lab).of("C_Sign"), 1);
}

#[test]
fn a_key_that_does_not_say_that_it_asks_each_time_is_understood() {
    let lab = lab();
    granted(meddled(&lab, &mut lab.with_key("always"), "C_GetAttributeValue * clear 0x202"));
    assert!(calls(&lab).0.contains("CKU_CONTEXT_SPECIFIC"));
}

#[test]
fn a_token_whose_info_does_not_parse_is_skipped() {
    let lab = lab();
    lab.hsm.add_token("second");
    granted(meddled(&lab, &mut lab.with_key("laptop"), "C_GetTokenInfo * unparsable second"));
}
