//! One call: written down, looked up in the script, then passed on or not.

use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use cryptoki_sys::{
    CK_RV, CK_SESSION_HANDLE, CK_ULONG, CKR_OK, CKR_SESSION_HANDLE_INVALID, CKR_TOKEN_NOT_PRESENT,
};

use crate::script::{Action, Lie, Loss};
use crate::{log, real, script};

/// Whether the token has gone for good.
static VANISHED: AtomicBool = AtomicBool::new(false);

unsafe extern "C" {
    /// Ends the process without running anything that was registered for its end.
    fn _exit(status: i32) -> !;
}

/// What a function is about, which decides what it says once the token has gone.
pub(crate) enum Subject {
    /// The list of slots with a token, and where its length goes.
    List(*mut CK_ULONG),
    /// The module.
    Library,
    Session(CK_SESSION_HANDLE),
    Slot,
}

/// Passes a call on: the real function with the caller's arguments.
pub(crate) type Forward<'a> = &'a dyn Fn() -> CK_RV;

/// Runs one call as the script says. `lie` passes it on and changes the answer.
pub(crate) fn run(
    function: &str,
    subject: Subject,
    forward: Forward<'_>,
    lie: &dyn Fn(&Lie, Forward<'_>) -> CK_RV,
) -> CK_RV {
    let action = script().action(function, log::called(function));
    if matches!(action, Some(Action::Vanish)) {
        VANISHED.store(true, Ordering::SeqCst);
    }
    if VANISHED.load(Ordering::SeqCst) {
        return gone(&subject, forward);
    }
    match action {
        None | Some(Action::Vanish) => forward(),
        Some(Action::Abort) => std::process::abort(),
        Some(Action::Absent) => crate::wrong("only a function of the list can be absent"),
        Some(Action::Answer(returned)) => {
            forward();
            *returned
        }
        Some(Action::Attempt(attempt)) => {
            attempt.make();
            forward()
        }
        // SAFETY: it takes any number, and does not return.
        Some(Action::Exit(status)) => unsafe { _exit(*status) },
        Some(Action::Lie(untrue)) => lie(untrue, forward),
        Some(Action::Lose(loss)) => {
            lose(loss, &subject);
            forward()
        }
        Some(Action::Return(returned, after)) => {
            sleep(*after);
            *returned
        }
        Some(Action::Segv) => crash(),
        Some(Action::Sleep(time)) => {
            sleep(*time);
            forward()
        }
    }
}

/// What a token says that has been pulled out.
fn gone(subject: &Subject, forward: Forward<'_>) -> CK_RV {
    match subject {
        Subject::Library => forward(),
        Subject::List(count) => {
            // SAFETY: PKCS#11 asks for a pointer to a length here.
            unsafe { **count = 0 };
            CKR_OK
        }
        Subject::Session(_) => CKR_SESSION_HANDLE_INVALID,
        Subject::Slot => CKR_TOKEN_NOT_PRESENT,
    }
}

/// The real module really loses it, and answers accordingly from then on.
fn lose(loss: &Loss, subject: &Subject) {
    let real = real::module();
    // SAFETY: functions of the real module, with a session that the caller was about to use.
    unsafe {
        match (loss, subject) {
            (Loss::State, _) => real.C_Finalize.map(|finalize| finalize(ptr::null_mut())),
            (Loss::Session, Subject::Session(session)) => real.C_CloseSession.map(|f| f(*session)),
            (Loss::Login, Subject::Session(session)) => real.C_Logout.map(|f| f(*session)),
            _ => crate::wrong("only a function of a session can lose it"),
        }
    };
}

/// A real fault: an address that is never mapped.
fn crash() -> CK_RV {
    // SAFETY: none: this is what the script asks for. (Null would be caught by Rust's own checks.)
    unsafe { ptr::without_provenance_mut::<u8>(8).write_volatile(1) };
    CKR_OK
}

/// For ever, where that is what the script says.
pub(crate) fn sleep(time: Duration) {
    if time == Duration::MAX {
        loop {
            thread::park();
        }
    }
    thread::sleep(time);
}
