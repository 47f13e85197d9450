//! What `explain` says must be what a run does: OpenSSL, the server's own derivation and a real
//! request are held against it.

use std::io::Write;
use std::process::{Command, Stdio};

use hsm_test::pki::Leaf;
use hsm_test::spy::{self, Calls};
use serde_json::Value;

use crate::golden::check;
use crate::lab::{Lab, granted, lab, on_terminal, run, tool};

/// The command line of a credential process, explained.
fn explain(process: &Command) -> Command {
    let mut command = Command::new(process.get_program());
    command.args(process.get_args().map(|word| match word.to_str() {
        Some("credential-process") => "explain".as_ref(),
        _ => word,
    }));
    let environment = process.get_envs().filter_map(|(name, value)| Some((name, value?)));
    command.env_clear().envs(environment).stdin(Stdio::null());
    command
}

fn json(process: &Command) -> Value {
    let ended = run(explain(process).arg("--json"));
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    serde_json::from_str(&ended.stdout).expect("JSON")
}

fn text<'v>(document: &'v Value, pointer: &str) -> &'v str {
    document.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("{pointer}"))
}

fn sha256(text: &str) -> String {
    let mut openssl = Command::new("openssl");
    openssl.args(["dgst", "-sha256", "-r"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut openssl = openssl.spawn().expect("openssl");
    openssl.stdin.take().expect("stdin").write_all(text.as_bytes()).expect("text");
    let output = openssl.wait_with_output().expect("openssl");
    String::from_utf8(output.stdout).expect("hex").split(' ').next().expect("hash").to_owned()
}

#[test]
fn the_request_is_the_one_that_a_run_sends_but_for_its_moment() {
    for label in ["laptop", "rsa2048", "p384"] {
        let lab = lab();
        let document = json(&lab.with_key(label));
        let canonical = text(&document, "/request/canonical");
        let to_sign = text(&document, "/request/string_to_sign");
        assert!(to_sign.ends_with(&format!("\n{}", sha256(canonical))), "{to_sign}");
        granted(&mut lab.with_key(label));
        let sent = lab.server.requests().pop().expect("a request");
        let header = |name: &str| sent.header(name).expect("header");
        // The canonical request, rebuilt from what the server received.
        let names: Vec<_> = canonical.lines().rev().nth(1).expect("names").split(';').collect();
        let body = sha256(&String::from_utf8_lossy(&sent.body));
        let lines: String = names.iter().map(|name| format!("{name}:{}\n", header(name))).collect();
        let rebuilt = format!("POST\n/sessions\n\n{lines}\n{}\n{body}", names.join(";"));
        let moment = |text: &str| {
            let line = text.lines().find(|line| line.starts_with("x-amz-date:")).expect("date");
            text.replace(line, "x-amz-date:")
        };
        assert_eq!(moment(canonical), moment(&rebuilt));
        assert!(header("authorization").contains(to_sign.lines().next().expect("algorithm")));
    }
}

#[test]
fn nothing_is_sent_and_no_pin_is_tried() {
    let lab = lab();
    let log = lab.hsm.dir().join("spy.log");
    let mut process = lab.credential_process();
    process.args(["--key", &lab.uri("rsa2048")]).arg("--pkcs11-lib").arg(spy::module());
    process.envs(spy::command_env(&hsm_test::softhsm::SoftHsm::module(), &log));
    json(&process);
    let calls = Calls(std::fs::read_to_string(log).expect("log"));
    assert_eq!((calls.of("C_Login"), calls.of("C_SignInit")), (0, 0));
    assert_eq!((lab.server.connections(), lab.server.requests().len()), (0, 0));
}

/// The server derives name and identity by itself: its words are those of the service.
#[test]
fn name_and_identity_are_those_that_the_server_derives() {
    let lab = lab();
    let document = json(&lab.with_key("laptop"));
    let serial = tool(
        "openssl",
        &["x509", "-noout", "-serial", "-in"]
            .map(std::ffi::OsStr::new)
            .into_iter()
            .chain([lab.hsm.certificate("laptop").as_os_str()])
            .collect::<Vec<_>>(),
    );
    let serial = serial.trim().trim_start_matches("serial=").to_lowercase();
    assert_eq!(text(&document, "/derived/role_session_name"), serial);
    assert_eq!(text(&document, "/derived/source_identity"), "CN=laptop");
    let tags = document.pointer("/derived/session_tags").and_then(Value::as_array).expect("tags");
    let tag = |key: &str| tags.iter().find(|tag| tag["key"] == key).map(|tag| tag["value"].clone());
    assert_eq!(tag("x509Subject/O"), Some("Example".into()));
    assert_eq!(tag("x509Issuer/CN"), Some("Example Lab Intermediate".into()));
    let condition = document.pointer("/trust_policy/Statement/0/Condition").expect("condition");
    assert_eq!(condition["StringEquals"]["aws:PrincipalTag/x509Subject/CN"], "laptop");
    assert_eq!(condition["ArnEquals"]["aws:SourceArn"], lab.server.trust_anchor_arn());
}

/// A leaf of the intermediate with that subject and these alternative names, by OpenSSL.
fn leaf(lab: &Lab, subject: &str, alternative: &str) -> std::path::PathBuf {
    let key = lab.write("public.pem", &lab.hsm.public_key_pem("laptop"));
    let extensions = format!(
        "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n{alternative}\n"
    );
    let extensions = lab.write("ext.cnf", &extensions);
    let path = lab.hsm.dir().join("named.pem");
    let ca = lab.hsm.dir().join("ca");
    let mut openssl = Command::new("openssl");
    openssl.args(["x509", "-new", "-utf8", "-subj", subject, "-days", "30", "-sha256"]);
    openssl.arg("-force_pubkey").arg(key).arg("-CA").arg(ca.join("intermediate.pem"));
    openssl.arg("-CAkey").arg(ca.join("intermediate.key")).arg("-extfile").arg(extensions);
    let output = openssl.arg("-out").arg(&path).output().expect("openssl");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    path
}

#[test]
fn names_of_every_kind_become_tags() {
    let lab = lab();
    let alternative = "subjectAltName=DNS:a.example,DNS:b.example,URI:spiffe://x/y,dirName:dir\n\
                       [dir]\nO=Org\nOU=Unit";
    let leaf = leaf(&lab, "/OU=Security/OU=Eng/CN=host, one", alternative);
    let mut process = lab.credential_process();
    process.args(["--key", "pkcs11:token=lab;object=laptop"]).arg("--certificate").arg(leaf);
    let document = json(&process);
    let tags = document.pointer("/derived/session_tags").and_then(Value::as_array).expect("tags");
    let tag = |key: &str| {
        let tag = tags.iter().find(|tag| tag["key"] == key).expect(key);
        (tag["value"].as_str().expect("text").to_owned(), tag["fits"] == true)
    };
    for (key, value, fits) in [
        ("x509Subject/OU", "Security/Eng", true),
        ("x509Subject/CN", "host, one", false),
        ("x509SAN/DNS", "a.example", true),
        ("x509SAN/URI", "spiffe://x/y", true),
        ("x509SAN/Name/O", "Org", true),
        ("x509SAN/Name/OU", "Unit", true),
    ] {
        assert_eq!(tag(key), (value.to_owned(), fits), "{key}");
    }
    // A common name that cannot be a tag is no condition either.
    let condition = document.pointer("/trust_policy/Statement/0/Condition").expect("condition");
    assert_eq!(condition["StringEquals"]["sts:SourceIdentity"], "CN=host, one");
}

#[test]
fn source_identities_follow_the_length_of_the_common_name() {
    for (length, prefix) in [(61, "CN="), (62, ""), (64, "")] {
        let lab = lab();
        let name = "n".repeat(length);
        let leaf = leaf(&lab, &format!("/CN={name}"), "");
        let mut process = lab.credential_process();
        process.args(["--key", "pkcs11:token=lab;object=laptop"]).arg("--certificate").arg(leaf);
        let document = json(&process);
        assert_eq!(text(&document, "/derived/source_identity"), format!("{prefix}{name}"));
    }
    let lab = lab();
    let leaf = leaf(&lab, "/O=Nobody", "");
    let mut process = lab.credential_process();
    process.args(["--key", "pkcs11:token=lab;object=laptop"]).arg("--certificate").arg(leaf);
    let document = json(&process);
    let serial = text(&document, "/derived/role_session_name");
    assert_eq!(text(&document, "/derived/source_identity"), format!("ID={serial}"));
}

#[test]
fn every_rule_that_is_broken_is_found_at_once() {
    let lab = lab();
    let day = std::time::Duration::from_secs(86_400);
    let now = std::time::SystemTime::now();
    let leaf = Leaf {
        common_name: None,
        ca: true,
        digital_signature: false,
        not_before: now - 3 * day,
        not_after: now - day,
        ..Leaf::of(&lab.hsm.public_key_pem("laptop"))
    };
    let leaf = lab.write("leaf.pem", &lab.pki().leaf(&leaf));
    let mut process = lab.credential_process();
    process.args(["--key", "pkcs11:token=lab;object=laptop"]).arg("--certificate").arg(leaf);
    let document = json(&process);
    let findings = document["findings"].as_array().expect("findings");
    let found = |words: &str| findings.iter().any(|f| f.as_str().unwrap_or("").contains(words));
    for words in ["CA certificate", "it expired at", "digitalSignature", "subject is empty"] {
        assert!(found(words), "{words}: {findings:?}");
    }
    let page = run(&mut explain(&process));
    assert!(page.code == 0 && page.stdout.contains("its subject is empty"), "{}", page.stdout);
}

#[test]
fn the_page_has_everything_and_colour_only_on_a_terminal() {
    let lab = lab();
    let page = run(&mut explain(&lab.with_key("laptop"))).stdout;
    for words in [
        "CN=laptop,O=Example\n    leaf, P-256, valid ",
        "CN=Example Lab Intermediate,O=Example\n    intermediate, valid ",
        "it keeps all of them",
        "\nCanonical request\nPOST\n/sessions\n\ncontent-type:application/json\n",
        "\nString to sign\nAWS4-X509-ECDSA-SHA256\n",
        "source identity    CN=laptop",
        "aws:PrincipalTag/x509Subject/CN    laptop",
        "{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [\n    {\n      \"Effect\": \"Allow\"",
    ] {
        assert!(page.contains(words), "{words} is not in\n{page}");
    }
    assert!(!page.contains('\x1b'), "{page}");
    assert_eq!(on_terminal(&explain(&lab.with_key("laptop"))), "", "nothing on stderr");
}

#[test]
fn an_alias_of_the_trust_anchor_is_pointed_out() {
    let lab = lab();
    let alias = "arn:aws:rolesanywhere:us-east-1:111122223333:alias/trust-anchor/lab";
    let mut process = lab.command();
    let arguments = lab.server.arguments();
    let others = arguments.chunks(2).filter(|pair| pair[0] != "--trust-anchor-arn").flatten();
    process.arg("credential-process").args(others).args(["--trust-anchor-arn", alias]);
    process.args(["--key", &lab.uri("laptop")]).arg("--certificate").arg(lab.hsm.chain("laptop"));
    let page = run(&mut explain(&process)).stdout;
    assert!(page.contains("Put the trust anchor's own ARN in place of its alias"), "{page}");
}

#[test]
fn what_cannot_be_explained_is_an_error_as_everywhere() {
    let lab = lab();
    check("explain-misses-options", &lab, &run(lab.command().arg("explain")));
    let mut process = lab.credential_process();
    process.args(["--key", &lab.uri("laptop")]).arg("--certificate").arg(lab.hsm.chain("p384"));
    check("explain-finds-no-pair", &lab, &run(&mut explain(&process)));
    let help = run(lab.command().args(["explain", "--help"])).stdout;
    assert!(help.contains("keyanchor explain --key") && help.contains("--json"), "{help}");
}

/// The names of all members, however deep.
fn members(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(object) => object.iter().for_each(|(name, value)| {
            found.push(name.clone());
            members(value, found);
        }),
        Value::Array(values) => values.iter().for_each(|value| members(value, found)),
        _ => {}
    }
}

#[test]
fn every_member_is_documented() {
    let lab = lab();
    let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/explain.md");
    let page = std::fs::read_to_string(page).expect("docs/explain.md");
    let mut document = json(&lab.with_key("laptop"));
    // Its members are IAM's.
    document["trust_policy"] = Value::Null;
    let mut found = Vec::new();
    members(&document, &mut found);
    assert!(found.len() > 15, "{found:?}");
    for name in found {
        assert!(page.contains(&format!("`{name}`")), "{name} is not in docs/explain.md");
    }
}
