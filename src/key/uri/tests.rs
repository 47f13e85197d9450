//! The vectors of RFC 7512 and of p11-kit's tests, with the strict verdict.

use super::*;

fn parse(uri: &str) -> Pkcs11Uri {
    uri.parse().unwrap_or_else(|error| panic!("{uri}: {error}"))
}

fn refused(uri: &str) -> UriError {
    uri.parse::<Pkcs11Uri>().err().unwrap_or_else(|| panic!("{uri} was accepted"))
}

#[test]
fn attributes_are_decoded() {
    let uri = parse("pkcs11:object=Test%20Label;type=cert;id=%54%45%53%54%00");
    assert_eq!(uri.object.label.as_deref(), Some("Test Label"));
    assert_eq!(uri.object.class, Some(ObjectClass::Cert));
    assert_eq!(uri.object.id.as_deref(), Some(b"TEST\0".as_slice()));
    let all = parse("pkcs11:token=:[]@!$'()*+,=&?attr=:[]@!$'()*+,=/?");
    assert_eq!(all.token.token.as_deref(), Some(":[]@!$'()*+,=&"));
    assert_eq!(parse("pkcs11:object=a+b").object.label.as_deref(), Some("a+b"));
    assert_eq!(parse("pkcs11:library-version=23").token.library_version, Some((23, 0)));
    assert_eq!(parse("pkcs11:library-version=2.101").token.library_version, Some((2, 101)));
    assert_eq!(parse("pkcs11:slot-id=0").token.slot_id, Some(0));
    assert_eq!(parse("pkcs11:library-version=255.0").token.library_version, Some((255, 0)));
    assert_eq!(parse("pkcs11:object=;type=cert").object.label.as_deref(), Some(""));
}

#[test]
fn the_scheme_is_case_insensitive_and_an_empty_uri_is_valid() {
    assert_eq!(parse("PKCS11:token=x").token.token.as_deref(), Some("x"));
    assert_eq!(parse("pkcs11:").to_string(), "pkcs11:");
    assert_eq!(parse("pkcs11:?").to_string(), "pkcs11:");
    assert_eq!(parse("pkcs11:token=a?").to_string(), "pkcs11:token=a");
}

#[test]
fn malformed_uris_are_refused() {
    for uri in
        ["pkcs11:object=Test%", "pkcs11:object=T%xxest", "pkcs11:id=%0", "pkcs11:?pin-value=blah%2"]
    {
        assert!(matches!(refused(uri), UriError::Encoding(_)), "{uri}");
    }
    for uri in ["pkcs11:token=x;", "pkcs11:;token=x", "pkcs11:token=a;;object=b", "pkcs11:?a=b&"] {
        assert_eq!(refused(uri), UriError::EmptyAttribute, "{uri}");
    }
    for uri in [
        "pkcs11:token=x#frag",
        "pkcs11:object=a/b",
        "pkcs11:object=€",
        "pkcs11:token=a b",
        "pkcs11:token=\n",
        "pkcs11:token=x\t;object=y",
    ] {
        assert!(matches!(refused(uri), UriError::Character { .. }), "{uri}");
    }
    for uri in [
        "pkcs11:slot-id=0x1",
        "pkcs11:slot-id=+1",
        "pkcs11:slot-id=123^456",
        "pkcs11:slot-id=",
        "pkcs11:type=unknown",
        "pkcs11:type=secretkey",
    ] {
        assert!(matches!(refused(uri), UriError::Value { .. }), "{uri}");
    }
    for uri in ["23.", ".23", "a.a", "1000", "2.1000", "256"] {
        let uri = format!("pkcs11:library-version={uri}");
        assert!(matches!(refused(&uri), UriError::Value { .. }), "{uri}");
    }
    for uri in ["pkcs11:=b", "pkcs11:?=b", "pkcs11://token=x", "pkcs11:?a;b=c", "pkcs11:?a b=c"] {
        assert_eq!(refused(uri), UriError::Name, "{uri}");
    }
    for uri in [
        "pkcs11:Token=x",
        "pkcs11:x-blah=v",
        "pkcs11:label=x",
        "pkcs11:objecttype=cert",
        "pkcs11:object-type=cert",
    ] {
        assert!(matches!(refused(uri), UriError::Unknown(_)), "{uri}");
    }
    assert_eq!(refused("pkcs11:token"), UriError::NoEquals);
    assert_eq!(refused("http:token"), UriError::Scheme);
    assert_eq!(refused(" pkcs11:token=x"), UriError::Scheme);
    assert_eq!(refused("pkcs11:token=a;token=b"), UriError::Duplicate("token".into()));
    assert_eq!(refused("pkcs11:id=%01;id=%02"), UriError::Duplicate("id".into()));
    assert_eq!(refused("pkcs11:?vendor=%zz"), UriError::ForeignEncoding);
    assert!(matches!(refused("pkcs11:token=%00%01"), UriError::Encoding(_)));
}

#[test]
fn a_uri_is_read_up_to_its_longest() {
    let longest = format!("pkcs11:token={}", "x".repeat(LONGEST - "pkcs11:token=".len()));
    assert_eq!(parse(&longest).to_string(), longest);
    assert_eq!(refused(&format!("{longest}x")), UriError::TooLong);
    assert_eq!(refused(&"%".repeat(100_000_000)), UriError::TooLong, "before its characters");
}

#[test]
fn what_could_match_nothing_is_valid_all_the_same() {
    for uri in [
        "pkcs11:token=0123456789012345678901234567890123456789",
        "pkcs11:model=longer%20than%2016%20bytes",
        "pkcs11:?A=b",
        "pkcs11:?pinfile=/x",
        "pkcs11:?bbb=zzz&aaa=xxx&aaa=yyy",
    ] {
        assert!(parse(uri).pin.is_none(), "{uri}");
    }
    assert_eq!(parse("pkcs11:id=%ab%AB").to_string(), "pkcs11:id=%AB%AB");
}

#[test]
fn pins_come_from_the_query_and_from_one_place() {
    let PinAttribute::Value(pin) =
        parse("pkcs11:?pin-value=1%2A%26%23%25%26%40%28").pin.expect("pin")
    else {
        panic!("not a value")
    };
    assert_eq!(pin.expose(), "1*&#%&@(");
    for source in ["/run/pin", "file:/run/pin", "file:///run/pin", "file://localhost/run/pin"] {
        let uri = parse(&format!("pkcs11:?pin-source={source}"));
        assert!(matches!(uri.pin, Some(PinAttribute::Source(path)) if path == *"/run/pin"));
    }
    assert_eq!(refused("pkcs11:?pin-value=a&pin-source=/b"), UriError::PinTwice);
    assert_eq!(refused("pkcs11:token=a;pin-value=1234"), UriError::PinInPath("pin-value".into()));
    assert!(matches!(refused("pkcs11:?pin-source=|cat"), UriError::Value { .. }));
    assert!(matches!(refused("pkcs11:?pin-source=pin"), UriError::Value { .. }));
}

#[test]
fn modules_are_absolute_paths_or_bare_names() {
    let uri = parse("pkcs11:?module-path=/usr/lib/x.so&vendor=1&vendor=2");
    assert_eq!(uri.module_path, Some("/usr/lib/x.so".into()));
    assert_eq!(parse("pkcs11:?module-name=softhsm2").module_name.as_deref(), Some("softhsm2"));
    for uri in ["pkcs11:?module-path=x.so", "pkcs11:?module-name=a/b", "pkcs11:?module-name=a%2fb"]
    {
        assert!(matches!(refused(uri), UriError::Value { .. }), "{uri}");
    }
}

#[test]
fn a_printed_uri_parses_to_the_same_and_never_holds_a_pin() {
    let uri = parse(
        "pkcs11:id=%ab%00;token=a%20b%2Fc;slot-id=3;type=private?pin-value=1234&module-name=m",
    );
    let printed = uri.to_string();
    assert_eq!(printed, "pkcs11:token=a%20b%2Fc;slot-id=3;id=%AB%00;type=private");
    let again = parse(&printed);
    assert_eq!((again.token, again.object), (uri.token, uri.object));
}

/// One wrong character, and the PIN would be part of a label or of a module's path, which are shown.
#[test]
fn a_pin_inside_another_attribute_is_refused() {
    for uri in [
        "pkcs11:token=a&pin-value=s3cret",
        "pkcs11:token=a,pin-value=s3cret",
        "pkcs11:?module-path=/x.so?pin-value=s3cret",
        "pkcs11:?pin-source=/x,pin-value=s3cret",
    ] {
        assert_eq!(refused(uri), UriError::PinInside, "{uri}");
    }
    let label = parse("pkcs11:token=a&pin-value%3Db").token.token;
    assert_eq!(label.as_deref(), Some("a&pin-value=b"));
}

#[test]
fn an_error_never_shows_a_value() {
    for uri in
        ["pkcs11:?pin-value=s3cret%", "pkcs11:?pin-value=s3cret#", "pkcs11:?pin-value=%FFs3cret"]
    {
        assert!(!refused(uri).to_string().contains("s3cret"), "{uri}");
    }
}
