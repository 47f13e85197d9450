//! Keys at handles: every kind signs, and what cannot sign is refused by name.

use hsm_test::swtpm::{Algorithm, Template, Usage};
use keyanchor::key::Scheme;
use keyanchor::wire::Failure;

use crate::bench::*;
use hsm_test::swtpm::Swtpm;

const HANDLE: u32 = 0x8100_0101;

#[test]
fn each_kind_of_key_signs_at_a_handle() {
    apart(|| {
        let tpm = Swtpm::start();
        let mut handle = HANDLE;
        for algorithm in [Algorithm::P256, Algorithm::P384, Algorithm::Rsa2048] {
            for password in [None, Some("s3cret")] {
                for usage in [Usage::Sign, Usage::SignDecrypt, Usage::Decrypt] {
                    if usage == Usage::Decrypt && !algorithm.is_rsa() {
                        continue;
                    }
                    let key = tpm.key(&Template { usage, password, ..Template::of(algorithm) });
                    tpm.persist(&key, handle);
                    let mut device = open(&tpm.tcti());
                    signs(&mut device, &at(handle), password, &key);
                    is_clean(&tpm);
                    signs(&mut device, &file_of(&key), password, &key);
                    is_clean(&tpm);
                    handle += 1;
                }
            }
        }
    });
}

#[test]
fn a_fixed_scheme_is_kept_to() {
    apart(|| {
        let tpm = Swtpm::start();
        let with = |algorithm, scheme| Template { scheme: Some(scheme), ..Template::of(algorithm) };
        for template in [
            with(Algorithm::P256, "ecdsa-sha256:null"),
            with(Algorithm::P256, "ecdsa-sha384:null"),
            with(Algorithm::P384, "ecdsa-sha384:null"),
            with(Algorithm::P384, "ecdsa-sha512:null"),
            with(Algorithm::Rsa2048, "rsassa-sha256:null"),
        ] {
            let key = tpm.key(&template);
            signs(&mut open(&tpm.tcti()), &file_of(&key), None, &key);
        }
        is_clean(&tpm);
    });
}

#[test]
fn a_key_that_cannot_sign_is_refused_by_name() {
    apart(|| {
        let tpm = Swtpm::start();
        let rsa = Template::RSA2048;
        let policy = "fixedtpm|fixedparent|sensitivedataorigin|noda|adminwithpolicy|sign";
        let mut device = open(&tpm.tcti());
        for (template, why) in [
            (Template { scheme: Some("rsapss-sha256:null"), ..rsa }, "RSASSA-PSS only"),
            (Template { scheme: Some("rsassa-sha384:null"), ..rsa }, "SHA-384 only"),
            (
                Template { restricted: true, scheme: Some("ecdsa-sha256:null"), ..Template::P256 },
                "it is restricted",
            ),
            (Template { usage: Usage::Decrypt, ..Template::P256 }, "it may not sign"),
            (Template { attributes: Some(policy), ..Template::P256 }, "by a policy only"),
            (
                Template { usage: Usage::Decrypt, scheme: Some("oaep-sha256:null"), ..rsa },
                "a padding of its own",
            ),
        ] {
            let key = tpm.key(&template);
            let refused = device.select(&file_of(&key)).err().expect(why);
            let Failure::Key { key, reason } = refused else { panic!("{refused:?}") };
            assert!(key == "key.pem" && reason.contains(why), "{reason}");
        }
        let key = tpm.key(&Template::P256);
        device.select(&file_of(&key)).expect("a key");
        let odd = device.sign(Scheme::RsaPkcs1Sha256, b"x").expect_err("an EC key");
        assert!(matches!(odd, Failure::Key { .. }), "{odd:?}");
    });
}

#[test]
fn nothing_at_a_handle_is_a_sentence() {
    apart(|| {
        let tpm = Swtpm::start();
        let mut device = open(&tpm.tcti());
        let absent = device.select(&at(HANDLE)).err().expect("nothing there");
        let Failure::Call { function, code, subject, .. } = absent else { panic!("{absent:?}") };
        assert_eq!(
            (function.as_str(), code.as_str(), subject.as_str()),
            ("TPM2_ReadPublic", "TPM_RC_HANDLE (0x18b)", "tpm:handle=0x81000101")
        );
        let odd = device.select(&at(0x8000_0000)).err().expect("not persistent");
        assert!(matches!(odd, Failure::Key { .. }), "{odd:?}");
    });
}

#[test]
fn a_password_that_is_missing_is_told_after_one_try_that_costs_nothing() {
    apart(|| {
        let tpm = Swtpm::start();
        let key = tpm.key(&Template { password: Some("s3cret"), ..Template::P256 });
        tpm.persist(&key, HANDLE);
        let mut device = open(&tpm.tcti());
        device.select(&at(HANDLE)).expect("a key");
        assert!(!device.wants_password(), "nobody knows yet");
        let missing = sign(&mut device, Scheme::EcdsaSha256).expect_err("no password");
        assert!(
            matches!(&missing, Failure::Call { code, .. } if code == "TPM_RC_BAD_AUTH (0x9a2)"),
            "{missing:?}"
        );
        assert!(device.wants_password());
        device.keep_password(pin("wrong"));
        assert!(!device.wants_password());
        let wrong = sign(&mut device, Scheme::EcdsaSha256).expect_err("a wrong one");
        assert!(matches!(wrong, Failure::PinWrong { .. }), "{wrong:?}");
        assert!(device.wants_password(), "it is not kept");
        device.keep_password(pin(&"x".repeat(33)));
        let long = sign(&mut device, Scheme::EcdsaSha256).expect_err("a long one");
        assert!(matches!(long, Failure::PinSource { .. }), "{long:?}");
        device.keep_password(pin("s3cret"));
        sign(&mut device, Scheme::EcdsaSha256).expect("a signature");
        sign(&mut device, Scheme::EcdsaSha256).expect("it is kept");
        is_clean(&tpm);
        assert_eq!(variable(&tpm, "TPM2_PT_LOCKOUT_COUNTER"), 0);
    });
}

#[test]
fn what_is_at_the_handles_is_listed() {
    apart(|| {
        let mut tpm = Swtpm::start();
        tpm.make_parent(hsm_test::swtpm::Parent::SRK, None);
        let key = tpm.key(&Template { protected: true, ..Template::P384 });
        tpm.persist(&key, HANDLE);
        let listed = open(&tpm.tcti()).list().expect("a list");
        let [storage, ours] = listed.keys.as_slice() else { panic!("{listed:?}") };
        assert_eq!((storage.handle, ours.handle), (Some(0x8100_0001), Some(HANDLE)));
        assert!(storage.unusable.as_ref().is_some_and(|why| why.contains("storage key")));
        assert!(ours.unusable.is_none() && ours.protected && !storage.protected, "{listed:?}");
        assert_eq!(ours.kind.name, "P-384");
        assert!(ours.attributes.contains(&"sign".to_owned()));
        assert!(listed.lockout.is_some_and(|state| state.most == 3 && state.failed == 0));
        is_clean(&tpm);
    });
}
