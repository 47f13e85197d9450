//! What is told when a key, a token or its host fails.

use std::path::Path;

use crate::error::{Class, KINDS, Report, TRY_EACH_STEP, call, listed, pin, piv, tpm};
use crate::signer::Error;
use crate::wire::Failure;
use crate::wire::tpm::response_code;

const NAME_THE_MODULE: &str = "give the module with --pkcs11-lib, or register it with p11-kit";

pub(super) fn report(error: &Error) -> Report {
    match error {
        Error::Crashed { device, .. } if piv::is_card(device) => Report::new(Class::Local, error)
            .hint("it is a fault of keyanchor-piv or of libpcsclite; run it with --debug and report it"),
        Error::Crashed { sandboxed, .. } => {
            let report = Report::new(Class::Local, error)
                .hint("the module is at fault; try a newer version of it, or run with --debug to see its calls");
            if *sandboxed { in_a_sandbox(report) } else { report }
        }
        Error::Device(failure) => of_failure(failure),
        Error::Hung { device, .. } if device.starts_with("TPM at ") => {
            Report::new(Class::Deadline, error)
                .cause("its device host was ended")
                .hint(response_code::CONNECTION)
        }
        Error::Hung { device, .. } if piv::is_card(device) => {
            Report::new(Class::Deadline, error)
                .cause("its device host was ended")
                .hint(piv::PULL_IT)
        }
        Error::Hung { .. } => Report::new(Class::Deadline, error)
            .cause("its device host was ended")
            .hint("check the token and the service that the module talks to"),
        Error::KeyFile { path, reason } => Report::new(Class::Local, error)
            .cause(without(reason, path))
            .hint("give a PEM file with a PKCS#8, SEC1 or PKCS#1 key that only you can read (chmod 600)"),
        Error::Killed { .. } => Report::new(Class::Local, error)
            .cause("somebody ended it, or the system had no memory left")
            .hint("run it again when there is memory"),
        Error::LoginNeeded => Report::new(Class::Pin, error).hint("add --login"),
        Error::LostWithTheQuestion { .. } => Report::new(Class::Pin, error).hint(pin::TYPE_IT),
        Error::ManyTokens { tokens, .. } => Report::new(Class::Pin, error)
            .cause(format!("it is for one token, and {tokens} tokens want one"))
            .hint("name the module of that token with --pkcs11-lib, or type the PINs on a terminal"),
        Error::Module { module, reason } => Report::new(Class::Local, error)
            .cause(without(reason, module))
            .hint("the module and all folders above it must belong to root or to you, and be writable by nobody else"),
        Error::NoSuchModule { module, reason } => Report::new(Class::Local, error)
            .cause(without(reason, module))
            .hint("give the module's full path with --pkcs11-lib; OpenSC's is opensc-pkcs11.so, SoftHSM's libsofthsm2.so"),
        Error::NoModule => Report::new(Class::Local, error).hint(NAME_THE_MODULE),
        Error::NoTpm(error) => tpm::no_tpm(error),
        Error::UnsafeHost { reason, .. } => Report::new(Class::Local, error).cause(reason).hint(
            "the program and all folders above it must belong to root or to you, and be writable by nobody else",
        ),
        Error::NobodyAnswered { awaited, .. } => {
            Report::new(Class::Deadline, error).hint(pin::in_time(*awaited))
        }
        Error::NoPublicKey { .. } => Report::new(Class::Local, error)
            .cause("neither a public key nor a certificate is beside it")
            .hint("give the certificate with --certificate"),
        Error::NotInstalled { program, tried } => {
            let tried: Vec<_> = tried.iter().map(|path| path.display().to_string()).collect();
            Report::new(Class::Local, error)
                .cause(format!("tried {}", listed(&tried)))
                .hint(format!("install {program} beside keyanchor"))
        }
        Error::NoLibrary { program, library, packages, .. } => Report::new(Class::Local, error)
            .cause(format!("{program} does not start for want of {library}"))
            .hint(format!("install {packages}")),
        Error::Sandboxed(failure) => in_a_sandbox(of_failure(failure)),
        Error::System(source) => Report::new(Class::Local, error)
            .cause(crate::paths::reason(source))
            .hint("this computer is out of processes, files or memory, or the device host is not executable"),
        Error::TpmKeyFile { source, .. } => tpm::key_file(error, source),
        Error::Unfit { reason } => Report::new(Class::Local, error)
            .cause(reason)
            .hint("reinstall keyanchor: all its programs must be of one version"),
        Error::Unsupported { source, .. } => Report::new(Class::Local, error)
            .cause(source.to_string())
            .hint(KINDS),
    }
}

/// What it needs may be what it is not allowed.
fn in_a_sandbox(report: Report) -> Report {
    // Of two next steps the nearer one.
    let hint = report.advice().unwrap_or_default().trim_end_matches(TRY_EACH_STEP).to_owned();
    let more = "if the module needs files or a network that it may not have here, try --no-sandbox";
    report.hint(format!("{hint}; {more}"))
}

/// The path is in the first line already.
fn without(reason: &str, path: &Path) -> String {
    let named = format!("{}: ", path.display());
    reason.strip_prefix(&named).unwrap_or(reason).to_owned()
}

pub(super) fn of_failure(failure: &Failure) -> Report {
    match failure {
        Failure::Ambiguous { what, candidates, .. } => Report::new(Class::Local, failure)
            .cause(listed(candidates))
            .hint(match what.as_str() {
                "cards" => "add one of these to the URI after --key".to_owned(),
                "modules" => "name the module with --pkcs11-lib".to_owned(),
                "certificates" => "give the URI of one of them with --certificate".to_owned(),
                _ => "give the URI of one of them with --key".to_owned(),
            }),
        Failure::Busy { .. } => Report::new(Class::Deadline, failure)
            .hint("end the other process, or allow more time with --timeout or --wait"),
        Failure::Call { function, code, meaning, .. } => Report::new(call::class(code), failure)
            .cause(format!("{code}: {meaning}"))
            .hint(call::hint(function, code)),
        Failure::Key { key, reason } if key.starts_with("tpm:") => {
            Report::new(Class::Local, failure).cause(reason).hint(response_code::ANOTHER_KEY)
        }
        Failure::Key { key, reason } if key.starts_with("piv:") => {
            Report::new(Class::Local, failure).cause(reason).hint(piv::ANOTHER_KEY)
        }
        Failure::Key { reason, .. } => Report::new(Class::Local, failure)
            .cause(reason)
            .hint("look at the token's objects with its own tool, or with pkcs11-tool --list-objects --login"),
        Failure::Lock { reason } => Report::new(Class::Local, failure).cause(reason).hint(pin::REMOVE),
        Failure::Module { reason, .. } => Report::new(Class::Local, failure)
            .cause(reason)
            .hint(format!(
                "give the path of a PKCS#11 module for this system with --pkcs11-lib{TRY_EACH_STEP}"
            )),
        Failure::NoObject { what, wanted, present } if wanted.starts_with("piv:") => {
            Report::new(Class::Local, failure)
                .cause(if present.is_empty() {
                    format!("no {what} is in any slot")
                } else {
                    format!("the card has {}", listed(present))
                })
                .hint(piv::ANOTHER_SLOT)
        }
        Failure::NoObject { what, present, .. } => Report::new(Class::Local, failure)
            .cause(if present.is_empty() {
                format!("no {what} can be seen on the token")
            } else {
                format!("the token has {}", listed(present))
            })
            .hint("correct object or id in the URI; labels are compared exactly"),
        Failure::NoToken { present, .. } => of_tokens(failure, present),
        Failure::Removed { cause, .. } => Report::new(Class::Local, failure)
            .cause(cause)
            .hint("insert it, leave it in, and run it again"),
        Failure::Resources { reason } => Report::new(Class::Local, failure)
            .cause(reason)
            .hint("end other programs, or raise the limits (ulimit)"),
        Failure::Swappable { reason } => Report::swappable(failure, reason.clone()),
        Failure::TooMuch => Report::new(Class::Local, failure)
            .hint("name fewer objects: add object, id or token to the URI"),
        Failure::Protocol => Report::new(Class::Local, failure)
            .hint("reinstall keyanchor: all its programs must be of one version"),
        _ => tpm::of_failure(failure)
            .or_else(|| piv::of_failure(failure))
            .unwrap_or_else(|| pin::report(failure)),
    }
}

fn of_tokens(failure: &Failure, present: &[String]) -> Report {
    let report = Report::new(Class::Local, failure);
    if present.is_empty() {
        return report
            .cause("no token is present")
            .hint("insert the token, or check its driver and configuration");
    }
    let quoted: Vec<_> = present.iter().map(|label| format!("'{label}'")).collect();
    let tokens = if quoted.len() == 1 { "token present" } else { "tokens present" };
    report
        .cause(format!("{tokens}: {}", listed(&quoted)))
        .hint("insert the right token, or correct the URI; labels are compared exactly")
}
