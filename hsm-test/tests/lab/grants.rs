//! What is right is granted, in each of the forms that AWS accepts.

use std::time::SystemTime;

use hsm_test::pki::{Issuer, Leaf};
use hsm_test::server::{Config, Server, Verdict};

use crate::client::{Answer, Call, Key, bench, date, query, send, serial_hex, serve};

/// Moves the ARNs from the query to the body.
fn in_body(call: &mut Call, server: &Server) {
    call.query = String::new();
    call.body = format!(
        r#"{{"profileArn":"{}", "roleArn":"{}","trustAnchorArn":"{}"}}"#,
        server.profile_arn(),
        server.role_arn(),
        server.trust_anchor_arn()
    );
}

fn granted(server: &Server, call: &Call) -> Answer {
    let answer = send(server, &call.text());
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(server.requests().pop().map(|request| request.verdict), Some(Verdict::Granted));
    answer
}

fn direct(server: &Server, key: &Key) -> Call {
    let leaf = Leaf { issuer: Issuer::Root, ..Leaf::of(&key.public_pem) };
    let mut call = Call::with_leaf(server, key, &leaf);
    call.without_chain();
    call
}

#[test]
fn an_ec_leaf_behind_the_intermediate_is_granted_a_session() {
    let server = serve();
    let mut call = Call::right(&server);
    granted(&server, &call);
    in_body(&mut call, &server);
    granted(&server, &call);
}

#[test]
fn an_rsa_leaf_behind_the_intermediate_is_granted_a_session() {
    let server = serve();
    let mut call = Call::right_rsa(&server);
    granted(&server, &call);
    in_body(&mut call, &server);
    granted(&server, &call);
}

#[test]
fn a_leaf_of_the_anchor_itself_is_granted_a_session_without_a_chain() {
    let server = serve();
    for (key, algorithm) in
        [(&bench().ec, "AWS4-X509-ECDSA-SHA256"), (&bench().rsa, "AWS4-X509-RSA-SHA256")]
    {
        let mut call = direct(&server, key);
        call.algorithm = algorithm;
        granted(&server, &call);
        in_body(&mut call, &server);
        granted(&server, &call);
    }
}

#[test]
fn every_size_of_key_in_use_is_granted_a_session() {
    let server = serve();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let kinds =
        [("EC:P-384", "ECDSA"), ("EC:P-521", "ECDSA"), ("rsa:3072", "RSA"), ("rsa:4096", "RSA")];
    for (kind, family) in kinds {
        let (private_pem, public_pem) = bench().pki.software_key(kind);
        let private = directory.path().join("key");
        std::fs::write(&private, private_pem).expect("the directory is writable");
        let key = Key { private, public_pem };
        let mut call = Call::with_leaf(&server, &key, &Leaf::of(&key.public_pem));
        call.algorithm =
            if family == "RSA" { "AWS4-X509-RSA-SHA256" } else { "AWS4-X509-ECDSA-SHA256" };
        granted(&server, &call);
    }
}

#[test]
fn the_answer_has_the_form_that_aws_documents() {
    let server = serve();
    let call = Call::right(&server);
    let answer = granted(&server, &call);
    let json = answer.json();
    let set = &json["credentialSet"][0];
    let text = |name: &str| set["credentials"][name].as_str().unwrap_or_default().to_owned();
    assert!(text("accessKeyId").starts_with("ASIA") && text("accessKeyId").len() == 20, "{json}");
    assert_eq!(text("secretAccessKey").len(), 40);
    assert!(text("sessionToken").len() > 500);
    assert_eq!(set["sourceIdentity"], "CN=lab");
    assert_eq!(set["roleArn"], server.role_arn());
    let session =
        format!("arn:aws:sts::111122223333:assumed-role/Example/{}", serial_hex(&call.leaf_pem));
    assert_eq!(set["assumedRoleUser"]["arn"], session);
    assert!(answer.header("date").ends_with("GMT"));
    assert!(json["subjectArn"].as_str().is_some_and(|arn| arn.contains(":subject/")));
}

#[test]
fn the_shorter_of_profile_and_request_is_the_duration() {
    let server = serve();
    for (asked, given) in [(900, 900), (43_200, 3600)] {
        let mut call = Call::right(&server);
        call.body = format!(r#"{{"durationSeconds":{asked}}}"#);
        let before = SystemTime::now();
        let json = granted(&server, &call).json();
        let expiration =
            json["credentialSet"][0]["credentials"]["expiration"].as_str().unwrap_or_default();
        let compact = expiration.replace(['-', ':'], "");
        let at = |seconds| date(before + std::time::Duration::from_secs(seconds));
        assert!((at(given)..=at(given + 3)).contains(&compact), "{expiration}");
    }
}

#[test]
fn alias_arns_name_the_same_anchor_and_profile() {
    let config = Config::lab(&bench().pki);
    let server = serve();
    let mut call = Call::right(&server);
    call.query = call
        .query
        .replace(&server.trust_anchor_arn().replace(':', "%3A").replace('/', "%2F"), "ANCHOR")
        .replace(&server.profile_arn().replace(':', "%3A").replace('/', "%2F"), "PROFILE")
        .replace(
            "ANCHOR",
            &config.trust_anchor_alias_arn(0).replace(':', "%3A").replace('/', "%2F"),
        )
        .replace("PROFILE", &config.profile_alias_arn().replace(':', "%3A").replace('/', "%2F"));
    assert_ne!(call.query, query(&server));
    granted(&server, &call);
}

#[test]
fn a_session_name_is_used_where_the_profile_accepts_one() {
    let mut config = Config::lab(&bench().pki);
    config.profile.accept_role_session_name = true;
    let server = Server::start(config);
    let mut call = Call::right(&server);
    call.body = r#"{"roleSessionName":"host-b"}"#.into();
    let json = granted(&server, &call).json();
    let arn =
        json["credentialSet"][0]["assumedRoleUser"]["arn"].as_str().unwrap_or_default().to_owned();
    assert!(arn.ends_with("/host-b"), "{arn}");
}

#[test]
fn a_leaf_repeated_in_the_chain_is_tolerated() {
    let server = serve();
    let mut call = Call::right(&server);
    let chain = format!("{},{}", call.header("x-amz-x509"), call.header("x-amz-x509-chain"));
    call.set_header("x-amz-x509-chain", chain);
    granted(&server, &call);
}

#[test]
fn a_serial_number_with_its_top_bit_set_is_positive() {
    let server = serve();
    let mut leaf = Leaf::of(&bench().ec.public_pem);
    leaf.serial = Some(vec![0xf1, 2, 3, 4, 5, 6, 7, 8, 9]);
    let call = Call::with_leaf(&server, &bench().ec, &leaf);
    granted(&server, &call);
}
