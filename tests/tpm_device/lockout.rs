//! Keys under the TPM's protection against guessing: tries are counted as they are used, and none is
//! used that was not meant.

use hsm_test::swtpm::{Parent, Swtpm, Template};
use keyanchor::key::Scheme;
use keyanchor::wire::failure::{Holder, Tries};
use keyanchor::wire::tpm::{File, Place, Wanted};
use keyanchor::wire::{Bytes, Failure};

use crate::bench::*;

const HANDLE: u32 = 0x8100_0101;
const PROTECTED: Template =
    Template { password: Some("s3cret"), protected: true, ..Template::P256 };

const ATTRIBUTES: &str = "fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|sign";

fn failed(tpm: &Swtpm) -> u32 {
    variable(tpm, "TPM2_PT_LOCKOUT_COUNTER")
}

#[test]
fn a_wrong_password_costs_one_try_and_the_lock_out_none() {
    apart(|| {
        let tpm = Swtpm::start();
        tpm.persist(&tpm.key(&PROTECTED), HANDLE);
        let mut device = open(&tpm.tcti());
        device.select(&at(HANDLE)).expect("a key");
        assert!(device.wants_password());
        for (left, after) in [(Tries::Left(3), Tries::Left(2)), (Tries::Left(2), Tries::One)] {
            assert_eq!(device.pin_state().expect("a state").tries, left);
            let before = failed(&tpm);
            device.keep_password(pin("wrong"));
            let wrong = sign(&mut device, Scheme::EcdsaSha256).expect_err("wrong");
            let Failure::PinWrong { tries, of, .. } = wrong else { panic!("{wrong:?}") };
            let key = Holder::TpmKey("tpm:handle=0x81000101".to_owned());
            assert_eq!((tries, of), (after, key));
            assert_eq!(failed(&tpm), before + 1);
        }
        assert_eq!(device.pin_state().expect("a state").tries, Tries::One);
        device.keep_password(pin("wrong"));
        let wrong = sign(&mut device, Scheme::EcdsaSha256).expect_err("wrong");
        assert!(matches!(wrong, Failure::PinWrong { tries: Tries::None, .. }), "{wrong:?}");
        assert_eq!(failed(&tpm), 3);
        let locked = device.pin_state().expect_err("locked");
        let Failure::Lockout { untried: true, heals, .. } = locked else { panic!("{locked:?}") };
        assert_eq!(heals, Some(1000));
        device.keep_password(pin("s3cret"));
        let right = sign(&mut device, Scheme::EcdsaSha256).expect_err("locked");
        assert!(matches!(right, Failure::Lockout { untried: false, .. }), "{right:?}");
        assert_eq!(failed(&tpm), 3);
        is_clean(&tpm);
    });
}

#[test]
fn the_last_try_is_not_used_for_an_empty_password() {
    apart(|| {
        let mut tpm = Swtpm::start();
        let parent = Parent::at(0x8100_0005);
        tpm.make_parent(parent, None);
        tpm.persist(&tpm.key(&PROTECTED), HANDLE);
        let mut device = open(&tpm.tcti());
        device.select(&at(HANDLE)).expect("a key");
        for _ in 0..2 {
            device.keep_password(pin("wrong"));
            sign(&mut device, Scheme::EcdsaSha256).expect_err("wrong");
        }
        let last = sign(&mut device, Scheme::EcdsaSha256).expect_err("the last try");
        assert!(matches!(last, Failure::PinAtLastTry { .. }), "{last:?}");
        assert_eq!(failed(&tpm), 2);
        device.keep_password(pin("s3cret"));
        sign(&mut device, Scheme::EcdsaSha256).expect("the right one does no harm");
        assert_eq!(failed(&tpm), 2);
        is_clean(&tpm);
    });
}

#[test]
fn a_parent_that_is_protected_is_not_tried_where_that_could_lock_the_tpm() {
    apart(|| {
        let tpm = Swtpm::start();
        let (handle, context) = ("0x81000005", tpm.dir().join("parent"));
        let run = |command: &mut std::process::Command| {
            assert!(command.status().expect("a tool").success());
            tpm.flush();
        };
        let mut create = tpm.tpm2("createprimary");
        create.args(["-Q", "-C", "o", "-G", "ecc256:aes128cfb", "-p", "p4rent", "-c"]);
        run(create.arg(&context));
        run(tpm.tpm2("evictcontrol").args(["-Q", "-C", "o", "-c"]).arg(&context).arg(handle));
        let folder = tpm.dir();
        let mut create = tpm.tpm2("create");
        create.args(["-Q", "-C", handle, "-P", "p4rent", "-G", "ecc256"]).args(["-a", ATTRIBUTES]);
        run(create.arg("-u").arg(folder.join("pub")).arg("-r").arg(folder.join("priv")));
        let octets = |name| Bytes(std::fs::read(folder.join(name)).expect("a half"));
        let place = Place::File(File {
            name: "key.pem".into(),
            parent: 0x8100_0005,
            rsa_parent: false,
            public: octets("pub"),
            private: octets("priv"),
            empty_auth: true,
        });
        let mut device = open(&tpm.tcti());
        device.select(&Wanted { place, certificate: None, open: false }).expect("a key");
        let missing = sign(&mut device, Scheme::EcdsaSha256).expect_err("a password");
        assert!(matches!(missing, Failure::ParentPassword { .. }), "{missing:?}");
        assert_eq!(failed(&tpm), 1, "an empty password is a try");
        device.keep_parent_password(pin("wrong"));
        let wrong = sign(&mut device, Scheme::EcdsaSha256).expect_err("wrong");
        assert!(matches!(wrong, Failure::PinWrong { tries: Tries::One, .. }), "{wrong:?}");
        let last = sign(&mut device, Scheme::EcdsaSha256).expect_err("the last try");
        assert!(matches!(last, Failure::PinAtLastTry { .. }), "{last:?}");
        assert_eq!(failed(&tpm), 2);
        device.keep_parent_password(pin("p4rent"));
        sign(&mut device, Scheme::EcdsaSha256).expect("a signature");
        is_clean(&tpm);
    });
}

#[test]
fn a_key_without_protection_is_not_held_back() {
    apart(|| {
        let tpm = Swtpm::start();
        tpm.persist(&tpm.key(&PROTECTED), HANDLE);
        let free = tpm.key(&Template { protected: false, ..PROTECTED });
        let mut device = open(&tpm.tcti());
        device.select(&at(HANDLE)).expect("a key");
        for _ in 0..3 {
            device.keep_password(pin("wrong"));
            sign(&mut device, Scheme::EcdsaSha256).expect_err("wrong");
        }
        device.select(&file_of(&free)).expect("a key");
        assert_eq!(device.pin_state().expect("a state").tries, Tries::Unknown);
        signs(&mut device, &file_of(&free), Some("s3cret"), &free);
        is_clean(&tpm);
    });
}
