//! The storage key that passwords are protected with is the one of before, or nothing is sent.

use std::fs;
use std::path::PathBuf;

use hsm_test::swtpm::{Parent, Swtpm, Template};
use keyanchor::key::Scheme;
use keyanchor::wire::Failure;

use crate::bench::*;

const HANDLE: u32 = 0x8100_0101;
const CLOSED: Template = Template { password: Some("s3cret"), ..Template::P256 };

/// The only record.
fn record() -> Option<PathBuf> {
    let folder = std::env::var("KEYANCHOR_RUNTIME_DIR").expect("set");
    let mut files =
        fs::read_dir(PathBuf::from(folder).join("hosts")).ok()?.flatten().map(|entry| entry.path());
    files.find(|path| path.to_string_lossy().contains("tpm-salt-"))
}

fn text() -> String {
    fs::read_to_string(record().expect("a record")).expect("text")
}

fn signed(tpm: &Swtpm) -> Result<(), Failure> {
    let mut device = open(&tpm.tcti());
    device.select(&at(HANDLE)).expect("a key");
    device.keep_password(pin("s3cret"));
    sign(&mut device, Scheme::EcdsaSha256)
}

#[test]
fn the_storage_key_is_remembered_only_where_a_password_needs_it() {
    apart(|| {
        let mut tpm = Swtpm::start();
        let open_key = tpm.key(&Template::P256);
        signs(&mut open(&tpm.tcti()), &file_of(&open_key), None, &open_key);
        assert_eq!(record(), None);
        tpm.persist(&tpm.key(&CLOSED), HANDLE);
        signed(&tpm).expect("a signature");
        assert!(text().contains("\"Owner\""), "{}", text());
        // The same key at a handle is still the same, and a key that is no storage key none.
        tpm.make_parent(Parent::SRK, None);
        signed(&tpm).expect("a signature");
        fs::remove_file(record().expect("a record")).expect("remove");
        signed(&tpm).expect("a signature");
        assert!(text().contains("\"Handle\""), "{}", text());
        tpm.evict(0x8100_0001);
        tpm.persist(&open_key, 0x8100_0001);
        signed(&tpm).expect("the owner's primary has the same Name");
        fs::remove_file(record().expect("a record")).expect("remove");
        signed(&tpm).expect("a signature");
        assert!(text().contains("\"Owner\""), "{}", text());
        is_clean(&tpm);
    });
}

#[test]
fn a_key_at_the_storage_keys_handle_signs() {
    apart(|| {
        let tpm = Swtpm::start();
        let key = tpm.key(&CLOSED);
        tpm.persist(&key, 0x8100_0001);
        let mut device = open(&tpm.tcti());
        signs(&mut device, &at(0x8100_0001), Some("s3cret"), &key);
        sign(&mut device, Scheme::EcdsaSha256).expect("once more");
        is_clean(&tpm);
    });
}

#[test]
fn another_storage_key_ends_it_before_a_password_is_sent() {
    apart(|| {
        let mut tpm = Swtpm::start();
        tpm.persist(&tpm.key(&CLOSED), HANDLE);
        tpm.make_parent(Parent { rsa: true, ..Parent::SRK }, None);
        signed(&tpm).expect("a signature, salted to an RSA key");
        assert!(text().contains("\"Handle\""), "{}", text());
        tpm.evict(0x8100_0001);
        let stranger = signed(&tpm).expect_err("another key");
        let Failure::Stranger { record: named, .. } = stranger else { panic!("{stranger:?}") };
        assert_eq!(PathBuf::from(&named), record().expect("a record"));
        fs::remove_file(named).expect("remove");
        signed(&tpm).expect("begun anew");
        is_clean(&tpm);
    });
}

#[test]
fn an_owner_with_a_password_cannot_be_played() {
    apart(|| {
        let mut tpm = Swtpm::start();
        tpm.persist(&tpm.key(&CLOSED), HANDLE);
        signed(&tpm).expect("a signature");
        tpm.set_hierarchy_password(Parent::OWNER.hierarchy, "0wner");
        let downgraded = signed(&tpm).expect_err("no key of before");
        assert!(matches!(downgraded, Failure::Stranger { .. }), "{downgraded:?}");
        fs::remove_file(record().expect("a record")).expect("remove");
        signed(&tpm).expect("salted to the null hierarchy");
        assert_eq!(record(), None, "which is another one after each start");
        is_clean(&tpm);
    });
}

#[test]
fn a_record_that_is_none_is_named() {
    apart(|| {
        let tpm = Swtpm::start();
        tpm.persist(&tpm.key(&CLOSED), HANDLE);
        signed(&tpm).expect("a signature");
        let path = record().expect("a record");
        fs::write(&path, "{").expect("write");
        let spoiled = signed(&tpm).expect_err("no record");
        let Failure::Lock { reason } = spoiled else { panic!("{spoiled:?}") };
        assert!(reason.starts_with(path.to_str().expect("a path")), "{reason}");
    });
}
