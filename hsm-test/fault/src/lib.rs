//! A PKCS#11 module that passes everything to a real one, and fails where a script says so.
//!
//! `P11_FAULT_MODULE` names the real module, `P11_FAULT_SCRIPT` the script (see `script`), and `P11_FAULT_LOG` a
//! file to which the name of each function is written before it is called: what was called is known after a crash
//! too, and calls are counted on over processes that run one after the other. Without these variables, the files
//! beside this library count that have its name and the extensions `real`, `script` and `log`: so several copies of it
//! can be in one program, each with a script of its own.
//!
//! Only C_GetFunctionList is exported: with no list of PKCS#11 3.x to be had, all calls come through this one.

use std::ptr;
use std::sync::OnceLock;

use cryptoki_sys::{CK_FUNCTION_LIST, CK_FUNCTION_LIST_PTR, CK_FUNCTION_LIST_PTR_PTR, CK_RV};

mod attempt;
mod fault;
mod lies;
mod log;
mod place;
mod real;
mod script;
mod table;

use fault::Subject;
use script::Script;

/// The name that the end of the process, or the unloading of this library, has in a script.
const UNLOAD: &str = "unload";

/// Gives out the wrappers.
///
/// # Safety
/// `list` points to a place for one pointer, as PKCS#11 says.
#[unsafe(no_mangle)]
#[allow(non_snake_case, reason = "the name is the standard's")]
pub unsafe extern "C" fn C_GetFunctionList(list: CK_FUNCTION_LIST_PTR_PTR) -> CK_RV {
    static LIST: OnceLock<CK_FUNCTION_LIST> = OnceLock::new();
    let give = || {
        let ours = LIST.get_or_init(|| table::list(|function| script().leaves_out(function)));
        let ours: CK_FUNCTION_LIST_PTR = ptr::from_ref(ours).cast_mut();
        // SAFETY: the caller's promise.
        unsafe { *list = ours };
        cryptoki_sys::CKR_OK
    };
    fault::run("C_GetFunctionList", Subject::Library, &give, &|lie, _| lies::unfit(lie))
}

/// The script, read once.
fn script() -> &'static Script {
    static SCRIPT: OnceLock<Script> = OnceLock::new();
    SCRIPT.get_or_init(Script::of_environment)
}

/// Run by the loader at the end: some real modules wait there for a call that hangs.
#[used]
#[unsafe(link_section = ".fini_array")]
static AT_UNLOAD: extern "C" fn() = {
    extern "C" fn at_unload() {
        if log::is_open() {
            fault::run(UNLOAD, Subject::Library, &|| 0, &|lie, _| lies::unfit(lie));
        }
    }
    at_unload
};

/// A script or an environment that makes no sense: said loudly, since a fault that silently does not happen makes a
/// test pass.
fn wrong(what: &str) -> ! {
    let line = format!("p11-fault: {what}");
    log::write(&line);
    eprintln!("{line}");
    std::process::abort()
}
