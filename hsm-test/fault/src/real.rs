//! The real module, loaded when the first call is passed on.

use std::ptr;
use std::sync::OnceLock;

use cryptoki_sys::{CK_FUNCTION_LIST, CKR_OK};
use libloading::{Library, Symbol};

use crate::{place, wrong};

type GetFunctionList = unsafe extern "C" fn(*mut *const CK_FUNCTION_LIST) -> cryptoki_sys::CK_RV;

/// Its function list.
pub(crate) fn module() -> &'static CK_FUNCTION_LIST {
    static MODULE: OnceLock<&'static CK_FUNCTION_LIST> = OnceLock::new();
    MODULE.get_or_init(load)
}

fn load() -> &'static CK_FUNCTION_LIST {
    let path = place::of("P11_FAULT_MODULE", "real");
    // SAFETY: a PKCS#11 module, whose initialisers may run in any process; it is never unloaded, so that the list
    // that it gives out lives as long as the process.
    unsafe {
        let library = Box::leak(Box::new(Library::new(path).unwrap_or_else(unusable)));
        let give: Symbol<'_, GetFunctionList> =
            library.get(b"C_GetFunctionList\0").unwrap_or_else(unusable);
        let mut list = ptr::null();
        match (give(&raw mut list), list.as_ref()) {
            (CKR_OK, Some(list)) => list,
            (returned, _) => wrong(&format!("the real C_GetFunctionList returned {returned:#x}")),
        }
    }
}

fn unusable<T>(error: libloading::Error) -> T {
    wrong(&error.to_string())
}
