//! What holds for every URI, and not only for those that somebody thought of.

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;

use super::*;

/// Text as a token may hold it: anything but NUL.
fn text() -> impl Strategy<Value = Option<String>> {
    of("[^\0]{0,12}")
}

prop_compose! {
    fn token()(
        [token, manufacturer, serial, model, slot_description, slot_manufacturer] in
            [text(), text(), text(), text(), text(), text()],
        [library_manufacturer, library_description] in [text(), text()],
        slot_id in of(any::<u64>()),
        library_version in of(any::<(u8, u8)>()),
    ) -> TokenFilter {
        TokenFilter {
            token, manufacturer, serial, model, slot_description, slot_manufacturer, slot_id,
            library_manufacturer, library_description, library_version,
        }
    }
}

prop_compose! {
    fn object()(label in text(), id in of(vec(any::<u8>(), 0..40)), class in of(0..5_usize))
        -> ObjectFilter
    {
        use ObjectClass::{Cert, Data, Private, Public, SecretKey};
        let class = class.map(|class| [Cert, Data, Private, Public, SecretKey][class]);
        ObjectFilter { label, id, class }
    }
}

/// What a person is shown of it, good or not.
fn shown(uri: &str) -> String {
    uri.parse::<Pkcs11Uri>().map_or_else(|error| error.to_string(), |uri| uri.to_string())
}

proptest! {
    #[test]
    fn what_is_printed_is_read_as_the_same(token in token(), object in object()) {
        let printed = pasteable(&token, &object);
        let parsed: Pkcs11Uri = printed.parse().expect("what we print");
        prop_assert_eq!((&parsed.token, &parsed.object), (&token, &object));
        prop_assert_eq!(parsed.to_string(), printed);
        prop_assert!(parsed.pin.is_none());
    }

    #[test]
    fn an_id_is_any_bytes_in_either_case(id in vec(any::<u8>(), 0..100), upper in any::<bool>()) {
        let hex = |byte: &u8| if upper { format!("%{byte:02X}") } else { format!("%{byte:02x}") };
        let uri = format!("pkcs11:id={}", id.iter().map(hex).collect::<String>());
        let parsed: Pkcs11Uri = uri.parse().expect("an id");
        prop_assert_eq!(parsed.object.id, Some(id));
        prop_assert_eq!(shown(&uri).to_uppercase(), uri.to_uppercase());
    }

    #[test]
    fn any_text_is_read_or_refused(text in ".*", tail in "[ -~]{0,300}") {
        let _ = text.parse::<Pkcs11Uri>();
        let printed = shown(&format!("pkcs11:{tail}"));
        prop_assert!(printed.len() <= 3 * tail.len() + 200);
    }

    /// However badly a PIN is encoded: what it falls into is not shown either. (No message of ours has
    /// four of these digits in a row.)
    #[test]
    fn no_part_of_a_pin_is_shown(
        parts in vec(("[34689]{4,6}", "(&|;|\\?|%|/|=é|=%|=)"), 1..5),
        head in "(token=[a-z]{0,3};?)?",
    ) {
        let pin: String = parts.iter().flat_map(|(digits, joint)| [&**digits, joint]).collect();
        for uri in [
            format!("pkcs11:{head}?pin-value={pin}"),
            format!("pkcs11:{head}?module-name=m&pin-value={pin}&vendor=1"),
            format!("pkcs11:?pin-value={pin}&pin-value={pin}"),
        ] {
            let shown = shown(&uri);
            for (part, _) in &parts {
                prop_assert!(!shown.contains(part), "{}: {}", uri, shown);
            }
        }
    }

    #[test]
    fn a_pin_that_is_well_encoded_is_what_it_was(pin in "[^\0]{1,20}") {
        let uri = format!("pkcs11:?pin-value={}", attribute::encode(pin.as_bytes()));
        let parsed: Pkcs11Uri = uri.parse().expect("a PIN");
        let Some(PinAttribute::Value(secret)) = parsed.pin else { panic!("no PIN") };
        prop_assert_eq!(secret.expose(), pin);
    }
}
