//! What must hold for references to a TPM's key, and for the files of such keys.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keyanchor::key::tpm::{PERSISTENT, TpmKey, TpmPublic, TpmRef};
use keyanchor::key::tss2::{Parent, Tss2Key, is_tss2};
use keyanchor::key::uri::PinAttribute;
use keyanchor::signer::Error as SignerError;

use super::people::told;
use super::{PIN, one_key, with_pin};

/// A reference to a TPM's key; what comes after a line break follows a PIN.
pub fn tpm_reference(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let shown = |text: &str| match text.parse::<TpmRef>() {
        Ok(reference) => reference.to_string(),
        Err(error) => error.to_string(),
    };
    match text.parse::<TpmRef>() {
        Ok(reference) => {
            assert!(text.len() <= 4096, "too long");
            let printed = reference.to_string();
            assert!(printed.bytes().all(|byte| byte.is_ascii_graphic()), "{printed}");
            if let TpmKey::Handle(handle) = reference.key {
                assert!(PERSISTENT.contains(&handle), "{printed}");
            }
            assert!(reference.certificate.is_none_or(|index| index >> 24 == 1), "{printed}");
            assert!(reference.parent_pin.is_none_or(|path| path.is_absolute()));
            if let Some(PinAttribute::Source(path)) = &reference.pin {
                assert!(path.is_absolute());
            }
            // Encoded, it may be too long to be read again.
            if printed.len() <= 4096 {
                let again: TpmRef = printed.parse().expect("what is shown can be read");
                assert_eq!(again.key, reference.key);
                assert_eq!(
                    (again.certificate, &again.tcti),
                    (reference.certificate, &reference.tcti)
                );
                assert_eq!(again.to_string(), printed);
                assert!(again.pin.is_none() && again.parent_pin.is_none());
            }
        }
        Err(error) => assert!(error.to_string().len() < 5000),
    }
    let Some(with_pin) = with_pin(text) else { return };
    let shown = shown(&with_pin);
    assert!(!shown.contains(PIN), "{shown}");
}

/// The file of a TPM's key, in PEM or DER; each as the public area of one as well.
pub fn tss2(data: &[u8]) {
    if let Ok(public) = TpmPublic::parse(data) {
        one_key(&public.key);
    }
    let found = Tss2Key::from_file(data);
    let key = match found {
        Ok(key) => key,
        Err(source) => {
            let path = "/key.pem".into();
            return told(SignerError::TpmKeyFile { path, source });
        }
    };
    assert!(is_tss2(data), "it is read, and is none");
    assert!(key.public.len() + key.private.len() < data.len(), "longer than what came");
    if let Parent::Persistent(handle) = key.parent {
        assert!(PERSISTENT.contains(&handle), "{handle:#x}");
    }
    one_key(&key.half().key);
    assert_eq!(TpmPublic::parse(&key.public).as_ref(), Ok(key.half()));
    if data.first() == Some(&0x30) {
        let base64 = STANDARD.encode(data);
        let kind = "TSS2 PRIVATE KEY";
        let pem = format!("text\n-----BEGIN {kind}-----\n{base64}\n-----END {kind}-----\ntext\n");
        assert_eq!(Tss2Key::from_file(pem.as_bytes()), Ok(key));
        assert!(Tss2Key::from_file(&[data, &[0]].concat()).is_err(), "a byte too many");
    }
}
