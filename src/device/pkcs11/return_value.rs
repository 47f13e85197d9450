//! PKCS#11 return values in words: the name that manuals use, and what it means for a person.

use cryptoki::error::{Error, RvError};

use crate::device::pkcs11::quirks;
use crate::wire::Failure;

/// Return values after which a new session and a new login may help: what the module knew of the
/// old ones is gone.
const LOST: [&str; 8] = [
    "CKR_CRYPTOKI_NOT_INITIALIZED",
    "CKR_KEY_HANDLE_INVALID",
    "CKR_OBJECT_HANDLE_INVALID",
    "CKR_OPERATION_ACTIVE",
    "CKR_OPERATION_NOT_INITIALIZED",
    "CKR_SESSION_CLOSED",
    "CKR_SESSION_HANDLE_INVALID",
    NOT_LOGGED_IN,
];
const NOT_LOGGED_IN: &str = "CKR_USER_NOT_LOGGED_IN";

/// Return values that may be another the next time; the second is a list that has grown between
/// the call for its length and that for the list.
const PASSING: [&str; 2] = ["CKR_GENERAL_ERROR", "CKR_BUFFER_TOO_SMALL"];

/// The failure of one function.
pub(super) fn failure(function: &str, subject: &str, error: &Error) -> Failure {
    let (code, meaning) = match error {
        // A module as a whole, named by its path, is never pulled out.
        Error::Pkcs11(code @ (RvError::DeviceRemoved | RvError::TokenNotPresent), _)
            if !subject.starts_with('/') =>
        {
            let cause = format!("{function}: {}", name(code));
            return Failure::Removed { subject: subject.into(), cause };
        }
        Error::Pkcs11(code, _) => (name(code), meaning(code).to_owned()),
        Error::NullFunctionPointer => {
            ("no return value".to_owned(), "the module does not have this function".to_owned())
        }
        // The call succeeded, and then its answer could not be read.
        _ => ("CKR_OK".to_owned(), "what came with it cannot be true".to_owned()),
    };
    Failure::Call { function: function.into(), code, subject: subject.into(), meaning }
}

/// Whether a session, a login or a handle was lost.
pub(super) fn is_loss(failure: &Failure) -> bool {
    matches!(failure, Failure::Call { code, .. } if LOST.contains(&code.as_str()))
}

/// Whether a signature was refused for want of a login.
pub(super) fn wants_login(failure: &Failure) -> bool {
    matches!(failure, Failure::Call { function, code, .. }
        if function == "C_Sign" && code == NOT_LOGGED_IN)
}

/// Whether the same call may succeed a moment later.
pub(super) fn is_passing(failure: &Failure) -> bool {
    matches!(failure, Failure::Call { code, .. } if PASSING.contains(&code.as_str()))
}

/// The good ones; the first error only where there are none.
pub(super) fn readable<T>(
    results: impl Iterator<Item = Result<T, Failure>>,
) -> Result<Vec<T>, Failure> {
    let (mut good, mut first) = (Vec::new(), None);
    for result in results {
        match result {
            Ok(value) => good.push(value),
            Err(failure) => first = first.or(Some(failure)),
        }
    }
    match first {
        Some(failure) if good.is_empty() => Err(failure),
        _ => Ok(good),
    }
}

/// `PinIncorrect` is CKR_PIN_INCORRECT; codes of a vendor and unknown ones are shown in hexadecimal.
pub(super) fn name(code: &RvError) -> String {
    if let RvError::VendorDefined(code) | RvError::UnknownErrorCode(code) = code {
        return format!("{code:#x}");
    }
    let mut name = String::from("CKR");
    for character in format!("{code:?}").chars().take_while(|c| c.is_alphanumeric()) {
        if character.is_uppercase() {
            name.push('_');
        }
        name.push(character.to_ascii_uppercase());
    }
    name
}

const UNKNOWN: &str = "the module does not say more";

fn meaning(code: &RvError) -> &'static str {
    match code {
        RvError::ArgumentsBad => "the module wants other arguments",
        RvError::CryptokiNotInitialized => "the module lost its state",
        RvError::DataInvalid | RvError::DataLenRange => "the token does not take this input",
        RvError::DeviceError => "the token did not answer as it should",
        RvError::DeviceMemory => "the token has no memory left",
        RvError::DeviceRemoved | RvError::TokenNotPresent => "the token was removed",
        RvError::FunctionCanceled | RvError::FunctionRejected => {
            "it was declined, or not touched in time"
        }
        RvError::FunctionFailed | RvError::GeneralError => "the module does not say why",
        RvError::HostMemory => "this computer has no memory left for the module",
        RvError::KeyFunctionNotPermitted => "the key may not sign",
        RvError::KeyHandleInvalid | RvError::ObjectHandleInvalid => "the object has gone",
        RvError::KeySizeRange | RvError::KeyTypeInconsistent => {
            "the key is not of the kind it was taken for"
        }
        RvError::LibraryLoadFailed => "the module lacks a library that it needs",
        RvError::MechanismInvalid | RvError::MechanismParamInvalid => {
            "the token cannot make this kind of signature"
        }
        RvError::OperationActive | RvError::OperationNotInitialized => {
            "the module lost count of its operations"
        }
        RvError::PinExpired => "the PIN must be changed first",
        RvError::PinLocked => "the PIN is locked",
        RvError::SessionClosed | RvError::SessionHandleInvalid => {
            "the session with the token was lost"
        }
        RvError::SessionCount => "the token has no session left; other programs may hold them",
        RvError::TokenNotRecognized => "the module does not know this token",
        RvError::UserAnotherAlreadyLoggedIn => "the security officer is logged in",
        RvError::UserNotLoggedIn => "the token does not know of the login",
        RvError::VendorDefined(code) => quirks::meaning(*code).unwrap_or(UNKNOWN),
        RvError::UserPinNotInitialized => "the token has no user PIN yet",
        _ => UNKNOWN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn return_values_have_the_names_of_the_manual() {
        assert_eq!(name(&RvError::PinIncorrect), "CKR_PIN_INCORRECT");
        assert_eq!(name(&RvError::UserPinNotInitialized), "CKR_USER_PIN_NOT_INITIALIZED");
    }
}
