//! Every kind of key gives credentials, and leaves nothing in the TPM.

use hsm_test::swtpm::{Algorithm, Parent, Template, Usage};

use super::{TpmLab, lab};
use crate::lab::granted;

const HANDLE: u32 = 0x8100_0101;

/// By handle and from a file, for one kind of key.
fn signs(lab: &TpmLab, template: Template, handle: u32) {
    let key = lab.tpm.key(&template);
    lab.tpm.persist(&key, handle);
    let chain = lab.tpm.chain(&key);
    for reference in
        [format!("tpm:handle={handle:#010x}"), lab.tpm.file(&key).display().to_string()]
    {
        let mut command = lab.with(&reference, &chain);
        if let Some(password) = template.password {
            command.arg("--pin-file").arg(lab.password(password));
        }
        granted(&mut command);
        assert_eq!(lab.tpm.left_behind(), Vec::<u32>::new(), "{template:?}");
    }
}

#[test]
fn keys_of_all_kinds_sign_by_handle_and_from_a_file() {
    let lab = lab();
    let mut handle = HANDLE;
    for algorithm in [Algorithm::P256, Algorithm::P384, Algorithm::Rsa2048] {
        for usage in [Usage::Sign, Usage::SignDecrypt] {
            for password in [None, Some("s3cret")] {
                let template = Template { usage, password, ..Template::of(algorithm) };
                signs(&lab, template, handle);
                handle += 1;
            }
        }
    }
    assert_eq!(lab.server.requests().len(), 24);
}

#[test]
fn an_rsa_key_for_decryption_signs_too() {
    let lab = lab();
    for (number, password) in [None, Some("s3cret")].into_iter().enumerate() {
        let usage = Usage::Decrypt;
        let template = Template { usage, password, ..Template::RSA2048 };
        signs(&lab, template, HANDLE + number as u32);
    }
}

#[test]
fn files_hang_below_all_kinds_of_parents() {
    let mut lab = lab();
    for parent in [Parent::OWNER, Parent::ENDORSEMENT, Parent::PLATFORM, Parent::NULL, Parent::SRK]
    {
        if parent == Parent::SRK {
            lab.tpm.make_parent(parent, None);
        }
        let key = lab.tpm.key_under(&Template::P256, parent);
        let chain = lab.tpm.chain(&key);
        granted(&mut lab.with(&lab.tpm.file(&key).display().to_string(), &chain));
        assert_eq!(lab.tpm.left_behind(), Vec::<u32>::new(), "{parent:?}");
    }
}

#[test]
fn files_of_all_makers_are_read() {
    let lab = lab();
    for password in [None, Some("s3cret")] {
        let template = Template { password, ..Template::P256 };
        let key = lab.tpm.key(&template);
        let by_tools = lab.tpm.file_by_tpm2_tools(&key);
        let (other, by_openssl) = lab.tpm.key_by_openssl(Algorithm::P256, password);
        for (key, file) in [(&key, by_tools), (&other, by_openssl)] {
            let mut command = lab.with(&file.display().to_string(), &lab.tpm.chain(key));
            if let Some(password) = password {
                command.arg("--pin-file").arg(lab.password(password));
            }
            granted(&mut command);
        }
    }
}
