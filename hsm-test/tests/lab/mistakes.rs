//! Each mistake that a client can make in signing is refused, and named.

use std::fs;
use std::time::SystemTime;

use hsm_test::pki::Leaf;

use crate::client::{
    Answer, Call, Key, base64_der, bench, date, decimal, hex, refused, serial_hex, serve, sha256,
    sign,
};

/// A right request with one change is refused for that reason.
pub(crate) fn mistake(reason: &str, change: impl FnOnce(&mut Call)) -> Answer {
    let server = serve();
    let mut call = Call::right(&server);
    change(&mut call);
    refused(&server, &call, reason)
}

/// r and s as fixed-length numbers, taken out of the DER by openssl.
fn raw_signature(key: &Key, message: &[u8]) -> String {
    let der = sign(key, message, &[]);
    let mut command = std::process::Command::new("openssl");
    let listing = crate::client::pipe(command.args(["asn1parse", "-inform", "DER"]), &der);
    let listing = String::from_utf8_lossy(&listing).into_owned();
    let numbers =
        listing.lines().filter_map(|line| line.split("INTEGER").nth(1)?.split(':').nth(1));
    numbers.map(|number| format!("{number:0>64}").to_ascii_lowercase()).collect()
}

#[test]
fn a_hexadecimal_serial_is_refused() {
    mistake("serial is not decimal", |call| call.serial = Some(serial_hex(&call.leaf_pem)));
}

#[test]
fn a_hexadecimal_serial_of_decimal_digits_only_is_refused() {
    let server = serve();
    let mut leaf = Leaf::of(&bench().ec.public_pem);
    leaf.serial = Some(vec![0x12, 0x34]);
    let mut call = Call::with_leaf(&server, &bench().ec, &leaf);
    call.serial = Some("1234".into());
    refused(&server, &call, "serial is not decimal");
}

#[test]
fn a_negative_serial_is_refused() {
    let change =
        |call: &mut Call| call.serial = Some(format!("-{}", decimal(&serial_hex(&call.leaf_pem))));
    mistake("serial is negative", change);
}

#[test]
fn the_serial_of_another_certificate_is_refused() {
    mistake("serial is not the leaf's", |call| call.serial = Some("17".into()));
}

#[test]
fn base64_in_several_lines_is_refused() {
    // a line break in a header arrives as the space it is folded to
    let change = |call: &mut Call| {
        let folded = call.header("x-amz-x509").replacen('M', "M ", 1);
        call.set_header("x-amz-x509", folded);
    };
    mistake("x-amz-x509 has line breaks or spaces", change);
}

#[test]
fn pem_armour_in_the_header_is_refused() {
    let change = |call: &mut Call| call.set_header("x-amz-x509", call.leaf_pem.replace('\n', ""));
    mistake("x-amz-x509 has PEM armour", change);
}

#[test]
fn unpadded_or_url_safe_base64_is_refused() {
    let change =
        |call: &mut Call| call.set_header("x-amz-x509", format!("{}_-", call.header("x-amz-x509")));
    mistake("x-amz-x509 is not standard base64", change);
}

#[test]
fn a_public_key_instead_of_a_certificate_is_refused() {
    let change = |call: &mut Call| call.set_header("x-amz-x509", base64_der(&call.key.public_pem));
    mistake("x-amz-x509 is not one DER certificate", change);
}

#[test]
fn a_canonical_request_without_its_empty_line_is_refused() {
    let answer = mistake("canonical request has no empty line after the headers", |call| {
        call.canonical = |text| text.replace("\n\n", "\n");
    });
    assert_eq!((answer.status, answer.header("x-amzn-errortype")), (403, "AccessDeniedException"));
    assert_eq!(answer.json()["message"], "Invalid signature");
}

#[test]
fn a_canonical_request_with_a_newline_at_its_end_is_refused() {
    mistake("canonical request ends with a newline", |call| call.canonical = |text| text + "\n");
}

#[test]
fn an_unsorted_query_is_refused() {
    mistake("query is not sorted", |call| {
        let mut pairs: Vec<&str> = call.query.split('&').collect();
        pairs.reverse();
        call.query = pairs.join("&");
    });
}

#[test]
fn a_plus_sign_in_the_query_is_refused() {
    mistake("query contains a plus sign", |call| {
        call.query = call.query.replace("Example", "Ex+ample")
    });
}

#[test]
fn a_query_encoded_in_lower_case_is_refused() {
    mistake("query is not strictly percent-encoded", |call| {
        call.query = call.query.replace("%3A", "%3a")
    });
}

#[test]
fn a_query_with_bare_colons_is_refused() {
    mistake("query is not strictly percent-encoded", |call| {
        call.query = call.query.replace("%3A", ":")
    });
}

#[test]
fn the_hash_of_a_re_serialised_body_is_refused() {
    mistake("canonical request has the hash of a re-serialised body", |call| {
        call.body = "{ \"durationSeconds\" : 900 }".into();
        call.canonical = |text| {
            let hash = text.rsplit('\n').next().unwrap_or_default().to_owned();
            text.replace(&hash, &sha256(br#"{"durationSeconds":900}"#))
        };
    });
}

#[test]
fn the_hash_of_an_empty_body_is_refused() {
    mistake("canonical request has the hash of an empty body", |call| {
        call.canonical = |text| {
            let hash = text.rsplit('\n').next().unwrap_or_default().to_owned();
            text.replace(&hash, &sha256(b""))
        };
    });
}

#[test]
fn a_body_changed_on_its_way_is_refused() {
    let server = serve();
    let text = Call::right(&server).text().replace("900}", "901}");
    let answer = crate::client::send(&server, &text);
    assert_eq!(
        answer.header("x-lab-reason"),
        "signature does not fit the leaf's key and the canonical request"
    );
}

#[test]
fn a_raw_ecdsa_signature_is_refused() {
    mistake("signature is raw r and s, not DER", |call| call.sign = raw_signature);
}

#[test]
fn a_pss_signature_is_refused() {
    let server = serve();
    let mut call = Call::right_rsa(&server);
    call.sign = |key, message| hex(&sign(key, message, &["-sigopt", "rsa_padding_mode:pss"]));
    refused(&server, &call, "signature is RSA-PSS");
}

#[test]
fn a_string_that_was_hashed_twice_is_refused() {
    mistake("signature is over the hash of the string to sign, so it was hashed twice", |call| {
        call.sign = |key, message| {
            let mut dgst = std::process::Command::new("openssl");
            let hash = crate::client::pipe(dgst.args(["dgst", "-sha256", "-binary"]), message);
            hex(&sign(key, &hash, &[]))
        };
    });
}

#[test]
fn a_signature_by_another_key_is_refused() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("key");
    let (private, _) = bench().pki.software_key("EC:P-256");
    fs::write(&path, private).expect("the directory is writable");
    let reason = "signature does not fit the leaf's key and the canonical request";
    mistake(reason, |call| call.key.private = path);
}

#[test]
fn the_algorithm_of_the_other_family_is_refused() {
    mistake("algorithm does not fit the leaf's key", |call| {
        call.algorithm = "AWS4-X509-RSA-SHA256"
    });
}

#[test]
fn an_upper_case_signature_is_refused() {
    mistake("signature is not lower-case hexadecimal", |call| {
        call.sign = |key, message| hex(&sign(key, message, &[])).to_ascii_uppercase();
    });
}

#[test]
fn commas_in_signed_headers_are_refused() {
    mistake("SignedHeaders is separated by commas", |call| call.separator = ",");
}

#[test]
fn unsorted_signed_headers_are_refused() {
    mistake("SignedHeaders is not sorted", |call| call.signed.reverse());
}

#[test]
fn an_authorization_without_spaces_after_its_commas_is_refused() {
    mistake("authorization has no `, SignedHeaders=`", |call| {
        call.authorization = |text| text.replace(", ", ",")
    });
}

#[test]
fn a_header_that_must_be_signed_and_is_not_is_refused() {
    for name in ["content-type", "host", "x-amz-date", "x-amz-x509", "x-amz-x509-chain"] {
        mistake(&format!("{name} is not signed"), |call| {
            call.signed.retain(|signed| *signed != name)
        });
    }
}

#[test]
fn spaces_in_the_chain_are_refused() {
    mistake("x-amz-x509-chain contains spaces", |call| {
        let chain = format!("{}, {}", call.header("x-amz-x509"), call.header("x-amz-x509-chain"));
        call.set_header("x-amz-x509-chain", chain);
    });
}

#[test]
fn six_certificates_in_the_chain_are_refused() {
    mistake("x-amz-x509-chain has more than 5 certificates", |call| {
        let chain = vec![call.header("x-amz-x509-chain"); 6].join(",");
        call.set_header("x-amz-x509-chain", chain);
    });
}

#[test]
fn the_trust_anchor_in_the_chain_is_refused() {
    mistake("x-amz-x509-chain contains the trust anchor", |call| {
        let root = fs::read_to_string(bench().pki.root_pem_path()).expect("the PKI has a root");
        let chain = format!("{},{}", call.header("x-amz-x509-chain"), base64_der(&root));
        call.set_header("x-amz-x509-chain", chain);
    });
}

#[test]
fn a_clock_that_is_six_minutes_off_is_refused() {
    for offset in [360, -360] {
        let server = serve();
        let call = Call::right(&server);
        server.clock_offset(offset);
        refused(&server, &call, "x-amz-date is more than 5 minutes from the server's clock");
        server.clock_offset(offset / 2);
        let answer = crate::client::send(&server, &call.text());
        assert_eq!(answer.status, 201, "{answer:?}");
    }
}

#[test]
fn a_date_in_another_form_is_refused() {
    let change = |call: &mut Call| call.set_header("x-amz-date", "2026-11-22T12:00:00Z".into());
    mistake("x-amz-date is not of the form YYYYMMDDTHHMMSSZ", change);
}

#[test]
fn a_scope_of_another_day_region_or_service_is_refused() {
    let today = date(SystemTime::now());
    let place = |place: String| move |call: &mut Call| call.day_and_region = Some(place);
    mistake("scope is not of the day of x-amz-date", place("20200101/us-east-1".into()));
    mistake("scope is not of region us-east-1", place(format!("{}/eu-west-1", &today[..8])));
    mistake("scope is not of service rolesanywhere", |call| {
        call.authorization = |text| text.replace("/rolesanywhere/", "/sts/");
    });
}
