//! Every URI that is shown can be pasted, and selects the key that it is shown for.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use hsm_test::openssl;
use hsm_test::pki::Leaf;
use hsm_test::softhsm::SoftHsm;
use serde_json::Value;

use crate::lab::{Lab, granted, lab, tool};
use crate::list::{items, json, key, list, token};

/// Puts a certificate for the key of that id beside it: nothing but its URI says which key is meant
/// when no certificate is given.
fn certify(lab: &Lab, label: &str, id: &str) {
    let file = lab.hsm.dir().join("public.pem");
    let mut export = Command::new("p11tool");
    export.arg("--provider").arg(SoftHsm::module()).args(["--login", "--export-pubkey"]);
    export.arg(format!("pkcs11:token=lab;id=%{id};type=public")).arg("--outfile").arg(&file);
    let export = export.env("GNUTLS_PIN", SoftHsm::PIN).envs(lab.hsm.command_env()).output();
    assert!(export.expect("p11tool").status.success(), "no public key of id {id}");
    let public = std::fs::read_to_string(&file).expect("public key");
    let leaf = lab.write("leaf.pem", &lab.pki().leaf(&Leaf::of(&public)));
    lab.hsm.import_certificate(&leaf, label, id);
}

/// Pastes a URI, and returns the fingerprint of the key whose certificate the server was sent.
fn pasted(lab: &Lab, uri: &str, unnamed: bool) -> String {
    let separator = if uri.contains('?') { '&' } else { '?' };
    let uri = format!("{uri}{separator}pin-source={}", lab.hsm.pin_file().display());
    let mut command = lab.credential_process();
    command.args(["--key", &uri]);
    if unnamed {
        command.env_remove("KEYANCHOR_PKCS11_LIB");
    }
    granted(command.arg("--intermediates").arg(lab.pki().intermediate_pem_path()));
    let request = lab.server.requests().pop().expect("a request");
    let der = request.header("x-amz-x509").expect("certificate");
    let der = base64::engine::general_purpose::STANDARD.decode(der).expect("base64");
    let certificate = lab.hsm.dir().join("sent.der");
    std::fs::write(&certificate, der).expect("certificate");
    fingerprint(lab, &certificate)
}

/// The SHA-256 of a certificate's SubjectPublicKeyInfo, by OpenSSL.
fn fingerprint(lab: &Lab, certificate: &Path) -> String {
    let (pem, der) = (lab.hsm.dir().join("sent.pem"), lab.hsm.dir().join("sent.public"));
    let words = |text: &'static str| text.split(' ').map(OsStr::new);
    let arguments = words("x509 -pubkey -noout -in").chain([certificate.as_os_str()]);
    std::fs::write(&pem, tool("openssl", &arguments.collect::<Vec<_>>())).expect("public key");
    let arguments = words("pkey -pubin -outform DER -in").chain([pem.as_os_str()]);
    let arguments = arguments.chain(["-out".as_ref(), der.as_os_str()]);
    tool("openssl", &arguments.collect::<Vec<_>>());
    openssl::hex(&openssl::sha256(&std::fs::read(der).expect("der")))
}

/// All keys of all tokens.
fn keys(document: &Value) -> Vec<&Value> {
    let modules = items(document, "modules").iter();
    let tokens = modules.flat_map(|module| items(module, "tokens"));
    tokens.flat_map(|token| items(token, "keys")).collect()
}

/// Pastes the URI of each key that can be certified, and counts them.
fn paste_all(lab: &Lab, document: &Value, unnamed: bool) -> usize {
    let with_uri = keys(document).into_iter().filter(|key| key["supported"] == true);
    let mut count = 0;
    for key in with_uri {
        let uri = key["uri"].as_str().unwrap_or_else(|| panic!("no URI: {key}"));
        assert_eq!(key["public_key_sha256"], pasted(lab, uri, unnamed), "{uri}");
        count += 1;
    }
    count
}

#[test]
fn each_uri_selects_its_key_and_no_other() {
    let lab = lab();
    lab.hsm.generate("laptop", "61", "EC:prime256v1");
    lab.hsm.generate("same id", "62", "EC:prime256v1");
    lab.hsm.generate("a;b?c/d&e=f%20é", "63", "EC:secp384r1");
    lab.hsm.generate("", "64", "EC:prime256v1");
    for (label, id) in [
        ("laptop", "01"),
        ("p384", "03"),
        ("always", "04"),
        ("laptop", "61"),
        ("same id", "62"),
        ("encoded", "63"),
        ("unlabelled", "64"),
    ] {
        certify(&lab, label, id);
    }
    let document = json(&mut list(&lab));
    assert_eq!(paste_all(&lab, &document, false), 8);
}

#[test]
fn keys_that_nothing_tells_apart_have_no_uri() {
    let lab = lab();
    lab.hsm.generate("laptop", "01", "EC:prime256v1");
    let document = json(&mut list(&lab));
    let twins = keys(&document).into_iter().filter(|key| key["label"] == "laptop");
    assert_eq!(twins.map(|key| key["uri"].clone()).collect::<Vec<_>>(), [Value::Null, Value::Null]);
    let shown = crate::list::table(&mut list(&lab));
    assert_eq!(shown.matches("no URI: other keys have its label and id\n").count(), 2, "{shown}");
}

#[test]
fn a_key_without_public_object_is_pasted_too() {
    let lab = lab();
    for label in ["laptop", "rsa2048"] {
        lab.hsm.import_certificate(
            &lab.hsm.certificate(label),
            label,
            if label == "laptop" { "01" } else { "02" },
        );
        lab.hsm.delete_public_key(label);
    }
    let mut command = list(&lab);
    let document = json(command.arg("--login").env("KEYANCHOR_PIN_FILE", lab.hsm.pin_file()));
    for label in ["laptop", "rsa2048"] {
        let key = key(token(&document), label);
        // A private EC key does not show its public half: its certificate is not proved to be its own.
        let certificate = &items(key, "certificates")[0];
        assert_eq!(
            certificate["belongs"],
            if label == "laptop" { Value::Null } else { true.into() }
        );
        let sent = pasted(&lab, key["uri"].as_str().expect("URI"), false);
        assert_eq!(certificate["x509"]["public_key_sha256"], sent);
    }
}

#[test]
fn tokens_of_one_label_are_told_apart_by_their_serial() {
    let lab = lab();
    certify(&lab, "laptop", "01");
    lab.hsm.add_token("lab");
    let document = json(&mut list(&lab));
    let token = items(&items(&document, "modules")[0], "tokens")
        .iter()
        .find(|token| !items(token, "keys").is_empty())
        .expect("the token with keys");
    let serial = token["serial"].as_str().expect("serial");
    let key = key(token, "laptop");
    let wanted = format!("pkcs11:serial={serial};token=lab;object=laptop;id=%01");
    assert_eq!(key["uri"], wanted);
    assert_eq!(key["public_key_sha256"], pasted(&lab, &wanted, false));
}

#[test]
fn where_two_modules_show_a_token_the_uri_names_one() {
    let lab = lab();
    certify(&lab, "laptop", "01");
    let twin = lab.safe.path().join("a twin;.so");
    std::fs::copy(SoftHsm::module(), &twin).expect("twin");
    let folder = lab.hsm.dir().join(".config/pkcs11/modules");
    std::fs::create_dir_all(&folder).expect("folder");
    std::fs::write(folder.join("twin.module"), format!("module: {}\n", twin.display()))
        .expect("file");
    std::fs::write(
        folder.join("first.module"),
        format!("module: {}\n", SoftHsm::module().display()),
    )
    .expect("file");
    let document = json(list(&lab).env_remove("KEYANCHOR_PKCS11_LIB"));
    let twins = keys(&document).into_iter().filter(|key| key["label"] == "laptop");
    let uris: Vec<_> = twins.map(|key| key["uri"].as_str().expect("URI").to_owned()).collect();
    assert_eq!(uris.len(), 2, "{document}");
    assert_ne!(uris[0], uris[1]);
    for uri in &uris {
        assert!(uri.contains("?module-path=/"), "{uri}");
        pasted(&lab, uri, true);
    }
}

#[test]
fn a_module_that_would_not_be_asked_is_in_the_uri() {
    let lab = lab();
    certify(&lab, "laptop", "01");
    let other = lab.safe.path().join("other.so");
    std::fs::copy(SoftHsm::module(), &other).expect("other");
    let document = json(list(&lab).arg("--pkcs11-lib").arg(&other));
    let uri = key(token(&document), "laptop")["uri"].as_str().expect("URI");
    assert_eq!(
        uri,
        format!("pkcs11:token=lab;object=laptop;id=%01?module-path={}", other.display())
    );
    pasted(&lab, uri, false);
}
