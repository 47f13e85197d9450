//! Which TPM: the one that the reference, or else a variable, names, and otherwise the one that the
//! kernel has. No TPM is opened here; a device that is missing or not ours to use is told before a
//! host is started for it.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use crate::key::tpm::{Tcti, TctiError};
use crate::paths;

/// Variables that name a TPM, the more important first: ours, and that of the AWS helper.
const VARIABLES: [&str; 2] = ["KEYANCHOR_TCTI", "TPM_DEVICE"];

/// Through the kernel's resource manager, and past it.
const DEVICES: [&str; 2] = ["/dev/tpmrm0", "/dev/tpm0"];

/// Why no TPM can be asked.
#[derive(Debug, thiserror::Error)]
pub enum NoTpm {
    /// A device that was named, or that the kernel has.
    #[error("the TPM {} cannot be used", .0.path().display())]
    Device(paths::Error),
    /// None was named, and the kernel has none.
    #[error("no TPM is here")]
    None {
        /// Where it would be.
        tried: Vec<PathBuf>,
    },
    /// A variable that names none.
    #[error("{variable} cannot be used")]
    Variable {
        /// Its name.
        variable: &'static str,
        /// What is wrong with its value.
        source: TctiError,
    },
}

impl NoTpm {
    /// Whether it is there, and not for this user.
    #[must_use]
    pub fn is_for_others(&self) -> bool {
        matches!(self, Self::Device(paths::Error::Io { source, .. })
            if source.kind() == io::ErrorKind::PermissionDenied)
    }
}

/// The TPM that was named in a reference, else in `KEYANCHOR_TCTI`, else in `TPM_DEVICE` (which may be
/// a path alone), else the kernel's. `variable` is the environment, without what is empty; `look`
/// tells whether a device can be used.
///
/// # Errors
/// When a variable makes no sense, or the device is missing, none, or not ours to use.
pub fn choose(
    named: Option<&Tcti>,
    variable: &dyn Fn(&str) -> Option<OsString>,
    look: &dyn Fn(&Path) -> Result<(), paths::Error>,
) -> Result<Tcti, NoTpm> {
    let tcti = match named {
        Some(tcti) => Some(tcti.clone()),
        None => from_variables(variable)?,
    };
    match tcti {
        Some(Tcti::Device(path)) => {
            look(&path).map_err(NoTpm::Device)?;
            Ok(Tcti::Device(path))
        }
        Some(tcti) => Ok(tcti),
        None => the_kernels(look),
    }
}

fn from_variables(variable: &dyn Fn(&str) -> Option<OsString>) -> Result<Option<Tcti>, NoTpm> {
    let set = VARIABLES.into_iter().find_map(|name| Some((name, variable(name)?)));
    let Some((variable, value)) = set else { return Ok(None) };
    let tcti = value.to_str().ok_or(TctiError::Malformed).and_then(str::parse);
    tcti.map(Some).map_err(|source| NoTpm::Variable { variable, source })
}

/// The second only where the first is missing: past the resource manager there is room for few.
fn the_kernels(look: &dyn Fn(&Path) -> Result<(), paths::Error>) -> Result<Tcti, NoTpm> {
    for device in DEVICES.map(Path::new) {
        match look(device) {
            Ok(()) => return Ok(Tcti::Device(device.into())),
            Err(paths::Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(NoTpm::Device(error)),
        }
    }
    Err(NoTpm::None { tried: DEVICES.map(PathBuf::from).into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a computer with these devices chooses; those with a `-` before them are not for us.
    fn chosen(named: &str, variables: &[(&str, &str)], devices: &[&str]) -> Result<String, NoTpm> {
        let named: Option<Tcti> = named.parse().ok();
        let variable = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into())
        };
        let look = |path: &Path| {
            let path = path.display().to_string();
            let kind = if devices.contains(&path.as_str()) {
                return Ok(());
            } else if devices.contains(&format!("-{path}").as_str()) {
                io::ErrorKind::PermissionDenied
            } else {
                io::ErrorKind::NotFound
            };
            Err(paths::Error::Io { path: path.into(), source: kind.into() })
        };
        choose(named.as_ref(), &variable, &look).map(|tcti| tcti.to_string())
    }

    #[test]
    fn the_reference_counts_before_the_variables_and_these_before_the_kernel() {
        let both = [("TPM_DEVICE", "/dev/tpm7"), ("KEYANCHOR_TCTI", "swtpm:port=7")];
        let devices = ["/dev/tpmrm0", "/dev/tpm0", "/dev/tpm7"];
        let expected = [
            (chosen("mssim:port=8", &both, &devices), "mssim:host=localhost,port=8"),
            (chosen("", &both, &devices), "swtpm:host=localhost,port=7"),
            (chosen("", &both[..1], &devices), "device:/dev/tpm7"),
            (chosen("", &[], &devices), "device:/dev/tpmrm0"),
            (chosen("", &[], &devices[1..]), "device:/dev/tpm0"),
        ];
        for (chosen, expected) in expected {
            assert_eq!(chosen.expect(expected), expected);
        }
    }

    #[test]
    fn a_tpm_that_is_missing_or_for_others_is_told() {
        assert!(matches!(chosen("", &[], &[]), Err(NoTpm::None { .. })));
        assert!(matches!(chosen("/dev/tpm9", &[], &["/dev/tpm0"]), Err(NoTpm::Device(_))));
        let error = chosen("", &[], &["-/dev/tpmrm0", "/dev/tpm0"]).expect_err("not for us");
        assert!(error.is_for_others(), "{error}");
        let error = chosen("", &[("TPM_DEVICE", "swtpm:path=/x")], &[]).expect_err("a path");
        assert!(matches!(error, NoTpm::Variable { variable: "TPM_DEVICE", .. }), "{error}");
    }
}
