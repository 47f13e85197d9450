//! What is called past cryptoki, through the module's C function list. Single-part C_Sign it does not
//! have: its `sign` calls C_Sign twice, once for the length, and some tokens ask for a touch each
//! time. It believes what a module says about lengths: one that lies makes it panic, read beyond a
//! buffer, or ask for all memory there is. And a text for C_Initialize is a pointer without a type.
//! This is the only unsafe code of the PKCS#11 host.

#![expect(
    unsafe_code,
    reason = "hands pointers to the module, and calls its functions by its list"
)]

use std::ffi::CStr;
use std::path::Path;
use std::ptr::{self, NonNull};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Function, Pkcs11};
use cryptoki::error::{Error, Rv, RvError};
use cryptoki::object::{Attribute, AttributeType, ObjectHandle};
use cryptoki::session::Session;
use cryptoki::slot::Slot;
use cryptoki_sys::{
    CK_ATTRIBUTE, CK_FUNCTION_LIST, CK_FUNCTION_LIST_PTR, CK_RV, CK_TRUE, CK_ULONG,
    CK_UNAVAILABLE_INFORMATION,
};

/// Longest signature that is taken, in bytes; that of ML-DSA-87 is 4627.
const LONGEST_SIGNATURE: usize = 8192;
/// Longest attribute that is taken, in bytes; a certificate is a few thousand.
const LONGEST_ATTRIBUTE: usize = 64 * 1024;
/// Most slots that a module is believed to have.
const MOST_SLOTS: usize = 4096;
/// How many objects are asked for at once.
const BATCH: usize = 64;

/// A loaded library that may be a PKCS#11 module.
pub(super) struct Library(cryptoki_sys::Pkcs11);

/// The module's own functions. What they return beyond the room they were given is
/// [`Error::InvalidValue`], a function that is not there [`Error::NullFunctionPointer`].
pub(super) struct Raw {
    /// Never read, but it keeps the library that `functions` points into.
    _library: Library,
    functions: CK_FUNCTION_LIST_PTR,
}

impl Library {
    /// Has the loader load it.
    pub(super) fn open(module: &Path) -> Result<Self, Error> {
        // SAFETY: initialisers of a library run: the user named it, and the path was checked. All
        // else that could go wrong with it ends in this process, which has nothing to lose.
        let library = unsafe { cryptoki_sys::Pkcs11::new(module) }?;
        match library.C_GetFunctionList {
            Ok(_) => Ok(Self(library)),
            Err(_) => Err(Error::MissingSymbol("C_GetFunctionList")),
        }
    }

    /// Asks it for its functions.
    pub(super) fn functions(self) -> Result<Raw, Error> {
        let mut functions = ptr::null_mut();
        // SAFETY: C_GetFunctionList writes one pointer into the place that it is given.
        let returned = unsafe { self.0.C_GetFunctionList(&raw mut functions) };
        check(returned, Function::GetFunctionList)?;
        if functions.is_null() {
            return Err(Error::NullFunctionPointer);
        }
        Ok(Raw { _library: self, functions })
    }
}

impl Raw {
    fn functions(&self) -> CK_FUNCTION_LIST {
        // SAFETY: it points to the list of a library that `self` keeps loaded.
        unsafe { *self.functions }
    }

    /// C_GetSlotList: the slots with a token.
    pub(super) fn slots(&self) -> Result<Vec<Slot>, Error> {
        let list = self.functions().C_GetSlotList.ok_or(Error::NullFunctionPointer)?;
        let mut count = 0;
        // SAFETY: without a buffer only the number of slots is written.
        let returned = unsafe { list(CK_TRUE, ptr::null_mut(), &raw mut count) };
        check(returned, Function::GetSlotList)?;
        if count == 0 {
            return Ok(Vec::new());
        }
        let mut slots = vec![0; at_most(count, MOST_SLOTS)?];
        // SAFETY: `count` is the length of the buffer.
        let returned = unsafe { list(CK_TRUE, slots.as_mut_ptr(), &raw mut count) };
        check(returned, Function::GetSlotList)?;
        slots.truncate(at_most(count, slots.len())?);
        slots.into_iter().map(Slot::try_from).collect()
    }

    /// C_FindObjectsInit.
    pub(super) fn find(&self, session: &Session, wanted: &[Attribute]) -> Result<(), Error> {
        let init = self.functions().C_FindObjectsInit.ok_or(Error::NullFunctionPointer)?;
        let mut template: Vec<CK_ATTRIBUTE> = wanted.iter().map(Into::into).collect();
        let length = template.len() as CK_ULONG;
        // SAFETY: the template has that length, and points into `wanted`.
        let returned = unsafe { init(session.handle(), template.as_mut_ptr(), length) };
        check(returned, Function::FindObjectsInit)
    }

    /// C_FindObjects: the next ones, and whether there may be more.
    pub(super) fn found(&self, session: &Session) -> Result<(Vec<ObjectHandle>, bool), Error> {
        let find = self.functions().C_FindObjects.ok_or(Error::NullFunctionPointer)?;
        let (mut handles, mut count) = ([0; BATCH], 0);
        let most = BATCH as CK_ULONG;
        // SAFETY: the buffer has room for that many.
        let returned =
            unsafe { find(session.handle(), handles.as_mut_ptr(), most, &raw mut count) };
        check(returned, Function::FindObjects)?;
        let found = handles.iter().take(at_most(count, BATCH)?);
        // SAFETY: handles that the module itself has given; a wrong one is for it to refuse.
        let found: Vec<_> = found.map(|h| unsafe { ObjectHandle::new_from_raw(*h) }).collect();
        let more = found.len() == BATCH;
        Ok((found, more))
    }

    /// C_FindObjectsFinal.
    pub(super) fn end_find(&self, session: &Session) -> Result<(), Error> {
        let end = self.functions().C_FindObjectsFinal.ok_or(Error::NullFunctionPointer)?;
        // SAFETY: it takes nothing but the session.
        check(unsafe { end(session.handle()) }, Function::FindObjectsFinal)
    }

    /// C_GetAttributeValue, twice: for the lengths, and for the values. What the object does not
    /// have, or does not show, is left out.
    pub(super) fn attributes(
        &self,
        session: &Session,
        object: ObjectHandle,
        types: &[AttributeType],
    ) -> Result<Vec<Attribute>, Error> {
        let ask = |kind: &AttributeType| CK_ATTRIBUTE {
            type_: (*kind).into(),
            pValue: ptr::null_mut(),
            ulValueLen: 0,
        };
        let mut template: Vec<_> = types.iter().map(ask).collect();
        self.read(session, object, &mut template)?;
        template.retain(|attribute| attribute.ulValueLen != CK_UNAVAILABLE_INFORMATION);
        let mut values = Vec::new();
        for attribute in &mut template {
            let mut value = vec![0_u8; at_most(attribute.ulValueLen, LONGEST_ATTRIBUTE)?];
            attribute.pValue = value.as_mut_ptr().cast();
            values.push(value);
        }
        if !template.is_empty() {
            self.read(session, object, &mut template)?;
        }
        let read = template.into_iter().zip(&values);
        let there = read.filter(|(read, _)| read.ulValueLen != CK_UNAVAILABLE_INFORMATION);
        there
            .map(|(read, value)| {
                at_most(read.ulValueLen, value.len())?;
                // The module may have changed the pointer, too.
                Attribute::try_from(CK_ATTRIBUTE {
                    pValue: value.as_ptr().cast_mut().cast(),
                    ..read
                })
            })
            .collect()
    }

    /// C_GetAttributeValue, once: a CK_BBOOL. Absent is false.
    pub(super) fn flag(
        &self,
        session: &Session,
        object: ObjectHandle,
        kind: AttributeType,
    ) -> Result<bool, Error> {
        let mut value = 0_u8;
        let mut template =
            [CK_ATTRIBUTE { type_: kind.into(), pValue: (&raw mut value).cast(), ulValueLen: 1 }];
        self.read(session, object, &mut template)?;
        Ok(template[0].ulValueLen == 1 && value == CK_TRUE)
    }

    fn read(
        &self,
        session: &Session,
        object: ObjectHandle,
        template: &mut [CK_ATTRIBUTE],
    ) -> Result<(), Error> {
        let get = self.functions().C_GetAttributeValue.ok_or(Error::NullFunctionPointer)?;
        let (values, count) = (template.as_mut_ptr(), template.len() as CK_ULONG);
        // SAFETY: each attribute of the template has no buffer, or one of the length that it says.
        let returned = unsafe { get(session.handle(), object.handle(), values, count) };
        match check(returned, Function::GetAttributeValue) {
            // Those that are there have been written all the same (PKCS#11 v2.40 §5.7).
            Err(Error::Pkcs11(RvError::AttributeSensitive | RvError::AttributeTypeInvalid, _)) => {
                Ok(())
            }
            answer => answer,
        }
    }

    /// C_Sign, once, into a buffer that is long enough for every mechanism we use.
    pub(super) fn sign(&self, session: &Session, input: &[u8]) -> Result<Vec<u8>, Error> {
        let sign = self.functions().C_Sign.ok_or(Error::NullFunctionPointer)?;
        let mut input = input.to_vec();
        let mut output = vec![0; LONGEST_SIGNATURE];
        let mut length = LONGEST_SIGNATURE as CK_ULONG;
        let size = input.len() as CK_ULONG;
        // SAFETY: both buffers outlive the call, and their lengths are those that are passed.
        let returned = unsafe {
            let (from, to) = (input.as_mut_ptr(), output.as_mut_ptr());
            sign(session.handle(), from, size, to, &raw mut length)
        };
        check(returned, Function::Sign)?;
        output.truncate(at_most(length, LONGEST_SIGNATURE)?);
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

fn check(returned: CK_RV, function: Function) -> Result<(), Error> {
    Rv::from(returned).into_result(function)
}

/// A module that reports more than there was room for is not believed.
fn at_most(reported: CK_ULONG, room: usize) -> Result<usize, Error> {
    let reported = usize::try_from(reported).ok();
    reported.filter(|reported| *reported <= room).ok_or(Error::InvalidValue)
}
