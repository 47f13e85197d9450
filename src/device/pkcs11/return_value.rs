//! PKCS#11 return values in words: the name that manuals use, and what it means for a person.

use cryptoki::error::{Error, Rv, RvError};

use crate::device::pkcs11::quirks;
use crate::device::pkcs11::raw::RawError;
use crate::wire::Failure;

/// The failure of one function.
pub(super) fn failure(function: &str, subject: &str, error: &Error) -> Failure {
    let (code, meaning) = match error {
        Error::Pkcs11(code, _) => (name(code), meaning(code).to_owned()),
        other => ("no return value".to_owned(), first_line(&other.to_string())),
    };
    Failure::Call { function: function.into(), code, subject: subject.into(), meaning }
}

/// The failure of a function that was called past cryptoki.
pub(super) fn raw_failure(function: &str, subject: &str, error: RawError) -> Failure {
    let (code, meaning) = match error {
        RawError::Returned(Rv::Error(code)) => (name(&code), meaning(&code).to_owned()),
        RawError::Returned(Rv::Ok) | RawError::Missing => {
            ("no return value".to_owned(), "the module does not have this function".to_owned())
        }
    };
    Failure::Call { function: function.into(), code, subject: subject.into(), meaning }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

/// `PinIncorrect` is CKR_PIN_INCORRECT; codes of a vendor are shown in hexadecimal.
fn name(code: &RvError) -> String {
    if let RvError::VendorDefined(code) = code {
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
        RvError::DeviceRemoved => "the token was removed",
        RvError::FunctionCanceled | RvError::FunctionRejected => {
            "it was declined, or not touched in time"
        }
        RvError::FunctionFailed | RvError::GeneralError => "the module does not say why",
        RvError::HostMemory => "the module has no memory left",
        RvError::KeyFunctionNotPermitted => "the key may not sign",
        RvError::KeyHandleInvalid | RvError::ObjectHandleInvalid => "the key has gone",
        RvError::KeySizeRange | RvError::KeyTypeInconsistent => {
            "the key is not of the kind it was taken for"
        }
        RvError::MechanismInvalid | RvError::MechanismParamInvalid => {
            "the token cannot make this kind of signature"
        }
        RvError::OperationActive => "another operation is still active",
        RvError::PinExpired => "the PIN must be changed first",
        RvError::PinLocked => "the PIN is locked",
        RvError::SessionClosed | RvError::SessionHandleInvalid => {
            "the session with the token was lost"
        }
        RvError::SessionCount => "the token has no session left; another process may hold them",
        RvError::TokenNotPresent => "the token was removed",
        RvError::TokenNotRecognized => "the module does not know this token",
        RvError::UserAnotherAlreadyLoggedIn => "the security officer is logged in",
        RvError::UserNotLoggedIn => "the key wants a login that did not happen",
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
