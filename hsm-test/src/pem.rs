//! PEM, as far as certificate files need it (RFC 7468).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// The DER of every certificate in a text, in its order; what is not a certificate is passed over.
///
/// # Panics
/// On an armour that holds no base64.
pub fn certificates(text: &str) -> Vec<Vec<u8>> {
    text.split(BEGIN)
        .skip(1)
        .map(|part| {
            let body = part.split(END).next().unwrap_or_default();
            let joined: String = body.split_whitespace().collect();
            STANDARD.decode(joined).expect("a PEM certificate holds base64")
        })
        .collect()
}
