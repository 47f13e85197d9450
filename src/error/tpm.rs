//! What is told when a TPM, or the file of a key of one, cannot be used or does not open.

use crate::error::{Class, KINDS, Report, pin};
use crate::key::tpm::public::TpmPublicError;
use crate::key::tss2::Tss2Error;
use crate::paths;
use crate::signer::Error;
use crate::signer::tcti::NoTpm;
use crate::wire::Failure;
use crate::wire::failure::TpmTrouble;

const NAME_ITS_PLACE: &str =
    "enable the TPM in the firmware, or say where it is with KEYANCHOR_TCTI";

/// `None` for what is not a TPM's alone.
pub(super) fn of_failure(failure: &Failure) -> Option<Report> {
    Some(match failure {
        Failure::Lockout { untried, heals, .. } => Report::new(Class::Pin, failure)
            .cause(if *untried {
                "too many passwords were wrong, so nothing was tried"
            } else {
                "too many passwords were wrong, of this key or another"
            })
            .hint(match heals {
                Some(seconds) => format!(
                    "one try is allowed again within {}; {}",
                    time(*seconds),
                    pin::END_LOCK_OUT
                ),
                None => pin::END_LOCK_OUT.to_owned(),
            }),
        Failure::NoTpm { trouble, reason, .. } => {
            Report::new(Class::Local, failure).cause(reason).hint(match trouble {
                TpmTrouble::Absent => NAME_ITS_PLACE,
                TpmTrouble::Busy => {
                    "use /dev/tpmrm0, which shares the TPM, or end the other program"
                }
                TpmTrouble::NotPermitted => {
                    "add yourself to the group tss (sudo usermod -aG tss $USER) and log in again"
                }
                TpmTrouble::Place => {
                    "give device:/dev/tpmrm0, swtpm:host=…,port=…, mssim:host=…,port=… or tabrmd:…"
                }
                TpmTrouble::Silent => {
                    "start what stands for the TPM there, or correct KEYANCHOR_TCTI"
                }
            })
        }
        Failure::NvIndex { reason, .. } => Report::new(Class::Local, failure).cause(reason).hint(
            "see what is there with tpm2_nvreadpublic, or give the certificate with --certificate",
        ),
        Failure::ParentPassword { .. } => {
            Report::new(Class::Pin, failure).cause("the key cannot be loaded without it")
        }
        Failure::Stranger { record, .. } => Report::new(Class::Local, failure)
            .cause("it was cleared or exchanged, or somebody stands between; no password was sent")
            .hint(format!("if you know why, remove {record}, which remembers the key")),
        _ => return None,
    })
}

fn time(seconds: u64) -> String {
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds.div_ceil(60)),
        _ => format!("{} h", seconds.div_ceil(3600)),
    }
}

const WHERE: &str = "say where it is with KEYANCHOR_TCTI, such as device:/dev/tpmrm0";

pub(super) fn no_tpm(error: &NoTpm) -> Report {
    match error {
        NoTpm::Device(source) => {
            let hint = match source {
                _ if error.is_for_others() => {
                    "add yourself to the group tss (usermod -aG tss USER), and log in again"
                }
                paths::Error::Unsafe { .. } => {
                    "a TPM's emulator is reached by its port: swtpm:host=127.0.0.1,port=2321"
                }
                _ => WHERE,
            };
            Report::new(Class::Local, error).cause(source.why()).hint(hint)
        }
        NoTpm::None { tried } => {
            let tried: Vec<_> = tried.iter().map(|path| path.display().to_string()).collect();
            Report::new(Class::Local, error)
                .cause(format!("neither {} exists", tried.join(" nor ")))
                .hint("switch it on in the setup of the firmware or the virtual machine, or say where it is with KEYANCHOR_TCTI")
        }
        NoTpm::Variable { source, .. } => Report::new(Class::Usage, error)
            .cause(source.to_string())
            .hint("write device:/dev/tpmrm0 or swtpm:host=127.0.0.1,port=2321, or unset it"),
    }
}

pub(super) fn key_file(error: &Error, source: &Tss2Error) -> Report {
    let hint = match source {
        Tss2Error::Importable => {
            "import it (tpm2_import), and write it as a key to be loaded (tpm2_encodeobject)"
        }
        Tss2Error::Policy => {
            "make a key that a password opens, or one without; policies are not replayed"
        }
        Tss2Error::Public(TpmPublicError::Key(_)) => KINDS,
        _ => "give a file as openssl genpkey -provider tpm2 or tpm2_encodeobject writes it",
    };
    Report::new(Class::Local, error).cause(source.to_string()).hint(hint)
}
