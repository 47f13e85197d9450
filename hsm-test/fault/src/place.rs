//! Where the files are that this module goes by: those of the environment, else those beside it.

use std::ffi::{CStr, OsStr, c_char, c_int, c_void};
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use crate::wrong;

/// Dl_info of dlfcn.h.
#[repr(C)]
struct Information {
    file: *const c_char,
    base: *mut c_void,
    name: *const c_char,
    address: *mut c_void,
}

unsafe extern "C" {
    fn dladdr(address: *const c_void, information: *mut Information) -> c_int;
}

/// What the variable names, else the file beside this library with that extension.
pub(crate) fn of(variable: &str, extension: &str) -> PathBuf {
    let named = std::env::var_os(variable).map(PathBuf::from);
    named.unwrap_or_else(|| library().with_extension(extension))
}

/// The path of this library.
fn library() -> PathBuf {
    let mut information = MaybeUninit::<Information>::uninit();
    let inside = library as *const () as *const c_void;
    // SAFETY: dladdr writes one Dl_info and says whether it did; its name is a string of the loader's, which lives as
    // long as this library is loaded.
    let name = unsafe {
        if dladdr(inside, information.as_mut_ptr()) == 0 {
            wrong("the loader does not know this library");
        }
        CStr::from_ptr(information.assume_init().file)
    };
    Path::new(OsStr::from_bytes(name.to_bytes())).into()
}
