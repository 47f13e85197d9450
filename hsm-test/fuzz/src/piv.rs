//! What must hold for references to a key of a card, and for what a card tells of its keys.

use keyanchor::device::piv::key::{self, Key};
use keyanchor::key::piv::PivRef;
use keyanchor::key::uri::PinAttribute;

use super::{PIN, one_certificate, one_key, with_pin};

/// A reference to a key of a card; what comes after a line break follows a PIN.
pub fn piv_reference(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    match text.parse::<PivRef>() {
        Ok(reference) => {
            assert!(text.len() <= 4096, "too long");
            let printed = reference.to_string();
            assert!(printed.bytes().all(|byte| byte.is_ascii_graphic()), "{printed}");
            if let Some(PinAttribute::Source(path)) = &reference.pin {
                assert!(path.is_absolute());
            }
            let again: PivRef = printed.parse().expect("what is shown can be read");
            assert_eq!((again.slot, &again.card), (reference.slot, &reference.card));
            assert_eq!(again.to_string(), printed);
            assert!(again.pin.is_none());
        }
        Err(error) => assert!(error.to_string().len() < 5000),
    }
    let Some(with_pin) = with_pin(text) else { return };
    let shown = match with_pin.parse::<PivRef>() {
        Ok(reference) => reference.to_string(),
        Err(error) => error.to_string(),
    };
    assert!(!shown.contains(PIN), "{shown}");
}

/// The metadata of a key, and the object of a certificate.
pub fn piv_card(data: &[u8]) {
    if let Some(Ok(public)) = Key::from_metadata(data).public {
        one_key(&public);
    }
    match key::certificate(data) {
        Ok(certificate) => one_certificate(&certificate),
        Err(reason) => assert!(reason.len() < 100, "{reason}"),
    }
}
