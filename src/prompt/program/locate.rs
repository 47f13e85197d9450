//! Where a program is, and whether nobody but root and the user could have changed it: what it is
//! given to see, or to be asked, is a secret.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

use crate::paths;
use crate::prompt::plain;

/// The program of that name: an absolute path, or a plain name that is looked for in the absolute
/// folders of `PATH`.
///
/// # Errors
/// When it is not there, cannot be run, or others could have changed it: which, and why.
pub fn locate(name: &OsStr) -> Result<PathBuf, String> {
    locate_in(name, &std::env::var_os("PATH").unwrap_or_default())
}

fn locate_in(name: &OsStr, path: &OsStr) -> Result<PathBuf, String> {
    let failed = |reason: &str| format!("{}: {reason}", plain(&name.to_string_lossy()));
    let found = if Path::new(name).is_absolute() {
        name.into()
    } else if name.as_encoded_bytes().contains(&b'/') {
        return Err(failed("neither an absolute path nor the plain name of a program"));
    } else {
        let folders = std::env::split_paths(path).filter(|folder| folder.is_absolute());
        let mut places = folders.map(|folder| folder.join(name));
        places.find(|place| can_be_run(place)).ok_or_else(|| failed("not found in PATH"))?
    };
    let program = paths::trusted_code(&found).map_err(|error| plain(&error.to_string()))?;
    if can_be_run(&program) { Ok(program) } else { Err(failed("not executable")) }
}

fn can_be_run(place: &Path) -> bool {
    place.is_file() && access(place, Access::EXEC_OK).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    fn program(folder: &Path, name: &str, mode: u32) -> PathBuf {
        let path = folder.join(name);
        fs::write(&path, "#!/bin/sh\n").expect("write");
        fs::set_permissions(&path, Permissions::from_mode(mode)).expect("chmod");
        path
    }

    fn reason(name: &str, path: &str) -> String {
        locate_in(name.as_ref(), path.as_ref()).expect_err(name)
    }

    #[test]
    fn a_plain_name_is_looked_for_in_the_absolute_folders_of_the_path() {
        let home = std::env::home_dir().expect("home");
        let folder = tempfile::tempdir_in(&home).expect("folder");
        let here = folder.path().display().to_string();
        program(folder.path(), "text", 0o644);
        let asks = program(folder.path(), "asks", 0o755);
        let found = locate_in("asks".as_ref(), format!("relative::/nowhere:{here}").as_ref());
        assert_eq!(found.as_deref(), Ok(asks.canonicalize().expect("path").as_path()));
        assert_eq!(reason("text", &here), "text: not found in PATH");
        assert_eq!(reason("asks", "."), "asks: not found in PATH");
        assert_eq!(reason("", &here), ": not found in PATH");
        let relative = reason("./asks", &here);
        assert!(relative.starts_with("./asks: neither an absolute path"), "{relative}");
    }

    #[test]
    fn a_program_that_others_could_have_changed_is_not_run() {
        let home = std::env::home_dir().expect("home");
        let folder = tempfile::tempdir_in(&home).expect("folder");
        let here = folder.path().canonicalize().expect("path");
        let open = program(&here, "open", 0o757).display().to_string();
        let text = program(&here, "text", 0o644).display().to_string();
        let expected = format!("{open}: others can write to it");
        assert_eq!(reason("open", &here.display().to_string()), expected);
        assert_eq!(reason(&open, ""), expected);
        assert_eq!(reason(&text, ""), format!("{text}: not executable"));
        assert_eq!(reason("/no\nwhere", ""), "/no?where: no such file or directory");
    }
}
