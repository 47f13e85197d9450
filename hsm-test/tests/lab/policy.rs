//! Well-signed requests that the service refuses: for the role, the anchor, the input, the certificate.

use std::time::{Duration, SystemTime};

use hsm_test::pki::{Issuer, Leaf, Pki};
use hsm_test::server::{Config, Server};

use crate::client::{Call, base64_der, bench, refused, send, serve};
use crate::mistakes::mistake;

/// A right request with a changed leaf is refused for that reason, with the service's sentence about certificates.
fn bad_leaf(reason: &str, change: impl FnOnce(&mut Leaf)) {
    let server = serve();
    let mut leaf = Leaf::of(&bench().ec.public_pem);
    change(&mut leaf);
    let answer = refused(&server, &Call::with_leaf(&server, &bench().ec, &leaf), reason);
    assert_eq!(answer.json()["message"], "Untrusted certificate. Insufficient certificate");
}

#[test]
fn a_role_that_does_not_exist_is_refused() {
    let answer =
        mistake("role does not exist", |call| call.query = call.query.replace("Example", "Nobody"));
    assert_eq!(
        answer.json()["message"],
        "Unable to assume role for arn:aws:iam::111122223333:role/Nobody"
    );
}

#[test]
fn a_role_that_the_profile_does_not_list_is_refused() {
    let mut config = Config::lab(&bench().pki);
    config.profile.roles.clear();
    let server = Server::start(config);
    refused(&server, &Call::right(&server), "role is not in the profile");
}

#[test]
fn a_duration_beyond_the_roles_maximum_is_refused() {
    let mut config = Config::lab(&bench().pki);
    config.roles[0].max_session_duration = 899;
    let server = Server::start(config);
    let answer = refused(&server, &Call::right(&server), "duration exceeds the role's maximum");
    let message = answer.json()["message"].to_string();
    assert!(
        message.contains("The requested DurationSeconds exceeds the MaxSessionDuration"),
        "{message}"
    );
}

#[test]
fn another_trust_anchor_is_refused() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let other = Pki::fresh(directory.path());
    let server =
        Server::start(Config { anchors: vec![other.root_pem_path()], ..Config::lab(&bench().pki) });
    let reason = "leaf does not chain to the trust anchor: ";
    let answer = send(&server, &Call::right(&server).text());
    assert!(answer.header("x-lab-reason").starts_with(reason), "{answer:?}");
    assert_eq!(answer.json()["message"], "Untrusted signing certificate");
}

#[test]
fn a_missing_intermediate_is_refused() {
    let reason = "leaf does not chain to the trust anchor: unable to get local issuer certificate";
    let answer = mistake(reason, Call::without_chain);
    assert_eq!(answer.json()["message"], "Untrusted signing certificate");
}

#[test]
fn a_leaf_of_a_foreign_authority_is_refused() {
    let server = serve();
    let leaf = Leaf { issuer: Issuer::Foreign, ..Leaf::of(&bench().ec.public_pem) };
    let reason = "leaf does not chain to the trust anchor: unable to get local issuer certificate";
    refused(&server, &Call::with_leaf(&server, &bench().ec, &leaf), reason);
}

#[test]
fn an_anchor_or_profile_that_does_not_exist_is_not_found() {
    let answer = mistake("trust anchor does not exist", |call| {
        call.query = call.query.replace("aaaaaaaa", "eeeeeeee")
    });
    assert_eq!(
        (answer.status, answer.header("x-amzn-errortype")),
        (404, "ResourceNotFoundException")
    );
    let answer = mistake("profile does not exist", |call| {
        call.query = call.query.replace("11111111", "99999999")
    });
    assert_eq!(answer.status, 404);
}

#[test]
fn an_anchor_of_another_region_is_refused() {
    let change = |call: &mut Call| {
        call.query = call
            .query
            .replace("us-east-1%3A111122223333%3Atrust", "us-west-2%3A111122223333%3Atrust");
    };
    assert_eq!(mistake("trust anchor is of another region", change).status, 400);
}

#[test]
fn a_disabled_anchor_is_refused() {
    let server = Server::start(Config { anchors_enabled: false, ..Config::lab(&bench().pki) });
    let answer = refused(&server, &Call::right(&server), "trust anchor is disabled");
    assert_eq!(answer.json()["message"], "Specified Trust Anchor is disabled.");
}

#[test]
fn a_session_name_that_the_profile_does_not_accept_is_refused() {
    let answer = mistake("profile does not accept a roleSessionName", |call| {
        call.body = r#"{"roleSessionName":"host-b"}"#.into();
    });
    assert_eq!(answer.json()["message"], "Not authorized to set roleSessionName.");
}

#[test]
fn a_duration_out_of_range_is_refused() {
    for duration in ["899", "43201", "\"900\"", "900.5"] {
        let server = serve();
        let mut call = Call::right(&server);
        call.body = format!("{{\"durationSeconds\":{duration}}}");
        let answer = send(&server, &call.text());
        assert_eq!(
            (answer.status, answer.header("x-amzn-errortype")),
            (400, "ValidationException")
        );
        let message = answer.json()["message"].to_string();
        assert!(message.contains("at 'durationSeconds' failed to satisfy constraint"), "{message}");
    }
}

#[test]
fn unknown_and_repeated_members_are_refused() {
    mistake("body has an unknown member duration", |call| call.body = r#"{"duration":900}"#.into());
    mistake("query has an unknown member userName", |call| call.query += "&userName=x");
    mistake("roleArn is given twice", |call| {
        call.body = r#"{"roleArn":"arn:aws:iam::1:role/x"}"#.into()
    });
    mistake("body is not a JSON object", |call| call.body = "[]".into());
}

#[test]
fn a_certificate_authority_as_a_leaf_is_refused() {
    bad_leaf("leaf is a certificate authority", |leaf| leaf.ca = true);
}

#[test]
fn a_leaf_without_digital_signature_is_refused() {
    bad_leaf("leaf has no key usage digitalSignature", |leaf| leaf.digital_signature = false);
}

#[test]
fn a_leaf_with_an_empty_subject_is_refused() {
    bad_leaf("leaf has an empty subject", |leaf| leaf.common_name = None);
}

#[test]
fn an_expired_leaf_is_refused() {
    let hour = Duration::from_secs(3600);
    bad_leaf("leaf has expired", |leaf| {
        leaf.not_before = SystemTime::now() - 2 * hour;
        leaf.not_after = SystemTime::now() - hour;
    });
}

#[test]
fn a_leaf_of_tomorrow_is_refused() {
    bad_leaf("leaf is not valid yet", |leaf| {
        leaf.not_before = SystemTime::now() + Duration::from_secs(3600)
    });
}

#[test]
fn a_leaf_signed_over_sha1_is_refused() {
    let server = serve();
    let mut call = Call::right(&server);
    call.leaf_pem = bench().pki.sha1_leaf(&bench().ec.public_pem, "lab");
    call.set_header("x-amz-x509", base64_der(&call.leaf_pem));
    refused(&server, &call, "leaf is signed over MD5 or SHA-1");
}
