//! All functions of PKCS#11 v2.40, each once: from this table come the names that a script may use, the wrappers,
//! and the list that is given out.

#![allow(non_snake_case, reason = "the names are the standard's")]

use std::ffi::c_void;

use cryptoki_sys::*;

use crate::C_GetFunctionList;
use crate::fault::Subject::{Library, List, Session, Slot};
use crate::fault::{self, Subject};
use crate::script::Lie;
use crate::{lies, real};

type Attributes = *mut CK_ATTRIBUTE;
type Bytes = *mut CK_BYTE;
type Length = *mut CK_ULONG;
type Mechanism = *mut CK_MECHANISM;
type Object = CK_OBJECT_HANDLE;
type Objects = *mut CK_OBJECT_HANDLE;
type SessionId = CK_SESSION_HANDLE;
type Size = CK_ULONG;
type SlotId = CK_SLOT_ID;
type Text = *mut CK_UTF8CHAR;

/// `NAME(arguments) of SUBJECT;`, and `lies KIND(arguments)` where a word of the answer can be changed.
macro_rules! functions {
    ($($name:ident($($argument:ident: $type:ty),*) of $subject:expr
        $(, lies $kind:ident($($word:ident),*))?;)*) => {
        /// The functions that have a wrapper.
        pub(crate) const NAMES: &[&str] = &[$(stringify!($name)),*];

        /// What is given out, without the functions that the module shall not have.
        pub(crate) fn list(left_out: impl Fn(&str) -> bool) -> CK_FUNCTION_LIST {
            CK_FUNCTION_LIST {
                version: CK_VERSION { major: 2, minor: 40 },
                C_GetFunctionList: Some(C_GetFunctionList),
                $($name: if left_out(stringify!($name)) { None } else { Some($name) },)*
            }
        }

        $(unsafe extern "C" fn $name($($argument: $type),*) -> CK_RV {
            let forward = || match real::module().$name {
                // SAFETY: the real function, with the arguments that our caller gave for it.
                Some(function) => unsafe { function($($argument),*) },
                None => CKR_FUNCTION_NOT_SUPPORTED,
            };
            let subject: Subject = $subject;
            fault::run(stringify!($name), subject, &forward, &|lie: &Lie, forward| {
                let _ = forward;
                // SAFETY: as for the real function.
                $(return unsafe { lies::$kind(lie, forward, $($word),*) };)?
                #[allow(unreachable_code, reason = "those without a word to change end here")]
                lies::unfit(lie)
            })
        })*
    };
}

functions! {
    C_Initialize(arguments: *mut c_void) of Library;
    C_Finalize(reserved: *mut c_void) of Library;
    C_GetInfo(info: *mut CK_INFO) of Library;
    C_GetSlotList(present: CK_BBOOL, slots: *mut SlotId, count: Length) of List(count), lies slots(slots, count);
    C_GetSlotInfo(slot: SlotId, info: *mut CK_SLOT_INFO) of Slot;
    C_GetTokenInfo(slot: SlotId, info: *mut CK_TOKEN_INFO) of Slot, lies token_info(info);
    C_GetMechanismList(slot: SlotId, mechanisms: *mut CK_MECHANISM_TYPE, count: Length) of Slot;
    C_GetMechanismInfo(slot: SlotId, mechanism: CK_MECHANISM_TYPE, info: *mut CK_MECHANISM_INFO) of Slot;
    C_InitToken(slot: SlotId, pin: Text, size: Size, label: Text) of Slot;
    C_InitPIN(session: SessionId, pin: Text, size: Size) of Session(session);
    C_SetPIN(session: SessionId, old: Text, size: Size, new: Text, new_size: Size) of Session(session);
    C_OpenSession(slot: SlotId, flags: CK_FLAGS, application: *mut c_void, notify: CK_NOTIFY, session: *mut SessionId)
        of Slot, lies session(session);
    C_CloseSession(session: SessionId) of Session(session);
    C_CloseAllSessions(slot: SlotId) of Slot;
    C_GetSessionInfo(session: SessionId, info: *mut CK_SESSION_INFO) of Session(session);
    C_GetOperationState(session: SessionId, state: Bytes, length: Length) of Session(session);
    C_SetOperationState(session: SessionId, state: Bytes, size: Size, cipher: Object, authentication: Object)
        of Session(session);
    C_Login(session: SessionId, user: CK_USER_TYPE, pin: Text, size: Size)
        of Session(session), lies login(session, user, pin);
    C_Logout(session: SessionId) of Session(session);
    C_CreateObject(session: SessionId, template: Attributes, size: Size, object: Objects) of Session(session);
    C_CopyObject(session: SessionId, from: Object, template: Attributes, size: Size, object: Objects)
        of Session(session);
    C_DestroyObject(session: SessionId, object: Object) of Session(session);
    C_GetObjectSize(session: SessionId, object: Object, size: Length) of Session(session);
    C_GetAttributeValue(session: SessionId, object: Object, template: Attributes, size: Size)
        of Session(session), lies attributes(template, size);
    C_SetAttributeValue(session: SessionId, object: Object, template: Attributes, size: Size) of Session(session);
    C_FindObjectsInit(session: SessionId, template: Attributes, size: Size) of Session(session);
    C_FindObjects(session: SessionId, objects: Objects, most: Size, count: Length)
        of Session(session), lies objects(objects, count);
    C_FindObjectsFinal(session: SessionId) of Session(session);
    C_EncryptInit(session: SessionId, mechanism: Mechanism, key: Object) of Session(session);
    C_Encrypt(session: SessionId, input: Bytes, size: Size, output: Bytes, length: Length) of Session(session);
    C_EncryptUpdate(session: SessionId, input: Bytes, size: Size, output: Bytes, length: Length) of Session(session);
    C_EncryptFinal(session: SessionId, output: Bytes, length: Length) of Session(session);
    C_DecryptInit(session: SessionId, mechanism: Mechanism, key: Object) of Session(session);
    C_Decrypt(session: SessionId, input: Bytes, size: Size, output: Bytes, length: Length) of Session(session);
    C_DecryptUpdate(session: SessionId, input: Bytes, size: Size, output: Bytes, length: Length) of Session(session);
    C_DecryptFinal(session: SessionId, output: Bytes, length: Length) of Session(session);
    C_DigestInit(session: SessionId, mechanism: Mechanism) of Session(session);
    C_Digest(session: SessionId, input: Bytes, size: Size, output: Bytes, length: Length) of Session(session);
    C_DigestUpdate(session: SessionId, input: Bytes, size: Size) of Session(session);
    C_DigestKey(session: SessionId, key: Object) of Session(session);
    C_DigestFinal(session: SessionId, output: Bytes, length: Length) of Session(session);
    C_SignInit(session: SessionId, mechanism: Mechanism, key: Object)
        of Session(session), lies mechanism(mechanism);
    C_Sign(session: SessionId, input: Bytes, size: Size, output: Bytes, length: Length)
        of Session(session), lies output(output, length);
    C_SignUpdate(session: SessionId, input: Bytes, size: Size) of Session(session);
    C_SignFinal(session: SessionId, output: Bytes, length: Length)
        of Session(session), lies output(output, length);
    C_SignRecoverInit(session: SessionId, mechanism: Mechanism, key: Object) of Session(session);
    C_SignRecover(session: SessionId, input: Bytes, size: Size, output: Bytes, length: Length) of Session(session);
    C_VerifyInit(session: SessionId, mechanism: Mechanism, key: Object) of Session(session);
    C_Verify(session: SessionId, input: Bytes, size: Size, signature: Bytes, length: Size) of Session(session);
    C_VerifyUpdate(session: SessionId, input: Bytes, size: Size) of Session(session);
    C_VerifyFinal(session: SessionId, signature: Bytes, length: Size) of Session(session);
    C_VerifyRecoverInit(session: SessionId, mechanism: Mechanism, key: Object) of Session(session);
    C_VerifyRecover(session: SessionId, signature: Bytes, size: Size, output: Bytes, length: Length)
        of Session(session);
    C_DigestEncryptUpdate(session: SessionId, input: Bytes, size: Size, output: Bytes, length: Length)
        of Session(session);
    C_DecryptDigestUpdate(session: SessionId, input: Bytes, size: Size, output: Bytes, length: Length)
        of Session(session);
    C_SignEncryptUpdate(session: SessionId, input: Bytes, size: Size, output: Bytes, length: Length)
        of Session(session);
    C_DecryptVerifyUpdate(session: SessionId, input: Bytes, size: Size, output: Bytes, length: Length)
        of Session(session);
    C_GenerateKey(session: SessionId, mechanism: Mechanism, template: Attributes, size: Size, key: Objects)
        of Session(session);
    C_GenerateKeyPair(session: SessionId, mechanism: Mechanism, public: Attributes, size: Size,
        private: Attributes, private_size: Size, public_key: Objects, private_key: Objects) of Session(session);
    C_WrapKey(session: SessionId, mechanism: Mechanism, with: Object, key: Object, output: Bytes, length: Length)
        of Session(session);
    C_UnwrapKey(session: SessionId, mechanism: Mechanism, with: Object, input: Bytes, size: Size,
        template: Attributes, template_size: Size, key: Objects) of Session(session);
    C_DeriveKey(session: SessionId, mechanism: Mechanism, from: Object, template: Attributes, size: Size,
        key: Objects) of Session(session);
    C_SeedRandom(session: SessionId, seed: Bytes, size: Size) of Session(session);
    C_GenerateRandom(session: SessionId, output: Bytes, size: Size) of Session(session);
    C_GetFunctionStatus(session: SessionId) of Session(session);
    C_CancelFunction(session: SessionId) of Session(session);
    C_WaitForSlotEvent(flags: CK_FLAGS, slot: *mut SlotId, reserved: *mut c_void) of Library;
}
