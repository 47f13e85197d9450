//! Keys from files: whatever their parent is, and with its password where it has one.

use hsm_test::swtpm::{Algorithm, NvIndex, Parent, Swtpm, Template};
use keyanchor::key::Scheme;
use keyanchor::wire::Failure;
use keyanchor::wire::failure::Holder;
use keyanchor::wire::tpm::{Place, Wanted};

use crate::bench::*;

const INDEX: u32 = 0x0150_0001;

#[test]
fn a_file_may_have_any_parent() {
    apart(|| {
        let mut tpm = Swtpm::start();
        let parents = [
            Parent::OWNER,
            Parent { rsa: true, ..Parent::OWNER },
            Parent::ENDORSEMENT,
            Parent::PLATFORM,
            Parent::NULL,
            Parent::SRK,
            Parent { rsa: true, ..Parent::at(0x8100_0005) },
        ];
        for parent in parents {
            if parent.persistent.is_some() {
                tpm.make_parent(parent, None);
            }
            for password in [None, Some("s3cret")] {
                let key = tpm.key_under(&Template { password, ..Template::P256 }, parent);
                signs(&mut open(&tpm.tcti()), &file_of(&key), password, &key);
                is_clean(&tpm);
            }
        }
    });
}

#[test]
fn a_parents_password_is_asked_for_and_used() {
    apart(|| {
        let mut tpm = Swtpm::start();
        tpm.make_parent(Parent::at(0x8100_0005), Some("p4rent"));
        let below = tpm.key_under(&Template::P256, Parent::at(0x8100_0005));
        let owned = tpm.key(&Template { password: Some("s3cret"), ..Template::P256 });
        tpm.set_hierarchy_password(Parent::OWNER.hierarchy, "0wner");
        for (key, parent, password, name) in
            [(&below, "p4rent", None, "0x81000005"), (&owned, "0wner", Some("s3cret"), "the owner")]
        {
            let mut device = open(&tpm.tcti());
            device.select(&file_of(key)).expect("a key");
            let missing = sign(&mut device, Scheme::EcdsaSha256).expect_err("a password");
            assert!(
                matches!(&missing, Failure::ParentPassword { parent, .. } if parent.starts_with(name)),
                "{missing:?}"
            );
            device.keep_parent_password(pin("wrong"));
            let wrong = sign(&mut device, Scheme::EcdsaSha256).expect_err("a password");
            assert!(
                matches!(&wrong, Failure::PinWrong { of: Holder::TpmParent(parent), .. } if parent.starts_with(name)),
                "{wrong:?}"
            );
            device.keep_parent_password(pin(parent));
            if let Some(password) = password {
                device.keep_password(pin(password));
            }
            sign(&mut device, Scheme::EcdsaSha256).expect("a signature");
            is_clean(&tpm);
        }
    });
}

#[test]
fn a_file_that_lies_about_its_password_works_all_the_same() {
    apart(|| {
        let tpm = Swtpm::start();
        let claims = |wanted: Wanted, empty| match wanted.place {
            Place::File(mut file) => {
                file.empty_auth = empty;
                Wanted { place: Place::File(file), certificate: None, open: false }
            }
            Place::Handle(_) => panic!("a file"),
        };
        let open_key = tpm.key(&Template::P256);
        signs(&mut open(&tpm.tcti()), &claims(file_of(&open_key), false), None, &open_key);
        let closed = tpm.key(&Template { password: Some("s3cret"), ..Template::P256 });
        signs(&mut open(&tpm.tcti()), &claims(file_of(&closed), true), Some("s3cret"), &closed);
        let guarded = Template { password: Some("s3cret"), protected: true, ..Template::P256 };
        let guarded = tpm.key(&guarded);
        let mut device = open(&tpm.tcti());
        device.select(&file_of(&guarded)).expect("a key");
        assert!(device.wants_password(), "it says so, and trying costs a try");
        is_clean(&tpm);
    });
}

#[test]
fn keys_of_openssls_provider_sign() {
    apart(|| {
        let tpm = Swtpm::start();
        for password in [None, Some("s3cret")] {
            let (key, _) = tpm.key_by_openssl(Algorithm::P256, password);
            signs(&mut open(&tpm.tcti()), &file_of(&key), password, &key);
        }
        is_clean(&tpm);
    });
}

#[test]
fn a_key_of_another_tpm_is_told_as_such() {
    apart(|| {
        let (here, there) = (Swtpm::start(), Swtpm::foreign());
        let key = there.key(&Template::P256);
        let mut device = open(&here.tcti());
        device.select(&file_of(&key)).expect("its public half");
        let foreign = sign(&mut device, Scheme::EcdsaSha256).expect_err("another TPM");
        let Failure::Call { function, code, subject, .. } = foreign else { panic!("{foreign:?}") };
        assert_eq!(
            (function.as_str(), code.as_str(), subject.as_str()),
            ("TPM2_Load", "TPM_RC_INTEGRITY (0x1df)", "key.pem")
        );
        let checked = device.check().expect_err("another TPM");
        assert!(matches!(checked, Failure::Call { .. }), "{checked:?}");
        device.select(&file_of(&here.key(&Template::P256))).expect("its public half");
        device.check().expect("a key of this one");
        is_clean(&here);
    });
}

#[test]
fn a_certificate_is_read_from_an_nv_index() {
    apart(|| {
        let tpm = Swtpm::start();
        let key = tpm.key(&Template::P256);
        tpm.certificate_in_nv(&key, INDEX);
        let leaf = std::fs::read_to_string(tpm.certificate(&key)).expect("PEM");
        let leaf = hsm_test::pem::certificates(&leaf);
        // More than one command carries, read by the index's own right, and by the owner's alone.
        let long = [leaf[0].clone(), vec![0; 1400]].concat();
        let own = "ownerwrite|authread";
        tpm.define_nv(INDEX + 1, &long, NvIndex { attributes: own, ..NvIndex::PUBLIC });
        let owners = NvIndex { attributes: "ownerwrite|ownerread", spare: 40, password: None };
        tpm.define_nv(INDEX + 2, &leaf[0], owners);
        tpm.define_nv(INDEX + 3, b"not a certificate", NvIndex::PUBLIC);
        let mut device = open(&tpm.tcti());
        let mut read = |index| {
            let wanted = Wanted { certificate: Some(index), ..file_of(&key) };
            device.select(&wanted).expect("a key");
            device.certificates()
        };
        for index in [INDEX, INDEX + 1, INDEX + 2] {
            assert_eq!(read(index).expect("a certificate"), leaf);
        }
        for index in [INDEX + 3, INDEX + 4, 0x8100_0001] {
            let odd = read(index).expect_err("no certificate");
            let Failure::NvIndex { index: told, reason } = odd else { panic!("{odd:?}") };
            assert_eq!(told, format!("{index:#x}"), "{reason}");
        }
        is_clean(&tpm);
        assert_eq!(variable(&tpm, "TPM2_PT_LOCKOUT_COUNTER"), 0);
    });
}
