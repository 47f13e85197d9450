//! A TPM without a resource manager has three places; what others hold there, or do to the TPM.

use hsm_test::swtpm::{Parent, Swtpm, Template};
use keyanchor::key::Scheme;
use keyanchor::wire::Failure;
use keyanchor::wire::failure::TpmTrouble;

use crate::bench::*;

const HANDLE: u32 = 0x8100_0101;

/// Takes so many places for keys, as others would.
fn taken(tpm: &Swtpm, number: usize) {
    for _ in 0..number {
        let mut create = tpm.tpm2("createprimary");
        create.args(["-Q", "-C", "n", "-G", "ecc256", "-c"]).arg(tpm.dir().join("others"));
        assert!(create.status().expect("tpm2_createprimary").success());
    }
}

fn code(failure: &Failure) -> &str {
    match failure {
        Failure::Call { code, .. } => code,
        _ => "",
    }
}

#[test]
fn a_handle_wants_one_place_and_a_file_two() {
    apart(|| {
        let tpm = Swtpm::start();
        let key = tpm.key(&Template { password: Some("s3cret"), ..Template::P256 });
        tpm.persist(&key, HANDLE);
        taken(&tpm, 1);
        signs(&mut open(&tpm.tcti()), &file_of(&key), Some("s3cret"), &key);
        taken(&tpm, 1);
        signs(&mut open(&tpm.tcti()), &at(HANDLE), Some("s3cret"), &key);
        let mut device = open(&tpm.tcti());
        device.select(&file_of(&key)).expect("a key");
        let full = sign(&mut device, Scheme::EcdsaSha256).expect_err("no place");
        assert_eq!(code(&full), "TPM_RC_OBJECT_MEMORY (0x902)", "{full:?}");
        taken(&tpm, 1);
        let before = loaded(&tpm);
        device.select(&file_of(&key)).expect("a key");
        device.keep_password(pin("s3cret"));
        let full = sign(&mut device, Scheme::EcdsaSha256).expect_err("no place");
        assert_eq!(code(&full), "TPM_RC_OBJECT_MEMORY (0x902)", "{full:?}");
        assert_eq!(loaded(&tpm), before, "what others hold is theirs");
    });
}

#[test]
fn many_signatures_leave_nothing() {
    apart(|| {
        let mut tpm = Swtpm::start();
        tpm.make_parent(Parent::SRK, None);
        let key =
            tpm.key_under(&Template { password: Some("s3cret"), ..Template::P256 }, Parent::SRK);
        for _ in 0..50 {
            let mut device = open(&tpm.tcti());
            device.select(&file_of(&key)).expect("a key");
            device.keep_password(pin("wrong"));
            sign(&mut device, Scheme::EcdsaSha256).expect_err("wrong");
            device.keep_password(pin("s3cret"));
            sign(&mut device, Scheme::EcdsaSha256).expect("right");
        }
        is_clean(&tpm);
    });
}

#[test]
fn a_tpm_that_was_reset_or_fails_is_a_sentence() {
    apart(|| {
        let tpm = Swtpm::start();
        tpm.persist(&tpm.key(&Template::P256), HANDLE);
        tpm.reset();
        let reset = open(&tpm.tcti()).select(&at(HANDLE)).err().expect("not started");
        assert_eq!(code(&reset), "TPM_RC_INITIALIZE (0x100)", "{reset:?}");
        let tpm = Swtpm::start();
        tpm.persist(&tpm.key(&Template::P256), HANDLE);
        let mut device = open(&tpm.tcti());
        tpm.fail();
        let failed =
            device.select(&at(HANDLE)).and_then(|_| sign(&mut device, Scheme::EcdsaSha256));
        let failed = failed.expect_err("failure mode");
        assert_eq!(code(&failed), "TPM_RC_FAILURE (0x101)", "{failed:?}");
    });
}

#[test]
fn where_there_is_no_tpm_it_is_said_why() {
    apart(|| {
        let mut tpm = Swtpm::start();
        let tcti = tpm.tcti();
        let mut device = open(&tcti);
        tpm.kill();
        let gone = device.list().expect_err("gone");
        assert!(code(&gone).starts_with("TSS2_TCTI_RC_"), "{gone:?}");
        for (tcti, wanted) in [
            (tcti.as_str(), TpmTrouble::Silent),
            ("device:/dev/no-such-tpm", TpmTrouble::Absent),
            ("swtpm:path=/run/tpm.sock", TpmTrouble::Place),
        ] {
            let error = try_open(tcti).err().expect(tcti);
            let Failure::NoTpm { trouble, reason, .. } = error else { panic!("{error:?}") };
            assert_eq!(trouble, wanted, "{tcti}: {reason}");
        }
    });
}
