//! Published worked examples, whose signatures were made elsewhere, pass the server's verification.

use std::time::SystemTime;

use hsm_test::openssl::{hex, sha256};
use hsm_test::server::{Request, Verdict, clock, create_session};

const RSA_DIRECT_BODY: &str = include_str!("../vectors/rsa-direct-body.http");
const P256_INTERMEDIATE_QUERY: &str = include_str!("../vectors/p256-intermediate-query.http");

fn request(text: &str) -> Request {
    let (head, body) = text.split_once("\n\n").expect("a head and a body");
    let mut lines = head.lines();
    let target = lines.next().and_then(|line| line.split(' ').nth(1)).expect("a request line");
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers = lines.filter_map(|line| line.split_once(": "));
    Request {
        method: "POST".into(),
        path: path.into(),
        query: query.into(),
        headers: headers.map(|(name, value)| (name.to_ascii_lowercase(), value.into())).collect(),
        body: body.into(),
        verdict: Verdict::Unjudged,
    }
}

fn noon() -> SystemTime {
    clock::from_compact("20261122T120000Z").expect("a date")
}

#[test]
fn the_published_rsa_request_verifies() {
    let signed = create_session::verify_signature(&request(RSA_DIRECT_BODY), noon(), "us-east-1");
    let signed = signed.unwrap_or_else(|refusal| panic!("{refusal:?}"));
    assert_eq!(signed.serial.decimal, "4445810285796630398985");
    assert_eq!(signed.serial.hex, "f10203040506070809");
    let hash = hex(&sha256(signed.canonical_request.as_bytes()));
    assert_eq!(hash, "dccb7692525716a0d9e55d2987c2760b4066971cc977ec12c5dbb287ba315ae6");
    assert_eq!(signed.canonical_request.len(), 1082);
}

#[test]
fn the_published_p256_request_verifies() {
    let signed =
        create_session::verify_signature(&request(P256_INTERMEDIATE_QUERY), noon(), "us-east-1");
    let signed = signed.unwrap_or_else(|refusal| panic!("{refusal:?}"));
    assert_eq!(signed.serial.decimal, "47724914708969405121171");
    assert_eq!(signed.chain.len(), 1);
    let hash = hex(&sha256(signed.canonical_request.as_bytes()));
    assert_eq!(hash, "270fe506bfa45042bae8fd8e4290794e876dcd14b8b9ed2a86c6638f9f71507d");
    assert_eq!(signed.canonical_request.len(), 1755);
}

#[test]
fn a_published_request_with_one_octet_changed_does_not_verify() {
    for text in [RSA_DIRECT_BODY, P256_INTERMEDIATE_QUERY] {
        let mut changed = request(text);
        changed.body[20] ^= 1;
        let outcome = create_session::verify_signature(&changed, noon(), "us-east-1");
        assert_eq!(outcome.err().map(|refusal| refusal.message), Some("Invalid signature".into()));
    }
}
