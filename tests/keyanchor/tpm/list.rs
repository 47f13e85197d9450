//! What `keyanchor list` tells of a TPM, and of the files of keys that only it can load.

use hsm_test::swtpm::{Parent, Template};
use serde_json::Value;

use super::{TpmLab, lab};
use crate::lab::run;

/// The document for programs.
fn listed(lab: &TpmLab, options: &[&str]) -> Value {
    let mut command = lab.command();
    let ended = run(command.args(["list", "--json"]).args(options));
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    serde_json::from_str(&ended.stdout).expect("JSON")
}

#[test]
fn the_keys_of_a_tpm_are_shown_with_what_they_may_do() {
    let mut lab = lab();
    lab.tpm.make_parent(Parent::SRK, None);
    let key = lab.tpm.key(&Template::P256);
    lab.tpm.persist(&key, 0x8100_0101);
    let protected = Template { protected: true, password: Some("s3cret"), ..Template::RSA2048 };
    lab.tpm.persist(&lab.tpm.key(&protected), 0x8100_0102);
    let certificate = lab.tpm.certificate(&key).display().to_string();
    let document = listed(&lab, &["--certificate", &certificate]);
    let tpm = &document["tpms"][0];
    assert_eq!(tpm["tcti"], lab.tpm.tcti());
    assert_eq!(tpm["lockout"]["failed"], 0);
    let keys = tpm["keys"].as_array().expect("keys");
    let told = |place: usize, member: &str| keys[place][member].clone();
    assert_eq!(told(0, "handle"), "0x81000001");
    assert_eq!((told(0, "uri"), told(0, "unusable").is_string()), (Value::Null, true));
    assert_eq!(told(1, "uri"), "tpm:handle=0x81000101");
    assert_eq!((told(1, "certificate"), told(1, "protected")), ("valid".into(), false.into()));
    assert_eq!((told(2, "kind"), told(2, "protected")), ("RSA-2048".into(), true.into()));
    let attributes = told(2, "attributes").to_string();
    assert!(attributes.contains("\"sign\"") && !attributes.contains("noda"), "{attributes}");
    assert_eq!(lab.tpm.left_behind(), Vec::<u32>::new());
}

#[test]
fn a_file_of_a_tpms_key_is_shown_without_its_tpm() {
    let lab = lab();
    let template = Template { protected: true, ..Template::P384 };
    let key = lab.tpm.key(&template);
    let file = lab.tpm.file(&key).display().to_string();
    let document = listed(&lab, &["--key", &file]);
    let shown = &document["key_files"][0];
    assert_eq!((&shown["kind"], &shown["tpm"]["protected"]), (&"P-384".into(), &true.into()));
}

#[test]
fn wrong_passwords_that_count_are_shown_to_people() {
    let lab = lab();
    let template = Template { protected: true, password: Some("s3cret"), ..Template::P256 };
    lab.tpm.persist(&lab.tpm.key(&template), 0x8100_0101);
    lab.tpm.enter_wrong(0x8100_0101, 2);
    let mut command = lab.command();
    let table = run(command.arg("list")).stdout;
    assert!(table.contains("2 wrong passwords count; 3 lock the protected keys"), "{table}");
    assert!(table.contains("; wrong passwords lock the TPM"), "{table}");
    assert!(table.contains("0x81000101  P-256 sign  "), "{table}");
    lab.tpm.enter_wrong(0x8100_0101, 1);
    let mut command = lab.command();
    let table = run(command.arg("list")).stdout;
    assert!(table.contains("in lock-out: no password of a protected key is taken"), "{table}");
}

#[test]
fn a_tpm_that_does_not_answer_hides_nothing_else() {
    let mut lab = lab();
    lab.tpm.kill();
    let mut command = lab.command();
    let key = lab.tpm.dir().join("none.pem");
    let ended = run(command.args(["list", "--key"]).arg(key));
    assert!(ended.stdout.contains("TPM at swtpm:host=127.0.0.1"), "{}", ended.stdout);
    assert!(ended.stdout.contains("cannot be used"), "{}", ended.stdout);
}
