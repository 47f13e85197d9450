//! Keys of a TPM that cannot sign for the service are refused by name, before anything else is done
//! with them.

use std::process::Command;

use hsm_test::swtpm::{Algorithm, NvIndex, Parent, Tap, Template, Usage, code};

use super::runs::{BY_HANDLE, HANDLE};
use super::{TpmLab, lab};
use crate::lab::{granted, run};

const RSA: Template = Template::RSA2048;
const P256: Template = Template::P256;

#[test]
fn keys_that_cannot_sign_for_the_service_are_refused_by_name() {
    let decrypt = Template { usage: Usage::Decrypt, ..RSA };
    let scheme = |template: Template, scheme| Template { scheme: Some(scheme), ..template };
    let by_policy = "fixedtpm|fixedparent|sensitivedataorigin|noda|sign";
    for (name, template) in [
        (
            "tpm-key-of-restricted-use",
            Template { restricted: true, ..scheme(P256, "ecdsa-sha256:null") },
        ),
        ("tpm-key-by-policy-only", Template { attributes: Some(by_policy), ..P256 }),
        ("tpm-key-for-rsapss-only", scheme(RSA, "rsapss-sha256:null")),
        ("tpm-key-for-another-hash", scheme(RSA, "rsassa-sha384:null")),
        ("tpm-key-for-a-short-hash", scheme(P256, "ecdsa-sha1:null")),
        ("tpm-key-for-schnorr", scheme(P256, "ecschnorr-sha256:null")),
        ("tpm-key-for-key-agreement", Template { usage: Usage::Decrypt, ..P256 }),
        ("tpm-key-with-a-padding-of-its-own", scheme(decrypt, "oaep-sha256:null")),
        ("tpm-key-for-hmac", Template::of(Algorithm::Hmac)),
        ("tpm-key-that-is-short", Template::of(Algorithm::Rsa1024)),
    ] {
        let lab = lab();
        let tap = Tap::start(&lab.tpm);
        let key = lab.tpm.key(&template);
        lab.tpm.persist(&key, HANDLE);
        let chain = lab.tpm.chain(&lab.tpm.key(&P256));
        let mut command = lab.with(BY_HANDLE, &chain);
        let by_handle = run(command.env("KEYANCHOR_TCTI", tap.tcti()));
        lab.check(name, &by_handle);
        assert_eq!(by_handle.code, 3, "{name}");
        let from_file = run(lab.with(&lab.file(&key), &chain).env("KEYANCHOR_TCTI", tap.tcti()));
        assert_eq!(from_file.code, 3, "{name}: {}", from_file.stderr);
        let commands = tap.commands();
        let looked = |command: &u32| *command == code::READ_PUBLIC;
        assert!(commands.iter().all(looked), "{name}: {commands:x?}");
    }
}

#[test]
fn keys_on_p521_and_of_3072_bits_sign_where_the_tpm_has_them() {
    let lab = lab();
    let (key, chain) = lab.persistent(Template::of(Algorithm::P521));
    granted(&mut lab.with(BY_HANDLE, &chain));
    granted(&mut lab.with(&lab.file(&key), &chain));
    let key = lab.tpm.key(&Template::RSA3072);
    granted(&mut lab.with(&lab.file(&key), &lab.tpm.chain(&key)));
}

#[test]
fn handles_without_a_key_to_sign_with_are_said() {
    let mut lab = lab();
    let chain = lab.tpm.chain(&lab.tpm.key(&P256));
    lab.check("tpm-no-such-handle", &run(&mut lab.with(BY_HANDLE, &chain)));
    lab.tpm.make_parent(Parent::SRK, None);
    let storage = run(&mut lab.with("tpm:handle=0x81000001", &chain));
    lab.check("tpm-key-that-is-a-storage-key", &storage);
    let mut certificate = lab.without(BY_HANDLE);
    lab.check("tpm-key-as-a-certificate", &run(certificate.args(["--certificate", BY_HANDLE])));
}

#[test]
fn parents_that_are_not_there_are_said() {
    let mut lab = lab();
    lab.tpm.make_parent(Parent::SRK, None);
    let key = lab.tpm.key_under(&P256, Parent::SRK);
    let mut command = lab.with(&lab.file(&key), &lab.tpm.chain(&key));
    granted(&mut command);
    lab.tpm.evict(Parent::SRK.handle());
    lab.check("tpm-parent-that-is-not-there", &run(&mut command));
    let other = lab.tpm.key(&P256);
    lab.tpm.persist(&other, Parent::SRK.handle());
    lab.check("tpm-parent-that-is-no-storage-key", &run(&mut command));
}

#[test]
fn a_password_that_cannot_be_one_is_not_sent() {
    let lab = lab();
    let tap = Tap::start(&lab.tpm);
    let (_, chain) = lab.persistent(super::runs::PROTECTED);
    let mut command = lab.with(BY_HANDLE, &chain);
    command.arg("--pin-file").arg(lab.secret("long", &"x".repeat(33)));
    let (ended, uses, counted) = lab.counted(&tap, &mut command);
    assert_eq!((uses, counted), (0, 0));
    lab.check("tpm-password-that-is-too-long", &ended);
}

/// A run whose certificate is in the TPM.
fn from_nv(lab: &TpmLab, index: &str) -> Command {
    let mut command = lab.without(&format!("{BY_HANDLE};cert-nv={index}"));
    command.arg("--intermediates").arg(lab.tpm.pki().intermediate_pem_path());
    command
}

#[test]
fn certificates_in_the_tpm_are_found_or_it_is_said_why_not() {
    let lab = lab();
    let (key, _) = lab.persistent(P256);
    lab.tpm.certificate_in_nv(&key, 0x01c0_0100);
    granted(&mut from_nv(&lab, "0x01c00100"));
    let said = |name: &str, index: &str| lab.check(name, &run(&mut from_nv(&lab, index)));
    said("tpm-index-that-is-not-there", "0x01c00101");
    lab.tpm.define_nv(0x01c0_0102, b"no certificate", NvIndex::PUBLIC);
    said("tpm-index-with-something-else", "0x01c00102");
    let unwritten = ["-Q", "-C", "o", "-s", "64", "-a", "ownerwrite|ownerread|no_da", "0x01c00103"];
    assert!(lab.tpm.tpm2("nvdefine").args(unwritten).status().expect("tpm2_nvdefine").success());
    lab.tpm.flush();
    said("tpm-index-that-is-empty", "0x01c00103");
    let secret =
        NvIndex { attributes: "ownerwrite|authread|no_da", password: Some("x"), ..NvIndex::PUBLIC };
    lab.tpm.define_nv(0x01c0_0104, b"secret", secret);
    said("tpm-index-with-a-password", "0x01c00104");
    let protected = NvIndex { attributes: "ownerwrite|authread", ..secret };
    lab.tpm.define_nv(0x01c0_0105, b"secret", protected);
    said("tpm-index-with-a-protected-password", "0x01c00105");
    let hidden = NvIndex { attributes: "ownerwrite|policyread|no_da", ..NvIndex::PUBLIC };
    lab.tpm.define_nv(0x01c0_0106, b"secret", hidden);
    said("tpm-index-by-policy-only", "0x01c00106");
}
