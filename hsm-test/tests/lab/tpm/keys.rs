//! Keys at handles: what each can do, and that a password counts where it shall.

use hsm_test::swtpm::{Algorithm, Parent, Swtpm, Template, Usage};

use super::{said, sentence, sign, verifies};

const ALL: [Template; 4] = [Template::RSA2048, Template::RSA3072, Template::P256, Template::P384];

#[test]
fn each_kind_signs_at_its_handle_and_openssl_verifies() {
    let tpm = Swtpm::start();
    for (template, handle) in ALL.iter().zip(0x8100_0101..) {
        let key = tpm.key(template);
        tpm.persist(&key, handle);
        let output = sign(&tpm, &format!("{handle:#x}"), template, None);
        assert!(output.status.success() && verifies(&tpm, &key), "{template:?}: {}", said(&output));
    }
}

#[test]
fn a_wrong_password_is_told_by_the_protection_of_the_key() {
    let tpm = Swtpm::start();
    let free = Template { password: Some("s3cret"), ..Template::P256 };
    let protected = Template { protected: true, ..free };
    for (template, place, code) in
        [(free, 0x8100_0201, "(0x9A2)"), (protected, 0x8100_0202, "(0x98E)")]
    {
        let key = tpm.key(&template);
        tpm.persist(&key, place);
        let place = format!("{place:#x}");
        let refused = sign(&tpm, &place, &template, Some("wrong"));
        assert!(said(&refused).contains(code), "{}", said(&refused));
        let output = sign(&tpm, &place, &template, None);
        assert!(output.status.success() && verifies(&tpm, &key), "{}", said(&output));
    }
}

#[test]
fn keys_that_cannot_sign_say_why() {
    let tpm = Swtpm::start();
    let rsa = Template::RSA2048;
    let pss = Template { scheme: Some("rsapss-sha256:null"), ..rsa };
    for (template, handle, code) in [
        (Template { usage: Usage::Decrypt, ..rsa }, 0x8100_0301, "(0x19C)"),
        (pss, 0x8100_0302, "only supports sign scheme rsapss"),
    ] {
        tpm.persist(&tpm.key(&template), handle);
        let output = sign(&tpm, &format!("{handle:#x}"), &template, None);
        assert!(said(&output).contains(code), "{template:?}: {}", said(&output));
    }
    let both = Template { usage: Usage::SignDecrypt, ..rsa };
    tpm.persist(&tpm.key(&both), 0x8100_0304);
    let output = sign(&tpm, "0x81000304", &both, None);
    assert!(output.status.success() && verifies(&tpm, &tpm.key(&both)), "{}", said(&output));
}

#[test]
fn there_are_keys_that_nobody_can_use_for_this() {
    let tpm = Swtpm::start();
    let place = |template: &Template, handle| {
        tpm.persist(&tpm.key(template), handle);
        sign(&tpm, &format!("{handle:#x}"), template, None)
    };
    let by_policy = "fixedtpm|fixedparent|sensitivedataorigin|noda|sign";
    let by_policy = Template { attributes: Some(by_policy), ..Template::P256 };
    let refused = place(&by_policy, 0x8100_0601);
    assert!(said(&refused).contains("(0x12F)"), "{}", said(&refused));
    for (algorithm, handle) in [(Algorithm::P521, 0x8100_0602), (Algorithm::Rsa1024, 0x8100_0603)] {
        let output = place(&Template::of(algorithm), handle);
        assert!(output.status.success(), "{algorithm:?}: {}", said(&output));
    }
    tpm.persist(&tpm.key(&Template::of(Algorithm::Hmac)), 0x8100_0604);
    assert_eq!(tpm.persistent().len(), 4);
}

#[test]
fn a_restricted_key_signs_what_the_tpm_has_hashed_and_no_digest() {
    let tpm = Swtpm::start();
    let scheme = Some("ecdsa-sha256:null");
    let template = Template { restricted: true, scheme, ..Template::P256 };
    let key = tpm.key(&template);
    tpm.persist(&key, 0x8100_0501);
    let output = sign(&tpm, "0x81000501", &template, None);
    assert!(output.status.success() && verifies(&tpm, &key), "{}", said(&output));
    let digest = tpm.dir().join("digest");
    std::fs::write(&digest, [7; 32]).expect("the directory is writable");
    let mut sign = tpm.tpm2("sign");
    sign.args(["-c", "0x81000501", "-g", "sha256", "-s", "ecdsa", "-o"]).arg(tpm.dir().join("x"));
    let refused = sign.arg("-d").arg(digest).output().expect("tpm2-tools are installed");
    assert!(said(&refused).contains("(0x3E0)"), "{}", said(&refused));
}

#[test]
fn what_attributes_and_schemes_say_is_taken_word_for_word() {
    let tpm = Swtpm::start();
    let odd = Template {
        attributes: Some("sensitivedataorigin|userwithauth|sign"),
        scheme: Some("ecdsa-sha384:null"),
        ..Template::P256
    };
    let mut print = std::process::Command::new("tpm2_print");
    let print = print.args(["-t", "TPM2B_PUBLIC"]).arg(tpm.key(&odd).public());
    let printed = print.output().expect("tpm2-tools are installed").stdout;
    let printed = String::from_utf8_lossy(&printed).into_owned();
    assert!(printed.contains("value: sensitivedataorigin|userwithauth|sign\n"), "{printed}");
    assert!(printed.contains("value: ecdsa\n") && printed.contains("value: sha384\n"), "{printed}");
}

#[test]
fn a_key_is_the_same_in_every_tpm_of_the_lab_and_loads_in_none_of_another_machine() {
    let (one, two) = (Swtpm::start(), Swtpm::start());
    let key = one.key(&Template::P256);
    assert_eq!(key.public_key_pem(), two.key(&Template::P256).public_key_pem());
    let other = two.key(&Template { number: 1, ..Template::P256 });
    assert_ne!(key.public_key_pem(), other.public_key_pem());
    two.load(&key);
    let foreign = Swtpm::foreign();
    let refused = sentence(|| foreign.load(&key));
    assert!(refused.contains("(0x1DF)"), "{refused}");
    assert_ne!(foreign.key(&Template::P256).public_key_pem(), key.public_key_pem());
}

#[test]
fn hierarchies_and_parents_can_have_passwords() {
    let mut tpm = Swtpm::start();
    let parent = Parent::at(0x8100_0001);
    tpm.set_hierarchy_password(Parent::OWNER.hierarchy, "the owner");
    tpm.make_parent(parent, Some("the parent"));
    let key = tpm.key_under(&Template::P384, parent);
    tpm.persist(&key, 0x8100_0401);
    let output = sign(&tpm, "0x81000401", &Template::P384, None);
    assert!(output.status.success() && verifies(&tpm, &key), "{}", said(&output));
    let mut create = tpm.tpm2("createprimary");
    let refused = create.args(["-C", "o", "-c"]).arg(tpm.dir().join("x")).output();
    let refused = refused.expect("tpm2-tools are installed");
    assert!(said(&refused).contains("(0x9A2)"), "{}", said(&refused));
    let mut load = tpm.tpm2("load");
    load.args(["-C", "0x81000001", "-c"]).arg(tpm.dir().join("x"));
    load.arg("-u").arg(key.public()).arg("-r").arg(key.private());
    let refused = load.output().expect("tpm2-tools are installed");
    assert!(said(&refused).contains("(0x9A2)"), "{}", said(&refused));
    tpm.evict(0x8100_0401);
    let output = sign(&tpm, "0x81000401", &Template::P384, None);
    assert!(said(&output).contains("(0x18B)"), "{}", said(&output));
}

#[test]
fn each_certificate_is_of_its_key_and_verifies() {
    let tpm = Swtpm::start();
    for template in [Template::P256, Template::RSA2048] {
        let key = tpm.key(&template);
        let mut show = std::process::Command::new("openssl");
        show.args(["x509", "-noout", "-pubkey", "-in"]).arg(tpm.certificate(&key));
        let shown = show.output().expect("openssl is installed").stdout;
        assert_eq!(String::from_utf8_lossy(&shown), key.public_key_pem());
        let mut verify = std::process::Command::new("openssl");
        verify.args(["verify", "-x509_strict", "-CAfile"]).arg(tpm.pki().root_pem_path());
        verify.arg("-untrusted").arg(tpm.chain(&key)).arg(tpm.certificate(&key));
        let verdict = verify.output().expect("openssl is installed");
        assert!(verdict.status.success(), "{}", said(&verdict));
    }
}
