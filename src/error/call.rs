//! What is told when a PKCS#11 function or a TPM command answers with an error: the next step, by
//! return value.

use crate::error::Class;
use crate::wire::tpm::response_code;

pub(super) const UNBLOCK: &str =
    "unblock it with the PUK or the security officer's PIN, in the token's own tool";

/// A few return values are about a person's right to use the key, the others about the token.
pub(super) fn class(code: &str) -> Class {
    if ["TPM_RC_AUTH_FAIL", "TPM_RC_BAD_AUTH"].iter().any(|name| code.starts_with(name)) {
        return Class::Pin;
    }
    match code {
        "CKR_FUNCTION_CANCELED"
        | "CKR_FUNCTION_REJECTED"
        | "CKR_PIN_EXPIRED"
        | "CKR_PIN_LOCKED"
        | "CKR_USER_PIN_NOT_INITIALIZED" => Class::Pin,
        _ => Class::Local,
    }
}

/// What to do next.
pub(super) fn hint(function: &str, code: &str) -> String {
    if function.starts_with("TPM2_") {
        return response_code::hint(code).to_owned();
    }
    let hint = match code {
        "CKR_ARGUMENTS_BAD" if function == "C_Initialize" => {
            "some modules, such as NSS, want a text in --pkcs11-init-args, and others take none"
        }
        // NSS's own codes for a database that it cannot open.
        "0xce534351" | "0xce534352" => "correct the configdir in --pkcs11-init-args",
        "CKR_CRYPTOKI_NOT_INITIALIZED" | "CKR_OK" | "no return value" => {
            "the module is at fault; try a newer version of it"
        }
        "CKR_DEVICE_MEMORY" => "remove from the token what is no longer needed, with its own tool",
        "CKR_FUNCTION_CANCELED" | "CKR_FUNCTION_REJECTED" => {
            "run it again, and touch or confirm where the token asks for it"
        }
        "CKR_HOST_MEMORY" => "end other programs, or raise the limits (ulimit)",
        "CKR_KEY_FUNCTION_NOT_PERMITTED" => "name a key that may sign (CKA_SIGN) with --key",
        "CKR_KEY_HANDLE_INVALID" | "CKR_OBJECT_HANDLE_INVALID" => {
            "see whether another program changes what is on the token"
        }
        "CKR_KEY_SIZE_RANGE"
        | "CKR_KEY_TYPE_INCONSISTENT"
        | "CKR_MECHANISM_INVALID"
        | "CKR_MECHANISM_PARAM_INVALID" => "name another key with --key, or try a newer module",
        "CKR_LIBRARY_LOAD_FAILED" => "install what the module needs; ldd shows what it misses",
        "CKR_PIN_EXPIRED" => "change the PIN with the token's own tool, then run it again",
        "CKR_PIN_LOCKED" => UNBLOCK,
        "CKR_SESSION_CLOSED" | "CKR_SESSION_HANDLE_INVALID" | "CKR_USER_NOT_LOGGED_IN" => {
            "see whether another program resets the token, or its connection breaks"
        }
        "CKR_SESSION_COUNT" => {
            "end other programs that use the token, or let it have more sessions"
        }
        "CKR_TOKEN_NOT_RECOGNIZED" => "name the module of the token's maker with --pkcs11-lib",
        "CKR_USER_ANOTHER_ALREADY_LOGGED_IN" => "end the program in which the officer is logged in",
        "CKR_USER_PIN_NOT_INITIALIZED" => "set a user PIN with the token's own tool",
        _ => {
            return format!(
                "check the token, its reader and its service; --debug shows the calls before {function}"
            );
        }
    };
    hint.to_owned()
}
