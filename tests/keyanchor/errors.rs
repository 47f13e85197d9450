//! Each error with its exact text and exit code, made by the real fault.

use std::time::{Duration, Instant, SystemTime};

use hsm_test::pki::Leaf;
use hsm_test::softhsm::SoftHsm;

use crate::golden::check;
use crate::lab::{Lab, granted, lab, run};

const DAY: Duration = Duration::from_secs(86_400);

/// Options that are right, for one to be wrong: `credential-process` with these.
fn with(lab: &Lab, options: &[&str]) -> std::process::Command {
    let mut command = lab.command();
    command.args(["credential-process", "--key", &lab.uri("laptop")]);
    let replaced = |name: &str| options.contains(&name);
    let arguments = lab.server.arguments();
    for pair in arguments.chunks(2).filter(|pair| !replaced(&pair[0])) {
        command.args(pair);
    }
    command.args(options);
    command
}

fn usage(name: &str, options: &[&str]) {
    let lab = lab();
    let ended = run(&mut with(&lab, options));
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    check(name, &lab, &ended);
}

#[test]
fn usage_errors_name_the_option_and_what_would_be_right() {
    let region = "arn:aws:rolesanywhere:eu-central-1:111122223333:profile/1";
    usage(
        "bad-arn-names-what-is-wrong",
        &["--trust-anchor-arn", "arn:aws:iam::111122223333:role/x"],
    );
    usage("regions-that-differ-are-named", &["--profile-arn", region]);
    usage(
        "partitions-that-differ-are-named",
        &["--role-arn", "arn:aws-cn:iam::111122223333:role/x"],
    );
    usage("duration-out-of-range", &["--session-duration", "899"]);
    usage("session-name-with-a-bad-character", &["--role-session-name", "a b"]);
    usage("timeout-that-is-no-time", &["--timeout", "soon"]);
    usage("endpoint-that-is-not-https", &["--endpoint", "http://example.com"]);
    usage("endpoint-that-is-no-url", &["--endpoint", "example"]);
    usage("endpoint-and-fips", &["--fips"]);
    usage("unknown-option-names-the-nearest", &["--sesion-duration", "900"]);
    usage("unknown-option-with-a-number", &["--pkcs11-lbi", "/x"]);
    usage("two-roots-options", &["--ca-file", "/x"]);
    usage("two-keys", &["--private-key", "/x"]);
}

#[test]
fn a_uri_is_refused_with_its_fault_and_without_its_pin() {
    for (name, uri) in [
        ("bad-uri-attribute-twice", "pkcs11:token=a;token=b"),
        ("bad-uri-unknown-attribute", "pkcs11:label=a"),
        ("bad-uri-encoding-hides-the-pin", "pkcs11:token=lab?pin-value=648219%"),
        ("bad-uri-pin-before-the-question-mark", "pkcs11:token=lab;pin-value=648219"),
        ("bad-uri-bare-ampersand-in-a-pin", "pkcs11:token=lab?pin-value=12&648219"),
        ("bad-uri-pin-inside-an-attribute", "pkcs11:token=lab?module-name=x;pin-value=648219"),
        ("bad-uri-foreign-attribute-not-encoded", "pkcs11:token=lab?x-own=%zz"),
    ] {
        let lab = lab();
        let ended = run(lab.credential_process().args(["--key", uri]));
        assert_eq!(ended.code, 2);
        check(name, &lab, &ended);
    }
}

#[test]
fn missing_options_are_named_all_at_once() {
    let lab = lab();
    check("missing-options-are-named", &lab, &run(lab.command().arg("credential-process")));
    check("unknown-command-names-the-nearest", &lab, &run(lab.command().arg("credential-proces")));
    check("no-command", &lab, &run(&mut lab.command()));
    let stray = "pkcs11:token=lab?pin-value=648219";
    check("stray-command-is-not-shown", &lab, &run(lab.command().arg(stray)));
    check(
        "stray-word-is-not-shown",
        &lab,
        &run(lab.credential_process().args(["--key", "x", stray])),
    );
}

#[test]
fn a_region_that_is_none_is_refused() {
    let lab = lab();
    let mut command = lab.command();
    let arguments = lab.server.arguments();
    let without_endpoint = arguments.chunks(2).filter(|pair| pair[0] != "--endpoint").flatten();
    command.arg("credential-process").args(without_endpoint);
    check("region-that-is-none", &lab, &run(command.args(["--key", "/x", "--region", "mars"])));
}

#[test]
fn modules_that_cannot_be_used_are_refused_with_the_reason() {
    let lab = lab();
    let module = |path: &std::path::Path| run(lab.with_key("laptop").arg("--pkcs11-lib").arg(path));
    check("no-such-module", &lab, &module(&lab.hsm.dir().join("absent.so")));
    let text = lab.safe.path().join("text.so");
    std::fs::write(&text, "no library").unwrap();
    check("not-a-library", &lab, &module(&text));
    let library = lab.safe.path().join("notamodule.so");
    std::fs::copy(loaded("libgcc_s.so"), &library).unwrap();
    check("not-a-module", &lab, &module(&library));
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(&library, std::fs::Permissions::from_mode(0o777)).unwrap();
    check("module-that-others-can-change", &lab, &module(&library));
}

/// A library that this process has loaded.
pub(crate) fn loaded(name: &str) -> std::path::PathBuf {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let path = maps.lines().filter_map(|line| line.split_whitespace().last());
    path.filter(|path| path.contains(name)).map(Into::into).next().expect(name)
}

#[test]
fn no_module_at_all_is_said() {
    let lab = lab();
    let mut command = lab.with_key("laptop");
    command.args(["--key", &lab.uri("laptop")]).env("KEYANCHOR_PKCS11_LIB", "no-such-module.so");
    check("module-of-the-environment-is-missing", &lab, &run(&mut command));
}

#[test]
fn tokens_and_objects_that_do_not_fit_are_named() {
    let lab = lab();
    lab.hsm.add_token("second");
    let key = |uri: &str| {
        let uri = format!("{uri}?pin-source={}", lab.hsm.pin_file().display());
        run(lab
            .credential_process()
            .args(["--key", &uri])
            .arg("--certificate")
            .arg(lab.hsm.chain("laptop")))
    };
    let ended = key("pkcs11:token=other;object=laptop");
    assert!(
        ended.stderr.contains("'lab'") && ended.stderr.contains("'second'"),
        "{}",
        ended.stderr
    );
    // Tokens come in no particular order.
    let ordered = ended.stderr.replace("'second', 'lab'", "'lab', 'second'");
    check(
        "no-such-token-names-those-present",
        &lab,
        &crate::lab::Ended { stderr: ordered, ..ended },
    );
    check("no-such-object-on-several-tokens", &lab, &{
        let ended = key("pkcs11:object=absent");
        assert!(ended.stderr.contains("object=laptop"), "{}", ended.stderr);
        crate::lab::Ended { stderr: first_line(&ended.stderr), ..ended }
    });
}

fn first_line(text: &str) -> String {
    format!("{}\n", text.lines().next().unwrap_or_default())
}

#[test]
fn an_object_that_is_not_there_is_said_after_a_look_behind_the_login() {
    let lab = lab();
    let mut command = lab.credential_process();
    command.args(["--key", &lab.uri("absent")]).arg("--certificate").arg(lab.hsm.chain("laptop"));
    let ended = run(&mut command);
    assert!(ended.stderr.contains("object=laptop"), "{}", ended.stderr);
    let shown = crate::lab::Ended { stderr: first_line(&ended.stderr), ..ended };
    check("no-such-object", &lab, &shown);
}

#[test]
fn two_keys_that_fit_are_both_named() {
    let lab = lab();
    lab.hsm.generate("twin", "71", "EC:prime256v1");
    lab.hsm.generate("twin", "72", "EC:prime256v1");
    let ended = run(lab.credential_process().args(["--key", &lab.uri("twin")]));
    let ordered = ended.stderr.replace(
        "pkcs11:token=lab;object=twin;id=%72, pkcs11:token=lab;object=twin;id=%71",
        "pkcs11:token=lab;object=twin;id=%71, pkcs11:token=lab;object=twin;id=%72",
    );
    check("two-matches-are-both-named", &lab, &crate::lab::Ended { stderr: ordered, ..ended });
}

#[test]
fn pins_are_refused_with_what_the_token_tells() {
    let lab = lab();
    let wrong = lab.write("wrong-pin", "000000\n");
    let uri = format!("pkcs11:token=lab;object=laptop?pin-source={}", wrong.display());
    let try_once = |uri: &str| {
        run(lab
            .credential_process()
            .args(["--key", uri])
            .arg("--certificate")
            .arg(lab.hsm.chain("laptop")))
    };
    check("wrong-pin-names-tries-left", &lab, &try_once(&uri));
    let short = lab.write("short-pin", "1\n");
    check("pin-that-cannot-be-one", &lab, &try_once(&uri.replace("wrong-pin", "short-pin")));
    drop(short);
    let absent = try_once(&uri.replace("wrong-pin", "absent-pin"));
    check("pin-file-that-is-missing", &lab, &absent);
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(&wrong, std::fs::Permissions::from_mode(0o644)).unwrap();
    check("pin-file-that-everybody-can-read", &lab, &try_once(&uri));
    lab.write("empty-pin", "\n");
    check("pin-file-that-is-empty", &lab, &try_once(&uri.replace("wrong-pin", "empty-pin")));
}

#[test]
fn without_a_terminal_nothing_is_tried_and_it_is_quick() {
    let lab = lab();
    let mut command = lab.credential_process();
    command
        .args(["--key", "pkcs11:token=lab;object=laptop"])
        .arg("--certificate")
        .arg(lab.hsm.chain("laptop"));
    let start = Instant::now();
    let ended = run(&mut command);
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    check("no-terminal-for-the-pin", &lab, &ended);
    let log = lab.hsm.dir().join("spy.log");
    command.arg("--pkcs11-lib").arg(crate::calls::spy());
    run(command.env("PKCS11SPY", SoftHsm::module()).env("PKCS11SPY_OUTPUT", &log));
    assert_eq!(crate::calls::Calls(std::fs::read_to_string(log).expect("log")).of("C_Login"), 0);
}

#[test]
fn certificates_that_break_a_rule_are_refused_before_any_pin_and_any_request() {
    type Change = fn(Leaf) -> Leaf;
    let cases: [(&str, Change); 5] = [
        ("certificate-expired", |leaf| Leaf {
            not_before: SystemTime::now() - 3 * DAY,
            not_after: SystemTime::now() - DAY,
            ..leaf
        }),
        ("certificate-not-yet-valid", |leaf| Leaf {
            not_before: SystemTime::now() + DAY,
            not_after: SystemTime::now() + 2 * DAY,
            ..leaf
        }),
        ("certificate-of-a-ca", |leaf| Leaf { ca: true, ..leaf }),
        ("certificate-without-digital-signature", |leaf| Leaf { digital_signature: false, ..leaf }),
        ("certificate-without-subject", |leaf| Leaf { common_name: None, ..leaf }),
    ];
    for (name, change) in cases {
        let lab = lab();
        let leaf = change(Leaf {
            common_name: Some("host-a".into()),
            ..Leaf::of(&lab.hsm.public_key_pem("laptop"))
        });
        let leaf = lab.write("leaf.pem", &lab.pki().leaf(&leaf));
        // No PIN is to be had: if one were wanted, that would be the error.
        let mut command = lab.credential_process();
        command.args(["--key", "pkcs11:token=lab;object=laptop"]).arg("--certificate").arg(leaf);
        check(name, &lab, &run(&mut command));
        assert!(lab.server.requests().is_empty());
    }
}

#[test]
fn a_weakly_signed_certificate_and_another_keys_certificate_are_refused() {
    let lab = lab();
    let sha1 =
        lab.write("sha1.pem", &lab.pki().sha1_leaf(&lab.hsm.public_key_pem("laptop"), "host-a"));
    let with = |certificate: &std::path::Path| {
        let mut command = lab.credential_process();
        run(command
            .args(["--key", "pkcs11:token=lab;object=laptop"])
            .arg("--certificate")
            .arg(certificate))
    };
    check("certificate-signed-with-sha1", &lab, &with(&sha1));
    check("key-and-certificate-differ", &lab, &with(&lab.hsm.chain("rsa2048")));
    check("certificate-file-missing", &lab, &with(&lab.hsm.dir().join("absent.pem")));
    check("certificate-file-without-certificate", &lab, &with(&lab.hsm.pin_file()));
    let ended = run(lab.credential_process().args(["--key", &lab.uri("laptop")]));
    check("no-certificate-for-the-key", &lab, &ended);
    assert!(lab.server.requests().is_empty());
}

#[test]
fn key_files_that_cannot_be_used_are_refused() {
    let lab = lab();
    let (private, public) = lab.pki().software_key("EC:P-256");
    let leaf = lab.write("leaf.pem", &lab.pki().leaf(&Leaf::of(&public)));
    let with = |key: &std::path::Path| {
        run(lab.credential_process().arg("--key").arg(key).arg("--certificate").arg(&leaf))
    };
    let key = lab.write("key.pem", &private);
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    check("key-file-that-everybody-can-read", &lab, &with(&key));
    check("key-file-missing", &lab, &with(&lab.hsm.dir().join("absent.pem")));
    check("key-file-without-key", &lab, &with(&lab.write("none.pem", &public)));
    let words = ["pkcs8", "-topk8", "-passout", "pass:x", "-in"].map(std::ffi::OsStr::new);
    let arguments: Vec<_> = words.into_iter().chain([key.as_os_str()]).collect();
    let encrypted = crate::lab::tool("openssl", &arguments);
    check("key-file-encrypted", &lab, &with(&lab.write("encrypted.pem", &encrypted)));
    let ed25519 = ["genpkey", "-algorithm", "ED25519"].map(std::ffi::OsStr::new);
    let ed25519 = lab.write("ed25519.pem", &crate::lab::tool("openssl", &ed25519));
    check("key-file-of-another-kind", &lab, &with(&ed25519));
}

#[test]
fn an_unsafe_folder_for_locks_is_refused() {
    let lab = lab();
    use std::os::unix::fs::PermissionsExt;
    let folder = lab.hsm.dir().join("run");
    std::fs::create_dir(&folder).unwrap();
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    granted(&mut lab.with_key("laptop"));
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o777)).unwrap();
    check("folder-for-locks-that-others-can-change", &lab, &run(&mut lab.with_key("laptop")));
}
