//! From a key to credentials that a verifying server granted: every kind of key and every place
//! of a certificate. OpenSSL, in the server, is the judge of each signature.

use std::path::Path;

use hsm_test::pki::{Issuer, Leaf};
use hsm_test::server::{Config, Server, Verdict};

use crate::lab::{Lab, granted, lab};

/// The chain that was sent, as a number of certificates.
fn chain_length(lab: &Lab) -> usize {
    let requests = lab.server.requests();
    let request = requests.last().expect("a request");
    assert!(matches!(request.verdict, Verdict::Granted), "{}", request.verdict);
    request.header("x-amz-x509-chain").map_or(0, |chain| chain.split(',').count())
}

#[test]
fn every_provisioned_key_gets_credentials() {
    for label in ["laptop", "rsa2048", "p384", "always"] {
        let lab = lab();
        let document = granted(&mut lab.with_key(label));
        let secret = document["SecretAccessKey"].as_str().unwrap();
        assert!(
            !secret.is_empty() && document["AccessKeyId"].as_str().unwrap().starts_with("ASIA")
        );
        assert_eq!(chain_length(&lab), 1, "{label}: the root is left out");
        assert_eq!(lab.server.requests().len(), 1);
    }
}

#[test]
fn larger_keys_on_the_token_get_credentials_too() {
    for (id, kind) in [("51", "EC:secp521r1"), ("52", "rsa:3072"), ("53", "rsa:4096")] {
        let lab = lab();
        lab.hsm.generate("big", id, kind);
        let leaf = lab.write("big.pem", &lab.pki().leaf(&Leaf::of(&lab.hsm.public_key_pem("big"))));
        let mut command = lab.credential_process();
        command.args(["--key", &lab.uri("big")]).arg("--certificate").arg(leaf);
        granted(command.arg("--intermediates").arg(lab.pki().intermediate_pem_path()));
    }
}

#[test]
fn every_kind_of_key_file_gets_credentials() {
    for kind in ["rsa:2048", "rsa:3072", "rsa:4096", "EC:P-256", "EC:P-384", "EC:P-521"] {
        let lab = lab();
        let (private, public) = lab.pki().software_key(kind);
        let key = lab.write("key.pem", &private);
        let chain = lab.pki().leaf(&Leaf::of(&public))
            + &std::fs::read_to_string(lab.pki().intermediate_pem_path()).unwrap();
        let chain = lab.write("chain.pem", &chain);
        let mut command = lab.credential_process();
        granted(command.arg("--private-key").arg(key).arg("--certificate").arg(chain));
        assert_eq!(chain_length(&lab), 1, "{kind}");
    }
}

#[test]
fn sec1_and_pkcs1_files_are_keys_too() {
    for (kind, option) in
        [("rsa:2048", "rsa"), ("EC:P-256", "ec"), ("EC:P-384", "ec"), ("EC:P-521", "ec")]
    {
        let lab = lab();
        let (private, public) = lab.pki().software_key(kind);
        let pkcs8 = lab.write("pkcs8.pem", &private);
        let arguments = [option, "-traditional", "-in"].map(std::ffi::OsStr::new);
        let arguments: &[_] =
            if option == "rsa" { &arguments } else { &[arguments[0], arguments[2]] };
        let arguments: Vec<_> = arguments.iter().copied().chain([pkcs8.as_os_str()]).collect();
        let traditional = crate::lab::tool("openssl", &arguments);
        let begins = format!("-----BEGIN {} PRIVATE KEY-----", option.to_uppercase());
        assert!(traditional.contains(&begins), "{traditional}");
        // Text and a block of parameters in front, as OpenSSL writes them, are skipped.
        let key = lab.write("key.pem", &format!("a comment\n{traditional}"));
        let leaf = lab.write(
            "leaf.pem",
            &lab.pki().leaf(&Leaf { issuer: Issuer::Root, ..Leaf::of(&public) }),
        );
        let mut command = lab.credential_process();
        granted(command.arg("--key").arg(key).arg("--certificate").arg(leaf));
        assert_eq!(chain_length(&lab), 0, "issued by the anchor itself");
    }
}

#[test]
fn a_certificate_on_the_token_is_found_by_its_public_key() {
    let lab = lab();
    granted(lab.credential_process().args(["--key", &lab.uri("rsa2048")]));
    assert_eq!(chain_length(&lab), 1, "the intermediate is on the token as well");
}

#[test]
fn a_certificate_under_another_id_and_label_is_found_all_the_same() {
    let lab = lab();
    lab.hsm.import_certificate(&lab.hsm.certificate("laptop"), "elsewhere", "77");
    granted(lab.credential_process().args(["--key", &lab.uri("laptop")]));
}

#[test]
fn one_uri_names_certificate_and_key() {
    let lab = lab();
    granted(lab.credential_process().args(["--certificate", &lab.uri("rsa2048")]));
    assert_eq!(chain_length(&lab), 1);
}

#[test]
fn a_certificate_leads_to_a_key_with_another_label() {
    let lab = lab();
    lab.hsm.import_certificate(&lab.hsm.certificate("laptop"), "PIV certificate", "01");
    let uri = lab.uri("PIV%20certificate");
    granted(lab.credential_process().args(["--certificate", &uri]));
}

#[test]
fn a_certificate_in_another_place_than_the_key_is_taken_by_its_uri() {
    let lab = lab();
    lab.hsm.import_certificate(&lab.hsm.certificate("p384"), "other", "99");
    let mut command = lab.credential_process();
    granted(command.args(["--key", &lab.uri("p384"), "--certificate", "pkcs11:token=lab;id=%99"]));
}

#[test]
fn attestation_certificates_are_skipped() {
    let lab = lab();
    let attestation =
        Leaf { yubico_attestation: true, ..Leaf::of(&lab.hsm.public_key_pem("laptop")) };
    let attestation = lab.write("attestation.pem", &lab.pki().leaf(&attestation));
    lab.hsm.import_certificate(&attestation, "attestation", "01");
    lab.hsm.import_certificate(&lab.hsm.certificate("laptop"), "real", "01");
    granted(lab.credential_process().args(["--key", &lab.uri("laptop")]));
}

#[test]
fn a_key_without_public_object_is_found_after_the_login() {
    let lab = lab();
    for label in ["laptop", "rsa2048"] {
        lab.hsm.delete_public_key(label);
        granted(&mut lab.with_key(label));
    }
}

#[test]
fn a_key_is_found_by_its_id_alone() {
    let lab = lab();
    let uri = format!("pkcs11:id=%01?pin-source={}", lab.hsm.pin_file().display());
    let mut command = lab.credential_process();
    granted(
        command
            .args(["--pkcs11-uri", &uri])
            .arg("--certificate")
            .arg(lab.hsm.certificate("laptop"))
            .arg("--intermediates")
            .arg(lab.pki().intermediate_pem_path()),
    );
}

#[test]
fn the_certificate_decides_between_two_keys_of_one_label() {
    let lab = lab();
    lab.hsm.generate("laptop", "61", "EC:prime256v1");
    granted(&mut lab.with_key("laptop"));
}

#[test]
fn intermediates_come_from_their_own_file_and_unrelated_ones_are_left_out() {
    let lab = lab();
    let read = |path: std::path::PathBuf| std::fs::read_to_string(path).unwrap();
    let bundle = read(lab.hsm.certificate("rsa2048"))
        + &read(lab.pki().root_pem_path())
        + &read(lab.hsm.certificate("laptop"))
        + &read(lab.pki().intermediate_pem_path())
        + &read(lab.pki().intermediate_pem_path());
    let bundle = lab.write("bundle.pem", &bundle);
    let mut command = lab.credential_process();
    command
        .args(["--key", &lab.uri("laptop")])
        .arg("--certificate")
        .arg(lab.hsm.certificate("laptop"));
    granted(command.arg("--intermediates").arg(bundle));
    assert_eq!(chain_length(&lab), 1);
}

#[test]
fn a_der_certificate_is_taken() {
    let lab = lab();
    let der = lab.hsm.dir().join("leaf.der");
    let pem = lab.hsm.certificate("laptop");
    let words = ["x509", "-outform", "DER", "-in"].map(std::ffi::OsStr::new);
    let arguments = words.into_iter().chain([pem.as_os_str(), "-out".as_ref(), der.as_os_str()]);
    crate::lab::tool("openssl", &arguments.collect::<Vec<_>>());
    let mut command = lab.credential_process();
    command.args(["--key", &lab.uri("laptop")]).arg("--certificate").arg(der);
    granted(command.arg("--intermediates").arg(lab.pki().intermediate_pem_path()));
}

#[test]
fn alias_arns_and_a_session_name_reach_the_server() {
    let lab = lab();
    let mut config = Config::lab(&lab.pki());
    config.profile.accept_role_session_name = true;
    let (anchor, profile) = (config.trust_anchor_alias_arn(0), config.profile_alias_arn());
    let lab = Lab { server: Server::start(config), ..lab };
    let mut command = lab.command();
    command.args(["credential-process", "--key", &lab.uri("laptop")]);
    command.arg("--certificate").arg(lab.hsm.chain("laptop"));
    command.args(["--trust-anchor-arn", &anchor, "--profile-arn", &profile]);
    command.args(["--role-arn", &lab.server.role_arn(), "--endpoint", &lab.server.url()]);
    command.args(["--role-session-name", "host-a", "--session-duration", "900"]);
    granted(command.arg("--ca-bundle").arg(lab.server.ca_bundle()));
    let body = lab.server.requests().pop().expect("request").body;
    let body: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!(body["roleSessionName"], "host-a");
    assert_eq!(body["durationSeconds"], 900);
}

#[test]
fn the_pin_comes_from_the_uri_or_the_environment() {
    let lab = lab();
    let value =
        format!("pkcs11:token=lab;object=laptop?pin-value={}", hsm_test::softhsm::SoftHsm::PIN);
    let certificate = lab.hsm.chain("laptop");
    granted(
        lab.credential_process().args(["--key", &value]).arg("--certificate").arg(&certificate),
    );
    let mut command = lab.credential_process();
    command
        .args(["--key", "pkcs11:token=lab;object=laptop"])
        .arg("--certificate")
        .arg(&certificate);
    granted(command.env("KEYANCHOR_PIN_FILE", lab.hsm.pin_file()));
    let wrong = lab.write("wrong-pin", "000000");
    granted(lab.with_key("laptop").env("KEYANCHOR_PIN_FILE", wrong));
}

#[test]
fn a_module_is_named_by_option_uri_or_environment_in_this_order() {
    let lab = lab();
    let module = hsm_test::softhsm::SoftHsm::module();
    let with_query = |query: &str| format!("{}&{query}", lab.uri("laptop"));
    let key = |uri: &str| {
        let mut command = lab.credential_process();
        command.args(["--key", uri]).arg("--certificate").arg(lab.hsm.chain("laptop"));
        command.env("KEYANCHOR_PKCS11_LIB", "/nonexistent.so");
        command
    };
    granted(&mut key(&with_query(&format!("module-path={}", module.display()))));
    granted(&mut key(&with_query("module-name=softhsm2")));
    granted(key(&with_query("module-path=/nonexistent.so")).arg("--pkcs11-lib").arg(&module));
    assert_eq!(
        crate::lab::run(&mut key(&lab.uri("laptop"))).code,
        3,
        "the environment's is not there"
    );
}

#[test]
fn every_attribute_of_a_uri_chooses() {
    let lab = lab();
    lab.hsm.add_token("second");
    let rest = format!("object=laptop?pin-source={}", lab.hsm.pin_file().display());
    for (chooses, wrong) in [
        ("token=lab;model=SoftHSM%20v2;manufacturer=SoftHSM%20project", "token=lab;model=other"),
        ("token=lab;slot-manufacturer=SoftHSM%20project", "token=lab;slot-manufacturer=other"),
        (
            "token=lab;library-manufacturer=SoftHSM;library-version=2.6",
            "token=lab;library-version=1.0",
        ),
        ("token=lab;type=private", "token=lab;slot-id=1"),
    ] {
        let with = |filter: &str| {
            let mut command = lab.credential_process();
            command.args(["--key", &format!("pkcs11:{filter};{rest}")]);
            command.arg("--certificate").arg(lab.hsm.chain("laptop"));
            command
        };
        granted(&mut with(chooses));
        let ended = crate::lab::run(&mut with(wrong));
        assert!(ended.stderr.contains("no token fits"), "{wrong}: {}", ended.stderr);
    }
}

/// A certificate by the openssl command: `ca` is its issuer's certificate and key.
fn issued(lab: &Lab, public: &Path, ca: (&Path, &Path), subject: &str, extensions: &str) -> String {
    let extensions = lab.write("extensions.cnf", extensions);
    let mut command = std::process::Command::new("openssl");
    command.args(["x509", "-new", "-subj", subject, "-days", "5", "-force_pubkey"]).arg(public);
    command.arg("-CA").arg(ca.0).arg("-CAkey").arg(ca.1).arg("-extfile").arg(extensions);
    let output = command.output().expect("openssl");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("PEM")
}

#[test]
fn a_chain_is_ordered_from_the_leaf_upward() {
    const CA: &str = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n";
    const END: &str = "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n";
    let lab = lab();
    let read = |path: &Path| std::fs::read_to_string(path).unwrap();
    let root = (lab.pki().root_pem_path(), lab.hsm.dir().join("ca/root.key"));
    let key = |name: &str| {
        let (private, public) = lab.pki().software_key("EC:P-256");
        (lab.write(&format!("{name}.key"), &private), lab.write(&format!("{name}.pub"), &public))
    };
    let (upper_key, upper_public) = key("upper");
    let (lower_key, lower_public) = key("lower");
    let upper = issued(&lab, &upper_public, (&root.0, &root.1), "/CN=Upper CA", CA);
    let upper = lab.write("upper.pem", &upper);
    let lower = issued(&lab, &lower_public, (&upper, &upper_key), "/CN=Lower CA", CA);
    let lower = lab.write("lower.pem", &lower);
    let laptop = lab.write("laptop.pub", &lab.hsm.public_key_pem("laptop"));
    let leaf = issued(&lab, &laptop, (&lower, &lower_key), "/CN=host-a", END);
    let leaf = lab.write("leaf.pem", &leaf);
    let bundle = lab.write("bundle.pem", &(read(&root.0) + &read(&upper) + &read(&lower)));
    let mut command = lab.credential_process();
    command.args(["--key", &lab.uri("laptop")]).arg("--certificate").arg(leaf);
    granted(command.arg("--intermediates").arg(bundle));
    let sent = lab.server.requests().pop().expect("request").header("x-amz-x509-chain");
    let one_line =
        |pem: String| pem.lines().filter(|line| !line.starts_with('-')).collect::<String>();
    let chain = format!("{},{}", one_line(read(&lower)), one_line(read(&upper)));
    assert_eq!(sent, Some(chain));
}

#[test]
fn the_public_half_of_a_key_may_be_told_by_its_certificate_alone() {
    for label in ["p384", "rsa2048"] {
        let lab = lab();
        if label == "p384" {
            lab.hsm.import_certificate(&lab.hsm.certificate(label), "by id alone", "03");
        }
        lab.hsm.delete_public_key(label);
        granted(lab.credential_process().args(["--key", &lab.uri(label)]));
        assert_eq!(chain_length(&lab), 1);
    }
}

#[test]
fn a_key_file_takes_its_certificate_and_its_chain_from_a_token() {
    let lab = lab();
    let (private, public) = lab.pki().software_key("EC:P-256");
    let key = lab.write("key.pem", &private);
    let leaf = lab.write("leaf.pem", &lab.pki().leaf(&Leaf::of(&public)));
    lab.hsm.import_certificate(&leaf, "soft", "55");
    let mut command = lab.credential_process();
    granted(command.arg("--key").arg(key).args(["--certificate", "pkcs11:token=lab;object=soft"]));
    assert_eq!(chain_length(&lab), 1);
}

#[test]
fn a_self_signed_twin_of_the_intermediate_does_not_end_the_chain() {
    let lab = lab();
    let key = lab.hsm.dir().join("ca/intermediate.key");
    let words =
        ["req", "-x509", "-subj", "/CN=twin", "-days", "9", "-key"].map(std::ffi::OsStr::new);
    let twin = crate::lab::tool(
        "openssl",
        &words.into_iter().chain([key.as_os_str()]).collect::<Vec<_>>(),
    );
    let real = std::fs::read_to_string(lab.pki().intermediate_pem_path()).unwrap();
    let bundle = lab.write("bundle.pem", &(twin + &real));
    let mut command = lab.credential_process();
    command
        .args(["--key", &lab.uri("laptop")])
        .arg("--certificate")
        .arg(lab.hsm.certificate("laptop"));
    granted(command.arg("--intermediates").arg(bundle));
    assert_eq!(chain_length(&lab), 1);
}

#[test]
fn a_certificate_uri_may_name_the_module_of_the_key_again() {
    let lab = lab();
    let module = hsm_test::softhsm::SoftHsm::module();
    let certificate = format!("pkcs11:token=lab;object=rsa2048?module-path={}", module.display());
    granted(lab.credential_process().args([
        "--key",
        &lab.uri("rsa2048"),
        "--certificate",
        &certificate,
    ]));
}

#[test]
fn a_public_key_that_is_there_twice_is_one_key() {
    let lab = lab();
    let pem = lab.write("public.pem", &lab.hsm.public_key_pem("rsa2048"));
    let mut write = std::process::Command::new("p11tool");
    write.arg("--provider").arg(hsm_test::softhsm::SoftHsm::module());
    write
        .args([
            "--login",
            "--write",
            "--batch",
            "--label",
            "rsa2048",
            "--id",
            "02",
            "--load-pubkey",
        ])
        .arg(pem);
    write.arg("pkcs11:token=lab").env("GNUTLS_PIN", hsm_test::softhsm::SoftHsm::PIN);
    assert!(write.envs(lab.hsm.command_env()).status().expect("p11tool").success());
    granted(&mut lab.with_key("rsa2048"));
}
