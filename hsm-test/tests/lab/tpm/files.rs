//! TSS2 files: of three makers, under every parent, with what they say about passwords.

use std::path::Path;
use std::process::Command;

use hsm_test::swtpm::{Algorithm, Key, Parent, Swtpm, Template, Tss2};

use super::{said, sign_with_file, verifies};

/// The first lines of a file as asn1parse shows them.
fn parsed(file: &Path) -> String {
    let mut parse = Command::new("openssl");
    let output = parse.args(["asn1parse", "-in"]).arg(file).output().expect("openssl is installed");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn empty_auth(file: &Path) -> Option<bool> {
    let text = parsed(file);
    let line = text.lines().find(|line| line.contains("BOOLEAN"))?;
    Some(!line.ends_with(":0"))
}

fn assert_signs(tpm: &Swtpm, key: &Key, file: &Path) {
    let password = key.template().password.unwrap_or_default();
    let output = sign_with_file(tpm, file, password, tpm.command_env());
    let context = format!("{:?} {file:?}: {}", key.template(), said(&output));
    assert!(output.status.success() && verifies(tpm, key), "{context}");
}

#[test]
fn files_of_all_makers_sign_and_tpm2_tools_invert_empty_auth() {
    let tpm = Swtpm::start();
    for template in [Template::P256, Template::P384, Template::RSA2048] {
        for password in [None, Some("s3cret")] {
            let key = tpm.key(&Template { password, ..template });
            let by_hand = tpm.file(&key);
            assert_eq!(empty_auth(&by_hand), Some(password.is_none()));
            assert_signs(&tpm, &key, &by_hand);
            assert_eq!(empty_auth(&tpm.file_by_tpm2_tools(&key)), Some(password.is_some()));
            let (key, by_openssl) = tpm.key_by_openssl(template.algorithm, password);
            assert_eq!(empty_auth(&by_openssl), Some(password.is_none()));
            assert_signs(&tpm, &key, &by_openssl);
        }
    }
}

#[test]
fn a_file_names_its_parent_and_loads_below_it() {
    let mut tpm = Swtpm::start();
    tpm.make_parent(Parent::SRK, None);
    let rsa_in_nv = Parent { rsa: true, ..Parent::at(0x8100_0002) };
    tpm.make_parent(rsa_in_nv, None);
    let rsa = Parent { rsa: true, ..Parent::OWNER };
    for (parent, named) in [
        (Parent::OWNER, ":40000001"),
        (Parent::ENDORSEMENT, ":4000000B"),
        (Parent::PLATFORM, ":4000000C"),
        (Parent::NULL, ":40000007"),
        (Parent::SRK, ":81000001"),
        (rsa_in_nv, ":81000002"),
        (rsa, ":40000001"),
    ] {
        let key = tpm.key_under(&Template::P256, parent);
        tpm.load(&key);
        let (by_hand, by_tools) = (parsed(&tpm.file(&key)), parsed(&tpm.file_by_tpm2_tools(&key)));
        assert!(by_hand.contains(named), "{parent:?}: {by_hand}");
        // tpm2_encodeobject 5.4 takes every primary key for the owner's
        let named = parent.persistent.map_or(":40000001", |_| named);
        assert!(by_tools.contains(named), "{parent:?}: {by_tools}");
        // OpenSSL's provider 1.1.1 knows fewer parents than the format has
        if parent == Parent::OWNER || parent.persistent.is_some() {
            assert_signs(&tpm, &key, &tpm.file(&key));
        }
    }
    let text = parsed(&tpm.file(&tpm.key_under(&Template::P256, rsa)));
    assert!(text.contains("cont [ 5 ]"), "{text}");
}

#[test]
fn a_file_by_hand_says_what_it_is_told_to() {
    let tpm = Swtpm::start();
    let key = tpm.key(&Template::P256);
    let odd = Tss2 {
        oid: Tss2::SEALED,
        empty_auth: None,
        between: vec![
            "policy = EXPLICIT:1,SEQUENCE:policies".into(),
            "description = EXPLICIT:4,UTF8String:laptop".into(),
        ],
        sections: vec!["[policies]".into(), "one = SEQUENCE:first".into(), "[first]".into()],
        ..Tss2::of(&key)
    };
    let text = parsed(&tpm.file_with(&key, &odd));
    for part in [Tss2::SEALED, "cont [ 1 ]", "cont [ 4 ]", "UTF8STRING        :laptop"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("BOOLEAN"), "{text}");
    assert_ne!(tpm.file_with(&key, &odd), tpm.file(&key));
}

#[test]
fn openssls_keys_are_like_all_others_and_protected() {
    let tpm = Swtpm::start();
    let (key, _) = tpm.key_by_openssl(Algorithm::Rsa2048, None);
    assert!(key.template().protected && tpm.certificate(&key).is_file());
    tpm.persist(&key, 0x8100_0101);
    assert_signs(&tpm, &key, &tpm.file(&key));
}
