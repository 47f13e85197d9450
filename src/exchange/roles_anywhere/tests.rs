//! Two requests that were computed by other means, with their keys: the deterministic one must
//! come out byte for byte, the other one must verify.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use reqwest::header::AUTHORIZATION;

use super::*;
use crate::exchange::arn::Resource;
use crate::exchange::sigv4_x509::{
    Canonical, Request, Scope, amz_date, canonical_query, header_value,
};
use crate::identity::files;
use crate::key::public_key::Scheme;
use crate::signer::file::FileKey;

const ANCHOR: &str = "arn:aws:rolesanywhere:us-east-1:111122223333:trust-anchor/aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee";
const PROFILE: &str =
    "arn:aws:rolesanywhere:us-east-1:111122223333:profile/11111111-2222-3333-4444-555555555555";
const ROLE: &str = "arn:aws:iam::111122223333:role/Example";
const HOST: &str = "rolesanywhere.us-east-1.amazonaws.com";

fn vector(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(name);
    std::fs::read_to_string(path).expect(name).trim_end().to_owned()
}

fn now() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().expect("time")
}

/// Key files that everybody can read are refused, and a checkout may make them so.
fn identity(name: &str) -> Identity {
    let folder = tempfile::tempdir().expect("folder");
    let write = |file: String| {
        let path = folder.path().join(&file);
        std::fs::write(&path, vector(&file)).expect("write");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("chmod");
        path
    };
    let key = FileKey::read(&write(format!("{name}.key.pem"))).expect("key");
    let leaf = files::read(&write(format!("{name}.leaf.pem"))).expect("leaf");
    let time = UNIX_EPOCH + Duration::from_secs(now().as_second().unsigned_abs());
    Identity::prove(Box::new(key), leaf, Vec::new(), time).expect("identity")
}

#[test]
fn the_rsa_example_comes_out_byte_for_byte() {
    let session = Session {
        trust_anchor: Arn::parse(ANCHOR, Resource::TrustAnchor).expect("anchor"),
        profile: Arn::parse(PROFILE, Resource::Profile).expect("profile"),
        role: Arn::parse(ROLE, Resource::Role).expect("role"),
        region: "us-east-1".into(),
        duration: 3600,
        session_name: None,
    };
    let endpoint = Endpoint::of_region("us-east-1", Default::default()).expect("endpoint");
    let identity = identity("rsa");
    let unsigned = Unsigned::new(&session, &endpoint, identity.chain(), identity.scheme(), now());
    let signature = identity.sign(unsigned.string_to_sign().as_bytes()).expect("signature");
    let signed = unsigned.signed(&signature);
    assert_eq!(String::from_utf8_lossy(&signed.body), vector("rsa.body.json"));
    assert_eq!(signed.headers[AUTHORIZATION], vector("rsa.authorization"));
    assert_eq!(signed.headers["x-amz-date"], "20261122T120000Z");
    assert!(!signed.headers.contains_key("host"), "the HTTP library writes it");
}

/// Arguments in the query, Content-Length signed, an intermediate: none of it is what we send, and
/// the canonical request describes it all the same.
fn p256_example(identity: &Identity) -> Canonical {
    let chain = files::read(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/p256.intermediate.pem"),
    );
    let body = vector("p256.body.json");
    let headers = [
        ("x-amz-x509-chain", header_value(&chain.expect("chain")[0])),
        ("x-amz-x509", header_value(&identity.chain().leaf)),
        ("x-amz-date", amz_date(now())),
        ("host", HOST.to_owned()),
        ("content-type", "application/json".to_owned()),
        ("content-length", body.len().to_string()),
    ];
    let query = [("roleArn", ROLE), ("trustAnchorArn", ANCHOR), ("profileArn", PROFILE)];
    assert_eq!(canonical_query(&query), vector("p256.query"));
    Request { method: "POST", path: PATH, query: &query, headers: &headers, body: body.as_bytes() }
        .canonical()
}

#[test]
fn the_p256_example_verifies_and_a_signature_of_ours_takes_its_place() {
    let identity = identity("p256");
    let canonical = p256_example(&identity);
    assert_eq!(canonical.text.len(), 1755);
    let scope = Scope {
        time: now(),
        region: "us-east-1",
        service: "rolesanywhere",
        scheme: Scheme::EcdsaSha256,
    };
    let to_sign = scope.string_to_sign(&canonical);
    assert!(to_sign.ends_with("270fe506bfa45042bae8fd8e4290794e876dcd14b8b9ed2a86c6638f9f71507d"));

    let published = vector("p256.authorization");
    let (head, hex) = published.split_once("Signature=").expect("signature");
    let signature: Vec<u8> = (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex"))
        .collect();
    let key = identity.chain().leaf.public_key().expect("key");
    assert!(key.verifies(Scheme::EcdsaSha256, to_sign.as_bytes(), &signature));
    assert!(!key.verifies(Scheme::EcdsaSha256, b"something else", &signature));
    assert_eq!(scope.authorization(&identity.chain().leaf, &canonical, &signature), published);

    let ours = identity.sign(to_sign.as_bytes()).expect("signature");
    assert!(scope.authorization(&identity.chain().leaf, &canonical, &ours).starts_with(head));
}
