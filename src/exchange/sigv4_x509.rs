//! SigV4-X509: AWS Signature Version 4 where the private key of a certificate signs, and the
//! certificate's serial number stands for the access key (Roles Anywhere User Guide, "Signing
//! process").

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::certificate::Certificate;
use crate::key::public_key::Scheme;

/// A request before it is signed. What is sent must be exactly this.
pub struct Request<'a> {
    /// Such as `POST`.
    pub method: &'a str,
    /// The path as it is sent.
    pub path: &'a str,
    /// Names and values of the query, not yet encoded.
    pub query: &'a [(&'a str, &'a str)],
    /// All headers that are signed: lower-case names, and their values.
    pub headers: &'a [(&'a str, String)],
    /// The exact body.
    pub body: &'a [u8],
}

/// Who signs when and for what.
pub struct Scope<'a> {
    /// The moment of the signature.
    pub time: Timestamp,
    /// The region of the endpoint.
    pub region: &'a str,
    /// The service's signing name.
    pub service: &'a str,
    /// How the key signs.
    pub scheme: Scheme,
}

/// A request in canonical form: what is hashed, and which headers it covers.
pub struct Canonical {
    /// The whole text.
    pub text: String,
    /// The names of the signed headers, joined with `;`.
    pub signed_headers: String,
}

impl Request<'_> {
    /// The canonical request.
    #[must_use]
    pub fn canonical(&self) -> Canonical {
        let mut headers: Vec<_> = self.headers.iter().collect();
        headers.sort_by_key(|(name, _)| *name);
        let names: Vec<_> = headers.iter().map(|(name, _)| *name).collect();
        let signed_headers = names.join(";");
        let lines: String =
            headers.iter().map(|(name, value)| format!("{name}:{}\n", collapsed(value))).collect();
        let query = canonical_query(self.query);
        let Self { method, path, body, .. } = self;
        let hash = hex(&Sha256::digest(body));
        let text = format!("{method}\n{path}\n{query}\n{lines}\n{signed_headers}\n{hash}");
        Canonical { text, signed_headers }
    }
}

/// The query as it is signed and sent: encoded, and sorted by name, then value.
#[must_use]
pub fn canonical_query(query: &[(&str, &str)]) -> String {
    let mut pairs: Vec<_> =
        query.iter().map(|(name, value)| (encode(name), encode(value))).collect();
    pairs.sort();
    let pairs: Vec<_> = pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

/// Percent-encodes all but RFC 3986's unreserved characters, the slash included.
fn encode(text: &str) -> String {
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    text.bytes()
        .map(|b| if unreserved(b) { char::from(b).into() } else { format!("%{b:02X}") })
        .collect()
}

/// Without spaces around it, and with single ones inside.
fn collapsed(value: &str) -> String {
    value.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

impl Scope<'_> {
    /// What the key signs: four lines, without a line break at the end.
    #[must_use]
    pub fn string_to_sign(&self, canonical: &Canonical) -> String {
        let hash = hex(&Sha256::digest(canonical.text.as_bytes()));
        format!("{}\n{}\n{}\n{hash}", self.algorithm(), amz_date(self.time), self.text())
    }

    /// The Authorization header.
    #[must_use]
    pub fn authorization(
        &self,
        leaf: &Certificate,
        canonical: &Canonical,
        signature: &[u8],
    ) -> String {
        format!(
            "{} Credential={}/{}, SignedHeaders={}, Signature={}",
            self.algorithm(),
            decimal(leaf.serial()),
            self.text(),
            canonical.signed_headers,
            hex(signature)
        )
    }

    fn text(&self) -> String {
        let day = self.time.strftime("%Y%m%d");
        format!("{day}/{}/{}/aws4_request", self.region, self.service)
    }

    fn algorithm(&self) -> &'static str {
        match self.scheme {
            Scheme::EcdsaSha256 => "AWS4-X509-ECDSA-SHA256",
            Scheme::RsaPkcs1Sha256 => "AWS4-X509-RSA-SHA256",
        }
    }
}

/// The value of X-Amz-Date.
#[must_use]
pub fn amz_date(time: Timestamp) -> String {
    time.strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// The value of X-Amz-X509, and one element of X-Amz-X509-Chain: base64 of the DER, on one line.
#[must_use]
pub fn header_value(certificate: &Certificate) -> String {
    STANDARD.encode(certificate.der())
}

/// An unsigned big-endian number in decimal, of any length: hexadecimal is refused.
fn decimal(bytes: &[u8]) -> String {
    let mut digits = vec![0_u8];
    for byte in bytes {
        let mut carry = u32::from(*byte);
        for digit in &mut digits {
            carry += u32::from(*digit) << 8;
            *digit = u8::try_from(carry % 10).unwrap_or_default();
            carry /= 10;
        }
        while carry > 0 {
            digits.push(u8::try_from(carry % 10).unwrap_or_default());
            carry /= 10;
        }
    }
    digits.iter().rev().map(|digit| char::from(b'0' + digit)).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn serials_are_decimal_at_any_length() {
        assert_eq!(decimal(&[0, 0xf1, 2, 3, 4, 5, 6, 7, 8, 9]), "4445810285796630398985");
        assert_eq!(
            decimal(&[0x0a, 0x1b, 0x2c, 0x3d, 0x4e, 0x5f, 0x60, 0x71, 0x82, 0x93]),
            "47724914708969405121171"
        );
        assert_eq!(decimal(&[0]), "0");
        assert_eq!(decimal(&[0xff; 20]), "1461501637330902918203684832716283019655932542975");
    }

    #[test]
    fn a_query_is_encoded_and_sorted() {
        let query = [("b", "x y"), ("a", "arn:aws:iam::1:role/R"), ("a", "+")];
        assert_eq!(canonical_query(&query), "a=%2B&a=arn%3Aaws%3Aiam%3A%3A1%3Arole%2FR&b=x%20y");
    }

    #[test]
    fn header_values_are_collapsed() {
        assert_eq!(collapsed("  a   b c "), "a b c");
    }

    /// Another way to decimal: long division by ten.
    fn divided(mut number: Vec<u8>) -> String {
        let mut digits = Vec::new();
        while number.iter().any(|byte| *byte != 0) || digits.is_empty() {
            let mut rest = 0_u32;
            for byte in &mut number {
                let part = rest << 8 | u32::from(*byte);
                (*byte, rest) = ((part / 10) as u8, part % 10);
            }
            digits.push(char::from(b'0' + rest as u8));
        }
        digits.iter().rev().collect()
    }

    /// What a query says, as the library for URLs understands it.
    fn said(query: &str) -> Vec<(String, String)> {
        let url = reqwest::Url::parse(&format!("https://a.example/?{query}")).expect("URL");
        let pairs = url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned()));
        pairs.collect()
    }

    proptest! {
        #[test]
        fn a_serial_of_any_length_is_what_long_division_says(serial in vec(any::<u8>(), 0..40)) {
            let text = decimal(&serial);
            if serial.len() <= 16 {
                let number = serial.iter().fold(0_u128, |all, byte| all << 8 | u128::from(*byte));
                prop_assert_eq!(&text, &number.to_string());
            }
            prop_assert_eq!(text, divided(serial));
        }

        #[test]
        fn a_query_is_sorted_and_says_what_it_said(pairs in vec((".{0,8}", ".{0,8}"), 0..6)) {
            let query: Vec<_> = pairs.iter().map(|(name, value)| (&**name, &**value)).collect();
            let text = canonical_query(&query);
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~%=&".contains(&byte);
            prop_assert!(text.bytes().all(plain), "{}", text);
            let written: Vec<_> = text.split('&').filter_map(|pair| pair.split_once('=')).collect();
            prop_assert!(written.is_sorted(), "{}", text);
            let (mut said, mut asked) = (said(&text), pairs);
            said.sort();
            asked.sort();
            prop_assert_eq!(said, asked);
        }

        #[test]
        fn a_value_is_collapsed_once(value in "[ a]{0,20}") {
            let once = collapsed(&value);
            prop_assert!(once.trim() == once && !once.contains("  "), "{:?}", once);
            prop_assert_eq!(once.replace(' ', ""), value.replace(' ', ""));
            prop_assert_eq!(collapsed(&once), once);
        }
    }
}
