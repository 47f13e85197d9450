//! Files that are not what they should be: certificates, keys, PINs, folders.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use hsm_test::pki::Leaf;

use crate::golden::check;
use crate::lab::{Ended, Lab, lab, run, tool};

/// OpenSSL's output.
fn openssl(words: &[&str]) -> String {
    tool("openssl", &words.iter().map(std::ffi::OsStr::new).collect::<Vec<_>>())
}

/// A PEM block of these bytes.
fn pem(lab: &Lab, kind: &str, bytes: &[u8]) -> PathBuf {
    let der = lab.hsm.dir().join("block.der");
    std::fs::write(&der, bytes).unwrap();
    let base64 = openssl(&["base64", "-in", der.to_str().expect("text")]);
    lab.write("block.pem", &format!("-----BEGIN {kind}-----\n{base64}-----END {kind}-----\n"))
}

fn with_certificate(lab: &Lab, certificate: &Path) -> Ended {
    let mut command = lab.credential_process();
    run(command.args(["--key", &lab.uri("laptop")]).arg("--certificate").arg(certificate))
}

/// Issued by OpenSSL with those options, for what the lab's own PKI would not issue.
fn issued(lab: &Lab, public_key: &str, options: &[&str]) -> PathBuf {
    let key = lab.write("public.pem", public_key);
    let ca = lab.pki().intermediate_pem_path();
    let ca_key = ca.with_extension("key");
    let path = |path: &Path| path.display().to_string();
    let (key, ca, ca_key) = (path(&key), path(&ca), path(&ca_key));
    let words =
        ["x509", "-new", "-subj", "/O=Example/CN=odd", "-days", "30", "-force_pubkey", &key];
    let issuer = ["-CA", &ca, "-CAkey", &ca_key];
    lab.write("odd.pem", &openssl(&[&words[..], &issuer[..], options].concat()))
}

#[test]
fn certificates_that_openssl_can_issue_and_the_service_refuses() {
    let lab = lab();
    let extensions = lab.write("x.cnf", "keyUsage=digitalSignature\n").display().to_string();
    let key = lab.hsm.public_key_pem("laptop");
    let zero = issued(&lab, &key, &["-extfile", &extensions, "-set_serial", "0"]);
    check("certificate-with-serial-zero", &lab, &with_certificate(&lab, &zero));
    let old = issued(&lab, &key, &[]);
    check("certificate-of-version-1", &lab, &with_certificate(&lab, &old));
}

#[test]
fn files_of_certificates_that_cannot_be_used_say_why() {
    let lab = lab();
    let broken =
        lab.write("broken.pem", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n");
    check("certificate-file-is-broken", &lab, &with_certificate(&lab, &broken));
    let other = pem(&lab, "CERTIFICATE", b"0123456789");
    check("certificate-file-holds-something-else", &lab, &with_certificate(&lab, &other));
    check("certificate-file-is-a-folder", &lab, &with_certificate(&lab, lab.hsm.dir()));
    let large = lab.write("large.pem", &"x".repeat(2 << 20));
    check("certificate-file-is-too-large", &lab, &with_certificate(&lab, &large));
    let one = lab.pki().leaf(&Leaf::of(&lab.hsm.public_key_pem("laptop")));
    let other = lab.pki().leaf(&Leaf::of(&lab.hsm.public_key_pem("laptop")));
    let both = lab.write("both.pem", &(one + &other));
    check("two-certificates-for-the-key", &lab, &with_certificate(&lab, &both));
    let key = openssl(&["genpkey", "-algorithm", "ED25519"]);
    let key = lab.write("ed25519.pem", &key).display().to_string();
    let public = openssl(&["pkey", "-in", &key, "-pubout"]);
    let leaf = lab.write("ed25519-leaf.pem", &lab.pki().leaf(&Leaf::of(&public)));
    check("certificate-for-an-unsupported-key", &lab, &with_certificate(&lab, &leaf));
    check("certificate-with-an-odd-public-key", &lab, &with_certificate(&lab, &explicit(&lab)));
}

/// For a curve that is spelt out and not named, which RFC 5480 does not allow.
fn explicit(lab: &Lab) -> PathBuf {
    let curve = ["-pkeyopt", "ec_paramgen_curve:P-256", "-pkeyopt", "ec_param_enc:explicit"];
    let key = openssl(&[&["genpkey", "-algorithm", "EC"], &curve[..]].concat());
    let key = lab.write("explicit.pem", &key).display().to_string();
    let public = openssl(&["pkey", "-in", &key, "-pubout"]);
    let extensions = lab.write("x.cnf", "keyUsage=digitalSignature\n").display().to_string();
    issued(lab, &public, &["-extfile", &extensions])
}

#[test]
fn files_of_roots_that_cannot_be_used_say_why() {
    let lab = lab();
    let with = |bundle: &Path| {
        let mut command = lab.command();
        command.args(["credential-process", "--key", &lab.uri("laptop")]);
        let arguments = lab.server.arguments();
        command.args(arguments.chunks(2).filter(|pair| pair[0] != "--ca-bundle").flatten());
        run(command
            .arg("--certificate")
            .arg(lab.hsm.chain("laptop"))
            .arg("--ca-bundle")
            .arg(bundle))
    };
    let broken =
        lab.write("broken.pem", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n");
    check("ca-bundle-is-broken", &lab, &with(&broken));
    check("ca-bundle-without-certificates", &lab, &with(&lab.write("empty.pem", "nothing\n")));
    check("ca-bundle-is-too-large", &lab, &with(&lab.write("large.pem", &"x".repeat(9 << 20))));
}

#[test]
fn key_files_that_are_malformed_or_of_another_kind_say_how() {
    let lab = lab();
    let with = |key: &Path| {
        let leaf = lab.hsm.certificate("laptop");
        run(lab.credential_process().arg("--key").arg(key).arg("--certificate").arg(leaf))
    };
    let broken =
        lab.write("broken.pem", "-----BEGIN PRIVATE KEY-----\n!\n-----END PRIVATE KEY-----\n");
    check("key-file-is-broken", &lab, &with(&broken));
    for (name, kind, bytes) in [
        ("key-file-with-broken-pkcs8", "PRIVATE KEY", &b"0123456789"[..]),
        ("key-file-with-broken-sec1", "EC PRIVATE KEY", b"0123456789"),
        ("key-file-with-broken-rsa", "RSA PRIVATE KEY", b"0123456789"),
        // RFC 5915: version 1 and a key, no curve; then P-256, and a key of zero.
        ("key-file-without-a-curve", "EC PRIVATE KEY", b"\x30\x06\x02\x01\x01\x04\x01\x01"),
        (
            "key-file-with-an-impossible-key",
            "EC PRIVATE KEY",
            b"\x30\x12\x02\x01\x01\x04\x01\x00\xa0\x0a\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07",
        ),
    ] {
        check(name, &lab, &with(&pem(&lab, kind, bytes)));
    }
    let curve = ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp256k1"];
    check("key-file-on-another-curve", &lab, &with(&lab.write("k1.pem", &openssl(&curve))));
}

#[test]
fn pin_files_that_hold_no_pin_say_why() {
    let lab = lab();
    let with = |content: &[u8]| {
        let file = lab.write("odd-pin", "");
        std::fs::write(&file, content).unwrap();
        let uri = format!("pkcs11:token=lab;object=laptop?pin-source={}", file.display());
        let leaf = lab.hsm.certificate("laptop");
        run(lab.credential_process().args(["--key", &uri]).arg("--certificate").arg(leaf))
    };
    check("pin-file-that-is-no-text", &lab, &with(b"\xff\xfe"));
    check("pin-file-that-is-too-long", &lab, &with(&[b'1'; 300]));
    check("pin-file-with-two-lines", &lab, &with(b"1234\n5678\n"));
}

#[test]
fn a_folder_for_locks_that_is_none_or_anothers_is_refused() {
    let lab = lab();
    let with = |folder: &Path| run(lab.with_key("laptop").env("KEYANCHOR_RUNTIME_DIR", folder));
    check("folder-for-locks-is-a-file", &lab, &with(&lab.write("file", "")));
    let other = lab.hsm.dir().join("anothers");
    std::fs::create_dir(&other).unwrap();
    std::fs::set_permissions(&other, std::fs::Permissions::from_mode(0o700)).unwrap();
    if std::os::unix::fs::chown(&other, Some(4242), None).is_err() {
        assert_ne!(std::env::var("LAB").as_deref(), Ok("require"), "the lab is not root");
        eprintln!("SKIPPED: only root can give a folder away");
        return;
    }
    check("folder-for-locks-of-another-user", &lab, &with(&other));
}

#[test]
fn no_module_that_is_known_is_said() {
    let lab = lab();
    // A user's file hides the system's of the same name.
    let folder = lab.hsm.dir().join(".config/pkcs11/modules");
    std::fs::create_dir_all(&folder).unwrap();
    for system in ["/usr/share/p11-kit/modules", "/etc/pkcs11/modules"] {
        for file in std::fs::read_dir(system).into_iter().flatten().flatten() {
            std::fs::write(folder.join(file.file_name()), "module:\n").unwrap();
        }
    }
    let mut command: Command = lab.with_key("laptop");
    check("no-module-is-known", &lab, &run(command.env_remove("KEYANCHOR_PKCS11_LIB")));
}
