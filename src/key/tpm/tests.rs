//! References as people write them, and what holds for every one.

use proptest::option::of;
use proptest::prelude::*;

use super::*;

fn read(text: &str) -> TpmRef {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn refused(text: &str) -> TpmRefError {
    text.parse::<TpmRef>().err().unwrap_or_else(|| panic!("{text} was accepted"))
}

#[test]
fn a_handle_is_hexadecimal_with_or_without_its_start() {
    for text in [
        "tpm:handle=0x81000101",
        "TPM:handle=0X81000101",
        "tpm:handle=81000101",
        "tpm:handle=0x81000101?",
        "handle:0x81000101",
        "handle:0X81000101",
        "handle:81000101",
        "HANDLE:0081000101",
    ] {
        let reference = read(text);
        assert_eq!(reference.key, TpmKey::Handle(0x8100_0101), "{text}");
        assert_eq!(reference.to_string(), "tpm:handle=0x81000101");
    }
    assert_eq!(read("tpm:handle=0x81ffffff;cert-nv=1c00002").certificate, Some(0x01c0_0002));
}

#[test]
fn a_file_is_any_path() {
    for (text, path) in [
        ("tpm:file=/etc/keyanchor/key.pem", "/etc/keyanchor/key.pem"),
        ("tpm:file=key.pem", "key.pem"),
        ("tpm:file=/a%20b%3Bc%3Fd&e", "/a b;c?d&e"),
    ] {
        assert_eq!(read(text).key, TpmKey::File(path.into()));
    }
    let odd = read("tpm:file=/%FF%0A");
    assert_eq!(odd.to_string(), "tpm:file=/%FF%0A");
    let TpmKey::File(path) = odd.key else { panic!("no file") };
    assert_eq!(path.as_os_str().as_bytes(), b"/\xff\n");
}

#[test]
fn what_is_neither_a_key_nor_an_index_is_refused() {
    for text in [
        "handle:",
        "handle:0x",
        "handle:0x80000001",
        "handle:0x82000000",
        "handle:0x40000001",
        "handle:0x181000101",
        "handle:+81000101",
        "handle:0x81000101?pin-value=1",
        "handle:0x81000101:",
        "handle:0x0x81000101",
    ] {
        assert_eq!(refused(text), TpmRefError::Handle, "{text}");
    }
    for text in [
        "tpm:handle=0x80000001",
        "tpm:handle=x",
        "tpm:handle=",
        "tpm:file=",
        "tpm:handle=81000101;cert-nv=0x02000000",
        "tpm:handle=81000101;cert-nv=0x81000101",
    ] {
        let error = refused(text);
        assert!(matches!(error, TpmRefError::Uri(UriError::Value { .. })), "{text}: {error}");
    }
    for (text, error) in [
        ("tpm:", TpmRefError::NoKey),
        ("tpm:cert-nv=0x01c00002", TpmRefError::NoKey),
        ("tpm:handle=81000101;file=/x", TpmRefError::KeyTwice),
        ("tpm:0x81000101", UriError::NoEquals.into()),
        ("tpm:handle=81000101;handle=81000101", UriError::Duplicate("handle".into()).into()),
        ("tpm:handle=81000101;", UriError::EmptyAttribute.into()),
        ("tpm:handle=81000101;object=x", UriError::Unknown("object".into()).into()),
        ("tpm:Handle=81000101", UriError::Unknown("Handle".into()).into()),
        ("tpm:file=/%00", UriError::Encoding("file".into()).into()),
        ("tpm", TpmRefError::Scheme),
        ("pkcs11:", TpmRefError::Scheme),
    ] {
        assert_eq!(refused(text), error, "{text}");
    }
    let long = format!("tpm:file=/{}", "x".repeat(LONGEST));
    assert_eq!(refused(&long), UriError::TooLong.into());
}

#[test]
fn passwords_come_from_the_query_and_each_from_one_place() {
    let both = read("tpm:file=/k?pin-source=/run/pin&parent-pin-source=file:///run/owner");
    assert!(matches!(both.pin, Some(PinAttribute::Source(path)) if path == *"/run/pin"));
    assert_eq!(both.parent_pin, Some("/run/owner".into()));
    let value = read("tpm:file=/k?pin-value=a%26b").pin;
    assert!(matches!(value, Some(PinAttribute::Value(pin)) if pin.expose() == "a&b"));
    for (text, error) in [
        ("tpm:file=/k;pin-value=1", UriError::PinInPath("pin-value".into())),
        ("tpm:file=/k;parent-pin-source=/x", UriError::PinInPath("parent-pin-source".into())),
        ("tpm:file=/k?pin-value=1&pin-source=/x", UriError::PinTwice),
        ("tpm:file=/k?pin-value=1&pin-value=1", UriError::Duplicate("pin-value".into())),
        ("tpm:file=/k&pin-value=s3cret", UriError::PinInside),
        ("tpm:file=/k?tcti=/dev/tpm0,pin-value=s3cret", UriError::PinInside),
        ("tpm:file=/k?pin-value=s3cret;x", UriError::Encoding("pin-value".into())),
    ] {
        assert_eq!(refused(text), error.into(), "{text}");
    }
}

/// It may be a slip of the pen, or what follows a bare `&` in a PIN; nobody else has such attributes.
#[test]
fn an_unknown_attribute_after_the_question_mark_is_refused_and_not_shown() {
    for text in ["tpm:file=/k?pin-sorce=/x", "tpm:file=/k?pin-value=a&s3cret=b"] {
        assert_eq!(refused(text), TpmRefError::UnknownInQuery, "{text}");
        assert!(!refused(text).to_string().contains("s3cret"));
    }
}

#[test]
fn the_tpm_may_be_named() {
    let reference = read("tpm:handle=81000101;cert-nv=1c00002?tcti=swtpm:port=7,host=127.0.0.1");
    assert_eq!(
        reference.to_string(),
        "tpm:handle=0x81000101;cert-nv=0x01c00002?tcti=swtpm:host=127.0.0.1,port=7"
    );
    let path = TctiError::SwtpmPath.into();
    assert_eq!(refused("tpm:handle=81000101?tcti=swtpm:path=/x"), path);
}

fn shown(text: &str) -> String {
    text.parse::<TpmRef>().map_or_else(|error| error.to_string(), |uri| uri.to_string())
}

proptest! {
    #[test]
    fn what_is_printed_is_read_as_the_same(
        key in prop_oneof![
            (0x8100_0000..0x8200_0000_u32).prop_map(TpmKey::Handle),
            "[^\0]{1,20}".prop_map(|path| TpmKey::File(path.into())),
        ],
        certificate in of(0x0100_0000..0x0200_0000_u32),
        device in of("/[^\\x00-\\x1f\u{7f}-\u{9f}]{0,12}"),
    ) {
        let tcti = device.map(|path| Tcti::Device(path.into()));
        let reference = TpmRef { certificate, tcti, ..TpmRef::of(key) };
        let printed = reference.to_string();
        let again: TpmRef = printed.parse().expect("what we print");
        prop_assert_eq!(&again.key, &reference.key);
        prop_assert_eq!((again.certificate, &again.tcti), (reference.certificate, &reference.tcti));
        prop_assert_eq!(again.to_string(), printed);
    }

    /// However badly a PIN is encoded: what it falls into is not shown either. (No message of ours has
    /// four of these digits in a row.)
    #[test]
    fn no_part_of_a_pin_is_shown(
        parts in proptest::collection::vec(("[34679]{4,6}", "(&|;|\\?|%|/|=é|=%|=)"), 1..5),
        head in "(file=[a-z]{1,3}|handle=81000001|)",
    ) {
        let pin: String = parts.iter().flat_map(|(digits, joint)| [&**digits, joint]).collect();
        for text in [
            format!("tpm:{head}?pin-value={pin}"),
            format!("tpm:{head}?tcti=swtpm&pin-value={pin}&vendor=1"),
            format!("tpm:{head}?pin-value={pin}&pin-value={pin}"),
            format!("handle:81000001?pin-value={pin}"),
        ] {
            let shown = shown(&text);
            for (part, _) in &parts {
                prop_assert!(!shown.contains(part), "{}: {}", text, shown);
            }
        }
    }
}
