//! OpenSSL's libcrypto as the judge of what the server is sent: certificates, signatures, hashes.
//!
//! The product verifies with other libraries, so an error there is not repeated here. This module and its `ffi` hold
//! the lab's only unsafe code: every pointer stays inside one function or one `Certificate`, which frees it.

use std::ffi::{CStr, c_char, c_int, c_long, c_uchar};
use std::ptr::{NonNull, null, null_mut};
use std::time::{SystemTime, UNIX_EPOCH};

use ffi::crypto;

mod ffi;

// Constants of OpenSSL's headers: obj_mac.h, rsa.h, x509v3.h.
const NID_COMMON_NAME: c_int = 13;
const NID_RSA: c_int = 6;
const NID_EC: c_int = 408;
const NIDS_OF_WEAK_DIGESTS: [c_int; 4] = [3, 4, 64, 114]; // MD2, MD5, SHA-1, MD5 with SHA-1
const RSA_PKCS1_PSS_PADDING: c_int = 6;
const EXFLAG_CA: u32 = 0x10;
const EXFLAG_KEY_USAGE: u32 = 0x2;
const KEY_USAGE_DIGITAL_SIGNATURE: u32 = 0x80;

/// An X.509 certificate that libcrypto has parsed.
pub struct Certificate {
    x509: NonNull<ffi::X509>,
    der: Vec<u8>,
}

/// The family of a public key, as far as SigV4-X509 tells them apart.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum KeyFamily {
    /// An elliptic curve.
    Ec,
    /// Neither of the others.
    Other,
    /// RSA.
    Rsa,
}

/// How an RSA signature is padded; without meaning for other keys.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Padding {
    /// RSASSA-PKCS1-v1_5.
    Pkcs1,
    /// RSASSA-PSS with any salt length.
    Pss,
}

/// Where a moment lies in a certificate's validity period.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Validity {
    /// After notAfter.
    Expired,
    /// Before notBefore.
    NotYet,
    /// In between.
    Valid,
}

/// A certificate's serial number in the two forms that the service uses.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Serial {
    /// Decimal, as in the credential of a request.
    pub decimal: String,
    /// Lower-case hexadecimal of even length, as in a default session name.
    pub hex: String,
}

impl Certificate {
    /// Parses exactly one DER certificate; `None` for anything else, bytes after it included.
    pub fn from_der(der: &[u8]) -> Option<Self> {
        let length = c_long::try_from(der.len()).ok()?;
        let mut cursor = der.as_ptr();
        // SAFETY: the cursor points at `length` readable bytes, and the result is null or ours to free.
        let x509 = unsafe { (crypto().d2i_X509)(null_mut(), &raw mut cursor, length) };
        forget_errors();
        let certificate = Self { x509: NonNull::new(x509)?, der: der.to_vec() };
        (cursor.addr() - der.as_ptr().addr() == der.len()).then_some(certificate)
    }

    /// The bytes it was parsed from.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The version as people count: 3 for X.509v3.
    pub fn version(&self) -> c_long {
        // SAFETY: the pointer is a live certificate, here and below.
        unsafe { (crypto().X509_get_version)(self.x509.as_ptr()) + 1 }
    }

    /// The serial number.
    pub fn serial(&self) -> Serial {
        let c = crypto();
        // SAFETY: the integer belongs to the certificate, the number and both strings are ours and freed.
        unsafe {
            let number =
                (c.ASN1_INTEGER_to_BN)((c.X509_get_serialNumber)(self.x509.as_ptr()), null_mut());
            let serial = Serial {
                decimal: take_string((c.BN_bn2dec)(number)),
                hex: take_string((c.BN_bn2hex)(number)).to_ascii_lowercase(),
            };
            (c.BN_free)(number);
            serial
        }
    }

    /// Whether the subject has at least one attribute.
    pub fn has_subject(&self) -> bool {
        // SAFETY: the name belongs to the certificate.
        unsafe {
            (crypto().X509_NAME_entry_count)((crypto().X509_get_subject_name)(self.x509.as_ptr()))
                > 0
        }
    }

    /// The first common name of the subject, at most 255 bytes of it.
    pub fn common_name(&self) -> Option<String> {
        let mut text = [0u8; 256];
        // SAFETY: the buffer is as long as we say, and the call ends it with a zero.
        let length = unsafe {
            let name = (crypto().X509_get_subject_name)(self.x509.as_ptr());
            (crypto().X509_NAME_get_text_by_NID)(
                name,
                NID_COMMON_NAME,
                text.as_mut_ptr().cast::<c_char>(),
                256,
            )
        };
        let length = usize::try_from(length).ok()?;
        Some(String::from_utf8_lossy(&text[..length]).into_owned())
    }

    /// Whether the basic constraints say CA.
    pub fn is_ca(&self) -> bool {
        self.extension_flags() & EXFLAG_CA != 0
    }

    /// Whether there is a key usage and it contains digitalSignature.
    pub fn may_sign(&self) -> bool {
        // SAFETY: as above.
        let usage = unsafe { (crypto().X509_get_key_usage)(self.x509.as_ptr()) };
        self.extension_flags() & EXFLAG_KEY_USAGE != 0 && usage & KEY_USAGE_DIGITAL_SIGNATURE != 0
    }

    /// Whether its issuer signed it over MD5 or SHA-1.
    pub fn has_weak_digest(&self) -> bool {
        let mut digest = 0;
        // SAFETY: OpenSSL takes null for the answers that are not wanted.
        let known = unsafe {
            let x509 = self.x509.as_ptr();
            (crypto().X509_get_signature_info)(
                x509,
                &raw mut digest,
                null_mut(),
                null_mut(),
                null_mut(),
            )
        };
        known == 1 && NIDS_OF_WEAK_DIGESTS.contains(&digest)
    }

    /// Whether it is valid at a moment.
    pub fn validity(&self, at: SystemTime) -> Validity {
        let mut seconds = unix_seconds(at);
        let c = crypto();
        // SAFETY: both times belong to the certificate; 0 means unreadable, which is taken as not valid.
        let (start, end) = unsafe {
            let x509 = self.x509.as_ptr();
            (
                (c.X509_cmp_time)((c.X509_get0_notBefore)(x509), &raw mut seconds),
                (c.X509_cmp_time)((c.X509_get0_notAfter)(x509), &raw mut seconds),
            )
        };
        match (start, end) {
            (0.., _) => Validity::NotYet,
            (_, ..=0) => Validity::Expired,
            _ => Validity::Valid,
        }
    }

    /// The family of its public key.
    pub fn key_family(&self) -> KeyFamily {
        // SAFETY: the key belongs to the certificate; null is a key that libcrypto does not know.
        let id = unsafe {
            let key = (crypto().X509_get0_pubkey)(self.x509.as_ptr());
            if key.is_null() { 0 } else { (crypto().EVP_PKEY_get_base_id)(key) }
        };
        match id {
            NID_EC => KeyFamily::Ec,
            NID_RSA => KeyFamily::Rsa,
            _ => KeyFamily::Other,
        }
    }

    /// The size of its public key in bits, 0 where libcrypto does not know the key.
    pub fn key_bits(&self) -> usize {
        // SAFETY: as for `key_family`.
        let bits = unsafe {
            let key = (crypto().X509_get0_pubkey)(self.x509.as_ptr());
            if key.is_null() { 0 } else { (crypto().EVP_PKEY_get_bits)(key) }
        };
        usize::try_from(bits).unwrap_or(0)
    }

    /// Whether this is a signature by the certificate's key over the SHA-256 of a message; ECDSA in DER.
    pub fn verifies(&self, padding: Padding, message: &[u8], signature: &[u8]) -> bool {
        let c = crypto();
        let mut key_context = null_mut();
        // SAFETY: the context is ours and freed, it owns the key context, and both slices outlive the calls.
        let verdict = unsafe {
            let key = (c.X509_get0_pubkey)(self.x509.as_ptr());
            let context = (c.EVP_MD_CTX_new)();
            let verdict = !key.is_null()
                && (c.EVP_DigestVerifyInit)(
                    context,
                    &raw mut key_context,
                    (c.EVP_sha256)(),
                    null_mut(),
                    key,
                ) == 1
                && (padding == Padding::Pkcs1
                    || (c.EVP_PKEY_CTX_set_rsa_padding)(key_context, RSA_PKCS1_PSS_PADDING) == 1)
                && (c.EVP_DigestVerify)(
                    context,
                    signature.as_ptr(),
                    signature.len(),
                    message.as_ptr(),
                    message.len(),
                ) == 1;
            (c.EVP_MD_CTX_free)(context);
            verdict
        };
        forget_errors();
        verdict
    }

    /// Whether a path leads from this certificate over `untrusted` ones to the self-signed anchor, all of them valid
    /// at that moment. An error is OpenSSL's sentence.
    pub fn chains_to(
        &self,
        anchor: &Certificate,
        untrusted: &[Certificate],
        at: SystemTime,
    ) -> Result<(), String> {
        let c = crypto();
        // SAFETY: store, context and stack are ours and freed; freeing the stack leaves its certificates alone, and
        // the store counts a reference of its own.
        unsafe {
            let store = (c.X509_STORE_new)();
            (c.X509_STORE_add_cert)(store, anchor.x509.as_ptr());
            let stack = (c.OPENSSL_sk_new_null)();
            for certificate in untrusted {
                (c.OPENSSL_sk_push)(stack, certificate.x509.as_ptr().cast());
            }
            let context = (c.X509_STORE_CTX_new)();
            (c.X509_STORE_CTX_init)(context, store, self.x509.as_ptr(), stack);
            (c.X509_STORE_CTX_set_time)(context, 0, unix_seconds(at));
            let outcome = match (c.X509_verify_cert)(context) {
                1 => Ok(()),
                _ => Err(chain_error(context)),
            };
            (c.X509_STORE_CTX_free)(context);
            (c.OPENSSL_sk_free)(stack);
            (c.X509_STORE_free)(store);
            forget_errors();
            outcome
        }
    }

    fn extension_flags(&self) -> u32 {
        // SAFETY: as above.
        unsafe { (crypto().X509_get_extension_flags)(self.x509.as_ptr()) }
    }
}

impl Drop for Certificate {
    fn drop(&mut self) {
        // SAFETY: nobody else frees it.
        unsafe { (crypto().X509_free)(self.x509.as_ptr()) }
    }
}

/// SHA-256.
pub fn sha256(data: &[u8]) -> [u8; 32] {
    let mut digest = [0; 32];
    // SAFETY: the answer is 32 bytes long.
    let done = unsafe {
        let md = (crypto().EVP_sha256)();
        (crypto().EVP_Digest)(
            data.as_ptr().cast(),
            data.len(),
            digest.as_mut_ptr(),
            null_mut(),
            md,
            null_mut(),
        )
    };
    assert_eq!(done, 1, "libcrypto has SHA-256");
    digest
}

/// HMAC with SHA-256.
pub fn hmac_sha256(key: &[u8], data: &[u8]) -> [u8; 32] {
    let mut code = [0; 32];
    let length = c_int::try_from(key.len()).expect("a key fits into a C int");
    // SAFETY: the answer is 32 bytes long.
    let done = unsafe {
        let md = (crypto().EVP_sha256)();
        let key = key.as_ptr().cast();
        (crypto().HMAC)(md, key, length, data.as_ptr(), data.len(), code.as_mut_ptr(), null_mut())
    };
    assert!(!done.is_null(), "libcrypto has HMAC");
    code
}

/// Random bytes.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes: [c_uchar; N] = [0; N];
    let length = c_int::try_from(N).expect("the length fits into a C int");
    // SAFETY: the buffer is as long as we say.
    let done = unsafe { (crypto().RAND_bytes)(bytes.as_mut_ptr(), length) };
    assert_eq!(done, 1, "libcrypto has entropy");
    bytes
}

/// Bytes as lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What `X509_verify_cert` found wrong.
///
/// # Safety
/// The context is live.
unsafe fn chain_error(context: *const ffi::X509StoreCtx) -> String {
    // SAFETY: the sentence is a constant of the library.
    unsafe {
        let code = (crypto().X509_STORE_CTX_get_error)(context);
        CStr::from_ptr((crypto().X509_verify_cert_error_string)(c_long::from(code)))
            .to_string_lossy()
            .into_owned()
    }
}

/// Copies and frees a string that libcrypto allocated.
///
/// # Safety
/// The pointer is such a string.
unsafe fn take_string(text: *mut c_char) -> String {
    // SAFETY: the caller's promise.
    unsafe {
        let copy = CStr::from_ptr(text).to_string_lossy().into_owned();
        (crypto().CRYPTO_free)(text.cast(), null(), 0);
        copy
    }
}

/// Failed calls leave entries in a queue of the thread, where a later call would trip over them.
fn forget_errors() {
    // SAFETY: no precondition.
    unsafe { (crypto().ERR_clear_error)() }
}

fn unix_seconds(at: SystemTime) -> i64 {
    let since = at.duration_since(UNIX_EPOCH).expect("the lab's clock is after 1970");
    i64::try_from(since.as_secs()).expect("the lab's clock fits into 64 bits")
}
