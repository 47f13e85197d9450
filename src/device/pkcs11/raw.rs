//! Single-part C_Sign, which cryptoki does not have: its `sign` calls C_Sign twice, once for the
//! length, and some tokens ask for a touch each time. A context-specific login, too, must stand
//! between C_SignInit and C_Sign. And a text for C_Initialize, which is a pointer without a type.
//! This is the only unsafe code of the PKCS#11 host.

#![expect(unsafe_code, reason = "hands pointers to the module, and calls one function by its list")]

use std::ffi::CStr;
use std::path::Path;
use std::ptr::{self, NonNull};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, Rv};
use cryptoki_sys::{CK_FUNCTION_LIST_PTR, CK_RV, CK_SESSION_HANDLE, CK_ULONG, CKR_OK};

/// Longest signature that is taken, in bytes; that of ML-DSA-87 is 4627.
const LONGEST: usize = 8192;

/// The module once more: the same library, already initialised through cryptoki.
pub(super) struct Raw {
    /// Never read, but it keeps the library that `functions` points into.
    _library: cryptoki_sys::Pkcs11,
    functions: CK_FUNCTION_LIST_PTR,
}

/// A return value that is not CKR_OK, or a function that the module does not have.
pub(super) enum RawError {
    Missing,
    Returned(Rv),
}

impl Raw {
    /// Looks up the function list of a module that has been loaded from the same path.
    pub(super) fn of(module: &Path) -> Result<Self, RawError> {
        // SAFETY: the loader returns the library that cryptoki loaded, whose initialisers have
        // run; C_GetFunctionList writes one pointer into the place that it is given.
        unsafe {
            let library = cryptoki_sys::Pkcs11::new(module).map_err(|_| RawError::Missing)?;
            let mut functions = ptr::null_mut();
            check(library.C_GetFunctionList(&raw mut functions))?;
            if functions.is_null() {
                return Err(RawError::Missing);
            }
            Ok(Self { _library: library, functions })
        }
    }

    /// C_Sign, once, into a buffer that is long enough for every mechanism we use.
    pub(super) fn sign(
        &self,
        session: CK_SESSION_HANDLE,
        input: &[u8],
    ) -> Result<Vec<u8>, RawError> {
        let mut input = input.to_vec();
        let mut output = vec![0; LONGEST];
        let mut length = LONGEST as CK_ULONG;
        // SAFETY: `functions` points to the list of a library that `self` keeps loaded; both
        // buffers outlive the call, and their lengths are those that are passed.
        let returned = unsafe {
            let sign = (*self.functions).C_Sign.ok_or(RawError::Missing)?;
            sign(
                session,
                input.as_mut_ptr(),
                input.len() as CK_ULONG,
                output.as_mut_ptr(),
                &raw mut length,
            )
        };
        check(returned)?;
        // A module that reports more than the buffer holds is not believed.
        output.truncate(usize::try_from(length).unwrap_or(0).min(LONGEST));
        Ok(output)
    }
}

/// C_Initialize, with a text in pReserved for a module that wants one; it must stay where it is
/// for as long as the module is in use.
pub(super) fn initialize(
    context: &Pkcs11,
    flags: CInitializeFlags,
    text: Option<&CStr>,
) -> Result<(), Error> {
    let arguments = match text.map(NonNull::from) {
        None => CInitializeArgs::new(flags),
        // SAFETY: the pointer is to a text that ends with NUL, which is what those modules read
        // that take pReserved at all; others refuse it unread.
        Some(text) => unsafe { CInitializeArgs::new_with_reserved(flags, text.cast()) },
    };
    context.initialize(arguments)
}

fn check(returned: CK_RV) -> Result<(), RawError> {
    if returned == CKR_OK { Ok(()) } else { Err(RawError::Returned(Rv::from(returned))) }
}
