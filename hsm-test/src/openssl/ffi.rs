//! The functions of libcrypto that the judge needs, looked up by name when they are first used.
//!
//! Each line is the prototype of OpenSSL 3.0's manual page of that name.
#![expect(non_snake_case, reason = "the names are OpenSSL's")]

use std::ffi::{c_char, c_int, c_long, c_uchar, c_uint, c_ulong, c_void};
use std::sync::OnceLock;

use libloading::Library;

/// What libcrypto hands out by pointer and nobody else looks into.
macro_rules! opaque {
    ($($name:ident)*) => {
        $(#[repr(C)] pub(super) struct $name([u8; 0]);)*
    };
}

opaque! { Asn1Integer Asn1Time BigNum EvpMd EvpMdCtx EvpPkey EvpPkeyCtx Stack X509 X509Name X509Store X509StoreCtx }

/// A table of functions, and how to fill it.
macro_rules! functions {
    ($($name:ident($($argument:ty),*) $(-> $result:ty)?;)*) => {
        /// The loaded library.
        pub(super) struct Functions {
            $(pub(super) $name: unsafe extern "C" fn($($argument),*) $(-> $result)?,)*
            _library: Library,
        }

        impl Functions {
            fn load() -> Result<Self, libloading::Error> {
                // SAFETY: libcrypto's initialisation has no precondition, the prototypes are those of its headers,
                // and the library stays loaded as long as the table that points into it.
                unsafe {
                    let library = Library::new("libcrypto.so.3")?;
                    Ok(Self {
                        $($name: *library.get(concat!(stringify!($name), "\0").as_bytes())?,)*
                        _library: library,
                    })
                }
            }
        }
    };
}

functions! {
    ASN1_INTEGER_to_BN(*const Asn1Integer, *mut BigNum) -> *mut BigNum;
    BN_bn2dec(*const BigNum) -> *mut c_char;
    BN_bn2hex(*const BigNum) -> *mut c_char;
    BN_free(*mut BigNum);
    CRYPTO_free(*mut c_void, *const c_char, c_int);
    ERR_clear_error();
    EVP_Digest(*const c_void, usize, *mut c_uchar, *mut c_uint, *const EvpMd, *mut c_void) -> c_int;
    EVP_DigestVerify(*mut EvpMdCtx, *const c_uchar, usize, *const c_uchar, usize) -> c_int;
    EVP_DigestVerifyInit(*mut EvpMdCtx, *mut *mut EvpPkeyCtx, *const EvpMd, *mut c_void, *mut EvpPkey) -> c_int;
    EVP_MD_CTX_free(*mut EvpMdCtx);
    EVP_MD_CTX_new() -> *mut EvpMdCtx;
    EVP_PKEY_CTX_set_rsa_padding(*mut EvpPkeyCtx, c_int) -> c_int;
    EVP_PKEY_get_base_id(*const EvpPkey) -> c_int;
    EVP_PKEY_get_bits(*const EvpPkey) -> c_int;
    EVP_sha256() -> *const EvpMd;
    HMAC(*const EvpMd, *const c_void, c_int, *const c_uchar, usize, *mut c_uchar, *mut c_uint) -> *mut c_uchar;
    OPENSSL_sk_free(*mut Stack);
    OPENSSL_sk_new_null() -> *mut Stack;
    OPENSSL_sk_push(*mut Stack, *const c_void) -> c_int;
    RAND_bytes(*mut c_uchar, c_int) -> c_int;
    X509_NAME_entry_count(*const X509Name) -> c_int;
    X509_NAME_get_text_by_NID(*mut X509Name, c_int, *mut c_char, c_int) -> c_int;
    X509_STORE_CTX_free(*mut X509StoreCtx);
    X509_STORE_CTX_get_error(*const X509StoreCtx) -> c_int;
    X509_STORE_CTX_init(*mut X509StoreCtx, *mut X509Store, *mut X509, *mut Stack) -> c_int;
    X509_STORE_CTX_new() -> *mut X509StoreCtx;
    X509_STORE_CTX_set_time(*mut X509StoreCtx, c_ulong, i64);
    X509_STORE_add_cert(*mut X509Store, *mut X509) -> c_int;
    X509_STORE_free(*mut X509Store);
    X509_STORE_new() -> *mut X509Store;
    X509_cmp_time(*const Asn1Time, *mut i64) -> c_int;
    X509_free(*mut X509);
    X509_get0_notAfter(*const X509) -> *const Asn1Time;
    X509_get0_notBefore(*const X509) -> *const Asn1Time;
    X509_get0_pubkey(*const X509) -> *mut EvpPkey;
    X509_get_extension_flags(*mut X509) -> u32;
    X509_get_key_usage(*mut X509) -> u32;
    X509_get_serialNumber(*mut X509) -> *mut Asn1Integer;
    X509_get_signature_info(*mut X509, *mut c_int, *mut c_int, *mut c_int, *mut u32) -> c_int;
    X509_get_subject_name(*const X509) -> *mut X509Name;
    X509_get_version(*const X509) -> c_long;
    X509_verify_cert(*mut X509StoreCtx) -> c_int;
    X509_verify_cert_error_string(c_long) -> *const c_char;
    d2i_X509(*mut *mut X509, *mut *const c_uchar, c_long) -> *mut X509;
}

/// The library, loaded once a process.
pub(super) fn crypto() -> &'static Functions {
    static FUNCTIONS: OnceLock<Functions> = OnceLock::new();
    FUNCTIONS.get_or_init(|| {
        Functions::load()
            .unwrap_or_else(|error| panic!("the lab needs OpenSSL 3's libcrypto.so.3: {error}"))
    })
}
