//! Where a TPM is (TCG TCTI, TSS 2.0): strings that the library would read otherwise than they say
//! are refused, and what is wrong there is found out when it does not open.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::str::FromStr;

use tss_esapi::TctiNameConf;

use crate::paths;
use crate::wire::Failure;
use crate::wire::failure::TpmTrouble;
use crate::wire::tpm::response_code;

/// What each kind may say about itself. The library passes over all else, and takes its defaults.
const KINDS: [(&str, &[&str]); 3] = [
    ("mssim", &["host", "port"]),
    ("swtpm", &["host", "port"]),
    ("tabrmd", &["bus_name", "bus_type"]),
];

pub(super) fn parse(tcti: &str) -> Result<TctiNameConf, Failure> {
    let (kind, rest) = tcti.split_once(':').unwrap_or((tcti, ""));
    let refused = |reason: String| place(tcti, TpmTrouble::Place, reason);
    if kind != "device" {
        let keys = KINDS.iter().find(|(known, _)| *known == kind);
        let Some((_, keys)) = keys else {
            return Err(refused(format!("'{kind}' is not a way to a TPM that is supported")));
        };
        for part in rest.split(',').filter(|part| !part.is_empty()) {
            let key = part.split('=').next().unwrap_or_default();
            if kind == "swtpm" && key == "path" {
                let reason = "a socket in the file system (path=) is not supported, only a port";
                return Err(refused(reason.to_owned()));
            }
            if !keys.contains(&key) {
                return Err(refused(format!("{kind} knows {}, not '{key}'", keys.join(" and "))));
            }
        }
    }
    TctiNameConf::from_str(tcti).map_err(|_| refused("it is not well-formed".to_owned()))
}

/// Why nothing could be opened there.
pub(super) fn trouble(tcti: &str, code: Option<u32>) -> Failure {
    if let Some(device) = tcti.strip_prefix("device:") {
        let opened = File::options().read(true).write(true).open(device);
        if let Err(error) = opened {
            let reason = format!("{device}: {}", paths::reason(&error));
            return place(tcti, of_device(&error), reason);
        }
    }
    let code = code.map_or_else(|| "no code".to_owned(), response_code::name);
    place(tcti, TpmTrouble::Silent, format!("libtss2 says {code}: nothing answers there"))
}

fn of_device(error: &io::Error) -> TpmTrouble {
    match error.kind() {
        ErrorKind::NotFound => TpmTrouble::Absent,
        ErrorKind::PermissionDenied => TpmTrouble::NotPermitted,
        ErrorKind::ResourceBusy => TpmTrouble::Busy,
        // ENXIO and ENODEV: the node is there, and no driver behind it.
        _ if matches!(error.raw_os_error(), Some(6 | 19)) => TpmTrouble::Absent,
        _ => TpmTrouble::Silent,
    }
}

fn place(tcti: &str, trouble: TpmTrouble, reason: String) -> Failure {
    Failure::NoTpm { tcti: tcti.to_owned(), trouble, reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_that_the_library_would_read_otherwise_are_refused() {
        for tcti in ["device:/dev/tpmrm0", "device", "swtpm:host=127.0.0.1,port=2321", "tabrmd:"] {
            assert!(parse(tcti).is_ok(), "{tcti}");
        }
        for tcti in [
            "swtpm:path=/run/tpm.sock",
            "swtpm:hots=tpm.example",
            "swtpm:port=123456",
            "mssim:path=/x",
            "cmd:tpm2_send",
            "/dev/tpmrm0",
            "",
        ] {
            let Err(Failure::NoTpm { trouble, reason, .. }) = parse(tcti) else {
                panic!("{tcti} is taken");
            };
            assert_eq!(trouble, TpmTrouble::Place, "{tcti}: {reason}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_device_is_found_out() {
        let of = |device: &str| match trouble(&format!("device:{device}"), None) {
            Failure::NoTpm { trouble, .. } => trouble,
            other => panic!("{other:?}"),
        };
        assert_eq!(of("/dev/no-such-tpm"), TpmTrouble::Absent);
        assert_eq!(of("/dev/null"), TpmTrouble::Silent);
    }
}
