//! Answers that are not true: the call is passed on, and a word of what comes back is changed.

use cryptoki_sys::{
    CK_ATTRIBUTE, CK_BYTE, CK_MECHANISM, CK_OBJECT_HANDLE, CK_RV, CK_SESSION_HANDLE, CK_SLOT_ID,
    CK_TOKEN_INFO, CK_ULONG, CK_UNAVAILABLE_INFORMATION, CK_USER_TYPE, CK_UTF8CHAR,
    CKF_CLOCK_ON_TOKEN, CKR_MECHANISM_INVALID, CKR_OK,
};

use crate::fault::{self, Forward};
use crate::script::Lie;
use crate::{real, wrong};

/// A function that has no such word in its answer.
pub(crate) fn unfit(_: &Lie) -> CK_RV {
    wrong("a function cannot tell the lie that the script has for it")
}

/// Passes the call on; where it succeeds, the answer can be changed.
macro_rules! after {
    ($forward:ident) => {
        let returned = $forward();
        if returned != CKR_OK {
            return returned;
        }
    };
}

/// C_GetSlotList.
///
/// # Safety
/// The arguments are those of a caller that keeps to PKCS#11; so it is with all below.
pub(crate) unsafe fn slots(
    lie: &Lie,
    forward: Forward<'_>,
    slots: *mut CK_SLOT_ID,
    count: *mut CK_ULONG,
) -> CK_RV {
    // SAFETY: handles are written where the real module may write `count` of them.
    unsafe { handles(lie, forward, slots, count) }
}

/// C_FindObjects.
pub(crate) unsafe fn objects(
    lie: &Lie,
    forward: Forward<'_>,
    objects: *mut CK_OBJECT_HANDLE,
    count: *mut CK_ULONG,
) -> CK_RV {
    // SAFETY: as above.
    unsafe { handles(lie, forward, objects, count) }
}

unsafe fn handles(
    lie: &Lie,
    forward: Forward<'_>,
    handles: *mut CK_ULONG,
    count: *mut CK_ULONG,
) -> CK_RV {
    after!(forward);
    // SAFETY: the real module has written `count`, and as many handles where there is a place.
    unsafe {
        match lie {
            Lie::Count(untrue) => *count = *untrue,
            Lie::Zero if handles.is_null() => {}
            Lie::Zero => (0..*count as usize).for_each(|place| *handles.add(place) = 0),
            other => return unfit(other),
        }
    }
    CKR_OK
}

/// C_OpenSession.
pub(crate) unsafe fn session(
    lie: &Lie,
    forward: Forward<'_>,
    session: *mut CK_SESSION_HANDLE,
) -> CK_RV {
    after!(forward);
    match lie {
        // SAFETY: where the real module has written it.
        Lie::Zero => unsafe { *session = 0 },
        other => return unfit(other),
    }
    CKR_OK
}

/// C_GetTokenInfo.
pub(crate) unsafe fn token_info(
    lie: &Lie,
    forward: Forward<'_>,
    info: *mut CK_TOKEN_INFO,
) -> CK_RV {
    after!(forward);
    // SAFETY: the real module has filled it in.
    let info = unsafe { &mut *info };
    match lie {
        Lie::Flags(more) => info.flags |= more,
        Lie::NoFlags(less) => info.flags &= !less,
        Lie::Garbage => {
            info.label.fill(0xff);
            info.manufacturerID.fill(0x1b);
            info.model.fill(0x80);
            info.serialNumber.fill(0);
        }
        Lie::Maker(name) => {
            info.manufacturerID.iter_mut().zip(name.bytes()).for_each(|(to, from)| *to = from);
        }
        Lie::Unparsable(label) if info.label.starts_with(label.as_bytes()) => {
            info.flags |= CKF_CLOCK_ON_TOKEN;
            info.utcTime.fill(b'x');
        }
        Lie::Unparsable(_) => {}
        other => return unfit(other),
    }
    CKR_OK
}

/// C_Login.
pub(crate) unsafe fn login(
    lie: &Lie,
    forward: Forward<'_>,
    session: CK_SESSION_HANDLE,
    user: CK_USER_TYPE,
    pin: *mut CK_UTF8CHAR,
) -> CK_RV {
    match (lie, real::module().C_Login) {
        (Lie::Pad(typed, after), Some(login)) if pin.is_null() => {
            fault::sleep(*after);
            let mut typed = typed.clone().into_bytes();
            // SAFETY: the caller's session, and a PIN of that length.
            unsafe { login(session, user, typed.as_mut_ptr(), typed.len() as CK_ULONG) }
        }
        (Lie::Pad(..), _) => forward(),
        (other, _) => unfit(other),
    }
}

/// C_GetAttributeValue. Its return value does not say that nothing was written.
pub(crate) unsafe fn attributes(
    lie: &Lie,
    forward: Forward<'_>,
    template: *mut CK_ATTRIBUTE,
    count: CK_ULONG,
) -> CK_RV {
    let returned = forward();
    for place in 0..count as usize {
        // SAFETY: the caller's template has `count` attributes, and the real module wrote their lengths.
        let attribute = unsafe { &mut *template.add(place) };
        let there = attribute.ulValueLen != CK_UNAVAILABLE_INFORMATION;
        match lie {
            Lie::Clear(kind) if attribute.type_ == *kind && !attribute.pValue.is_null() => {
                // SAFETY: a place for one byte at least.
                unsafe { *attribute.pValue.cast::<CK_BYTE>() = 0 };
            }
            Lie::Clear(_) => {}
            Lie::Length(untrue) if there => attribute.ulValueLen = *untrue,
            Lie::Length(_) => {}
            other => return unfit(other),
        }
    }
    returned
}

/// C_SignInit.
pub(crate) unsafe fn mechanism(
    lie: &Lie,
    forward: Forward<'_>,
    mechanism: *mut CK_MECHANISM,
) -> CK_RV {
    match lie {
        // SAFETY: the caller's mechanism.
        Lie::RefuseMechanism(refused) if unsafe { (*mechanism).mechanism } == *refused => {
            CKR_MECHANISM_INVALID
        }
        Lie::RefuseMechanism(_) => forward(),
        other => unfit(other),
    }
}

/// C_Sign.
pub(crate) unsafe fn output(
    lie: &Lie,
    forward: Forward<'_>,
    output: *mut CK_BYTE,
    length: *mut CK_ULONG,
) -> CK_RV {
    after!(forward);
    // SAFETY: the real module has written the length, and as many bytes where there is a place.
    unsafe {
        match lie {
            Lie::Corrupt if output.is_null() => {}
            Lie::Corrupt => *output.add(*length as usize / 2) ^= 1,
            Lie::Length(untrue) => *length = *untrue,
            other => return unfit(other),
        }
    }
    CKR_OK
}
