//! Certificates in the TPM's own memory.

use std::fs;
use std::process::Command;

use hsm_test::pem;
use hsm_test::pki::Leaf;
use hsm_test::swtpm::{NvIndex, Parent, Swtpm, Template};

const INDEX: u32 = 0x0180_0001;

fn read(tpm: &Swtpm, index: u32) -> Vec<u8> {
    let out = tpm.dir().join("read");
    let mut read = tpm.tpm2("nvread");
    let output = read.arg(format!("{index:#x}")).arg("-o").arg(&out).output();
    let output = output.expect("tpm2-tools are installed");
    tpm.flush();
    assert!(output.status.success(), "{}", super::said(&output));
    fs::read(out).expect("tpm2_nvread has written it")
}

#[test]
fn a_certificate_in_nv_is_the_leaf_in_der() {
    let mut tpm = Swtpm::start();
    tpm.set_hierarchy_password(Parent::OWNER.hierarchy, "the owner");
    let key = tpm.key(&Template::P256);
    tpm.certificate_in_nv(&key, INDEX);
    let mut convert = Command::new("openssl");
    convert.args(["x509", "-outform", "DER", "-in"]).arg(tpm.certificate(&key));
    assert_eq!(read(&tpm, INDEX), convert.output().expect("openssl is installed").stdout);
}

#[test]
fn content_may_be_longer_than_a_command_and_have_room_behind_it() {
    let tpm = Swtpm::start();
    let content: Vec<u8> = (0..1500_u32).map(|number| number.to_le_bytes()[0]).collect();
    tpm.define_nv(INDEX, &content, NvIndex { spare: 100, ..NvIndex::PUBLIC });
    let expected = [content, vec![0xff; 100]].concat();
    assert!(read(&tpm, INDEX) == expected);
}

#[test]
fn a_certificate_may_be_longer_than_a_command_too() {
    let tpm = Swtpm::start();
    let key = tpm.key(&Template::P256);
    let leaf = tpm.pki().leaf(&Leaf { ballast: 1200, ..Leaf::of(&key.public_key_pem()) });
    let der = &pem::certificates(&leaf)[0];
    assert!(der.len() > 1500 && der.len() < 2048, "{}", der.len());
    tpm.define_nv(INDEX, der, NvIndex::PUBLIC);
    assert!(&read(&tpm, INDEX) == der);
    let mut show = Command::new("openssl");
    show.args(["x509", "-inform", "DER", "-noout", "-pubkey", "-in"]).arg(tpm.dir().join("read"));
    let shown = show.output().expect("openssl is installed").stdout;
    assert_eq!(String::from_utf8_lossy(&shown), key.public_key_pem());
}
