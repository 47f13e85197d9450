//! The connection to a TPM: every command is announced first, so that a hang can be laid to it, and
//! what is loaded is remembered until it is flushed. Commands that the TPM only puts off are sent
//! again.

use std::thread;
use std::time::{Duration, Instant};

use tss_esapi::constants::response_code::Tss2ResponseCode;
use tss_esapi::handles::{ObjectHandle, TpmHandle};
use tss_esapi::interface_types::session_handles::AuthSession;
use tss_esapi::structures::Auth;
use tss_esapi::{Context, Error};

use crate::deadline::jitter;
use crate::device::tpm::tcti;
use crate::secret::Secret;
use crate::wire::Failure;
use crate::wire::outbox::Outbox;
use crate::wire::tpm::response_code as code;

/// How long commands are sent again that the TPM puts off, all of one function together. A host
/// whose main program has gone is ended after five seconds, and must have flushed by then.
const PATIENCE: Duration = Duration::from_secs(4);

/// What each flush has of its own, beyond that.
const FOR_A_FLUSH: Duration = Duration::from_millis(300);

/// How long others may take to free a place in the TPM.
const FOR_OTHERS: Duration = Duration::from_millis(1500);

const FLUSH: &str = "TPM2_FlushContext";

/// A TPM that is connected to.
pub(super) struct Link<'a> {
    context: Context,
    outbox: &'a Outbox,
    tcti: String,
    /// How long the TPM has been waited for since [`Link::begin`].
    waited: Duration,
    /// Keys and sessions of ours in the TPM, in the order in which they came.
    loaded: Vec<ObjectHandle>,
    /// What libtss2 knows a password of.
    told: Vec<ObjectHandle>,
    /// What is persistent and known to libtss2, once for each time that it was made known: it has one
    /// handle for all of them.
    known: Vec<ObjectHandle>,
}

/// A command that failed.
#[derive(Debug)]
pub(super) struct Refused {
    command: &'static str,
    /// `None` where it succeeded, and its answer could not be read.
    code: Option<u32>,
}

impl<'a> Link<'a> {
    pub(super) fn open(tcti: &str, outbox: &'a Outbox) -> Result<Self, Failure> {
        let place = tcti::parse(tcti)?;
        outbox.calling("Tss2_TctiLdr_Initialize");
        let context = Context::new(place).map_err(|error| tcti::trouble(tcti, number(&error)))?;
        Ok(Self {
            context,
            outbox,
            tcti: tcti.to_owned(),
            waited: Duration::ZERO,
            loaded: Vec::new(),
            told: Vec::new(),
            known: Vec::new(),
        })
    }

    pub(super) fn tcti(&self) -> &str {
        &self.tcti
    }

    /// A function begins, with all of its time.
    pub(super) fn begin(&mut self) {
        self.waited = Duration::ZERO;
    }

    /// Runs one command, announced by its name, until the TPM does not put it off any more.
    pub(super) fn call<T>(
        &mut self,
        command: &'static str,
        run: impl Fn(&mut Context) -> Result<T, Error>,
    ) -> Result<T, Refused> {
        let own = if command == FLUSH { FOR_A_FLUSH } else { Duration::ZERO };
        let mut began: Option<Instant> = None;
        let answer = loop {
            self.outbox.calling(command);
            let refused = match run(&mut self.context) {
                Ok(value) => break Ok(value),
                Err(error) => Refused { command, code: number(&error) },
            };
            let passed = began.get_or_insert_with(Instant::now).elapsed();
            let patience = refused.patience();
            if patience.is_zero() || passed >= patience.saturating_sub(self.waited).max(own) {
                break Err(refused);
            }
            thread::sleep(jitter(10, 60));
        };
        self.waited += began.map_or(Duration::ZERO, |began| began.elapsed());
        answer
    }

    /// The same with an authorisation.
    pub(super) fn call_with<T>(
        &mut self,
        session: AuthSession,
        command: &'static str,
        run: impl Fn(&mut Context) -> Result<T, Error>,
    ) -> Result<T, Refused> {
        self.call(command, |context| context.execute_with_session(Some(session), &run))
    }

    /// Makes libtss2 know something persistent. It takes no place in the TPM.
    pub(super) fn know(&mut self, handle: TpmHandle) -> Result<ObjectHandle, Refused> {
        let command = match handle {
            TpmHandle::NvIndex(_) => "TPM2_NV_ReadPublic",
            _ => "TPM2_ReadPublic",
        };
        let known = self.call(command, |context| context.tr_from_tpm_public(handle))?;
        self.known.push(known);
        Ok(known)
    }

    /// Remembers that something was loaded.
    pub(super) fn keep(&mut self, handle: impl Into<ObjectHandle>) {
        self.loaded.push(handle.into());
    }

    /// Tells libtss2 a password. It never crosses: what is sent is an HMAC.
    pub(super) fn tell(&mut self, handle: ObjectHandle, password: &Secret) -> Result<(), Failure> {
        let auth = Auth::try_from(password.expose().as_bytes()).map_err(|_| Failure::Protocol)?;
        self.told.push(handle);
        self.context.tr_set_auth(handle, auth).map_err(|_| Failure::Protocol)
    }

    /// Removes it from the TPM, or from libtss2 where it is persistent.
    pub(super) fn release(&mut self, handle: impl Into<ObjectHandle>) {
        let mut handle = handle.into();
        if let Some(place) = self.known.iter().position(|known| *known == handle) {
            self.known.swap_remove(place);
            if !self.known.contains(&handle) {
                self.forget(handle);
                let _ = self.context.tr_close(&mut handle);
            }
        } else if let Some(place) = self.loaded.iter().position(|loaded| *loaded == handle) {
            self.loaded.remove(place);
            self.forget(handle);
            // What cannot be flushed now is tried once more when the connection is closed.
            let _ = self.call(FLUSH, |context| context.flush_context(handle));
        }
    }

    /// Writes over a password in libtss2's memory.
    fn forget(&mut self, handle: ObjectHandle) {
        if self.told.contains(&handle) {
            self.told.retain(|told| *told != handle);
            let _ = self.context.tr_set_auth(handle, Auth::default());
        }
    }

    /// Removes everything of ours from the TPM, the last first, and passwords from libtss2.
    pub(super) fn flush_all(&mut self) {
        while let Some(handle) = self.loaded.last().copied() {
            self.release(handle);
        }
        while let Some(handle) = self.told.last().copied() {
            self.forget(handle);
        }
    }

    /// The context, for what is no command.
    pub(super) fn context(&mut self) -> &mut Context {
        &mut self.context
    }
}

impl Drop for Link<'_> {
    fn drop(&mut self) {
        self.flush_all();
    }
}

impl Refused {
    pub(super) fn is(&self, kind: fn(u32) -> bool) -> bool {
        self.code.is_some_and(kind)
    }

    /// Whether the command succeeded, and what came with it is of no kind that is known here.
    pub(super) fn is_unreadable(&self) -> bool {
        self.code.is_none()
    }

    /// As a failure with the key, the hierarchy or the index that it was about.
    pub(super) fn failure(&self, subject: &str) -> Failure {
        let (code, meaning) = match self.code {
            Some(number) => (code::name(number), code::meaning(number)),
            None => ("TPM_RC_SUCCESS".to_owned(), "what came with it is not known here"),
        };
        Failure::Call {
            function: self.command.to_owned(),
            code,
            subject: subject.to_owned(),
            meaning: meaning.to_owned(),
        }
    }

    fn patience(&self) -> Duration {
        if self.is(code::is_passing) {
            PATIENCE
        } else if self.is(code::is_full) {
            FOR_OTHERS
        } else {
            Duration::ZERO
        }
    }
}

/// The TSS2_RC, which the crate shows and does not give out.
fn number(error: &Error) -> Option<u32> {
    let shown = match error {
        Error::Tss2Error(Tss2ResponseCode::FormatOne(code)) => code.to_string(),
        Error::Tss2Error(Tss2ResponseCode::FormatZero(code)) => code.to_string(),
        _ => return None,
    };
    u32::from_str_radix(shown.rsplit("0x").next()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_a_response_code_is_read_from_what_the_crate_shows() {
        for code in [0x98e, 0x9a2, 0x921, 0x18b, 0x902, 0xa_000a, 0xb_0902] {
            assert_eq!(number(&Error::Tss2Error(code.into())), Some(code));
        }
    }
}
