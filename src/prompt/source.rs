//! A PIN that was configured: where it is, and how it is read, as late as can be. What no token
//! would take is found here. What a source holds is never in a message; nor is the name of a
//! variable, because some write the PIN there.

use std::ffi::OsString;
use std::fs::File;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use zeroize::Zeroizing;

use crate::paths::{self, Mark};
use crate::prompt::spawner::Spawner;
use crate::secret::{Secret, SecretBytes};
use crate::wire::PinSource;
use crate::wire::failure::Origin;

/// Longest PIN that is sent, in bytes; HSMs that take passwords allow up to 255.
const LONGEST: usize = 255;

/// Most that is read of a source, in bytes: enough to tell a long PIN from a file of another kind.
pub(super) const MOST: usize = 1024;

/// The place of a PIN.
pub struct Source {
    place: PinSource,
    /// `pin-value`, until it is given out.
    value: Option<Secret>,
    /// The file descriptor, opened anew: programs that are started inherit no such file.
    open: Option<Result<File, String>>,
}

/// A PIN, and where it came from.
pub struct Pin {
    /// The PIN.
    pub secret: Secret,
    /// For messages.
    pub origin: Origin,
}

/// The file of a PIN, so that a change can be seen.
pub(super) type Marked = Option<(PathBuf, Mark)>;

impl Source {
    /// The place that the main program names, and `value` where that is the URI itself.
    #[must_use]
    pub fn new(place: PinSource, value: Option<Secret>) -> Self {
        let open = match place {
            PinSource::Descriptor(number) => Some(reopened(number)),
            _ => None,
        };
        Self { place, value, open }
    }

    /// For messages.
    #[must_use]
    pub fn origin(&self) -> Origin {
        match &self.place {
            PinSource::Command(words) => {
                Origin::Command(words.first().cloned().unwrap_or_default())
            }
            PinSource::Credential(name) => Origin::Credential(name.clone()),
            PinSource::Descriptor(_) => Origin::Descriptor,
            PinSource::Environment(_) => Origin::Variable,
            PinSource::File(path) => Origin::File(path.0.display().to_string()),
            PinSource::Value => Origin::Value,
        }
    }

    /// Whether a person or a program may be waited for.
    #[must_use]
    pub fn may_take_long(&self) -> bool {
        self.place.may_take_long()
    }

    /// Which file it is, where it is one, and whether it could be read. It is not.
    ///
    /// # Errors
    /// When it could not.
    pub(super) fn mark(&self) -> Result<Option<Mark>, String> {
        match &self.place {
            PinSource::Credential(name) => {
                let file = credential(name)?;
                paths::mark_of_secret(&file).map(|_| None).map_err(|error| error.why())
            }
            PinSource::Environment(name) if std::env::var_os(name).is_none() => {
                from_variable(None).map(|_| None)
            }
            PinSource::File(path) => {
                paths::mark_of_secret(&path.0).map(Some).map_err(|error| error.why())
            }
            _ => Ok(None),
        }
    }

    /// Reads the PIN; `programs` starts the one of `--pin-command`. What is not a file may be read once
    /// only.
    ///
    /// # Errors
    /// When there is none, or what is there cannot be one.
    pub fn read(&mut self, programs: Option<&Spawner>) -> Result<(Secret, Marked), String> {
        let (bytes, file) = match &self.place {
            PinSource::Command(_) => {
                let programs = programs.ok_or("no process is there to start it")?;
                return programs.pin_from_command().map(|pin| (pin, None));
            }
            // Made anew with each start of the service: that it is another file means nothing.
            PinSource::Credential(name) => (from_file(credential(name)?)?.0, None),
            PinSource::Descriptor(_) => (from_descriptor(self.open.take())?, None),
            PinSource::Environment(name) => (from_variable(std::env::var_os(name))?, None),
            PinSource::File(path) => from_file(path.0.clone())?,
            PinSource::Value => {
                let value = self.value.take().ok_or("it was read before")?;
                check(value.expose())?;
                return Ok((value, None));
            }
        };
        // Descriptors, credentials and files end with a line break as editors and `echo` write it.
        Ok((pin_in(bytes)?, file))
    }
}

/// The file that has to be read for it, if it is one.
#[must_use]
pub fn pin_file(place: &PinSource) -> Option<PathBuf> {
    match place {
        PinSource::Credential(name) => credential(name).ok(),
        PinSource::File(path) => Some(path.0.clone()),
        PinSource::Command(_)
        | PinSource::Descriptor(_)
        | PinSource::Environment(_)
        | PinSource::Value => None,
    }
}

/// systemd sets the folder for a service, and nobody else can read there.
fn credential(name: &str) -> Result<PathBuf, String> {
    let folder = std::env::var_os("CREDENTIALS_DIRECTORY").filter(|folder| !folder.is_empty());
    let folder =
        folder.ok_or("CREDENTIALS_DIRECTORY is not set: this is no service of systemd's")?;
    Ok(Path::new(&folder).join(name))
}

fn from_file(path: PathBuf) -> Result<(SecretBytes, Marked), String> {
    let (bytes, mark) = paths::read_secret(&path, MOST as u64).map_err(|error| error.why())?;
    Ok((bytes, Some((path, mark))))
}

/// The file behind an inherited descriptor, opened once more so that it is ours to close. The
/// inherited one is closed: what we start later must not have it.
fn reopened(number: u32) -> Result<File, String> {
    // Not waiting: a named pipe that nobody writes to any more could be opened by its next writer only.
    let no_wait = OFlags::NONBLOCK.bits().cast_signed();
    let file = format!("/proc/self/fd/{number}");
    let file = File::options().read(true).custom_flags(no_wait).open(file).and_then(|file| {
        fcntl_setfl(&file, fcntl_getfl(&file)? - OFlags::NONBLOCK)?;
        Ok(file)
    });
    if let Ok(number) = i32::try_from(number) {
        // Where it was not open, that is said by the other call.
        let _ = nix::unistd::close(number);
    }
    file.map_err(|error| paths::reason(&error))
}

fn from_descriptor(file: Option<Result<File, String>>) -> Result<SecretBytes, String> {
    let file = file.ok_or("it was read before")??;
    let mut bytes = SecretBytes::with_capacity(MOST + 1);
    bytes.read_from(&mut &file).map_err(|error| paths::reason(&error))?;
    Ok(bytes)
}

fn from_variable(value: Option<OsString>) -> Result<SecretBytes, String> {
    let value = value.ok_or("there is no such variable")?;
    Ok(SecretBytes::from(Zeroizing::new(value.into_encoded_bytes()).as_slice()))
}

/// Why a program gave no PIN, without its name where the message has it already.
pub(super) fn named_by_user(words: &[String], reason: String) -> String {
    let named = words.first().map(PathBuf::from).unwrap_or_default();
    let really = std::fs::canonicalize(&named).unwrap_or_default();
    let names = [named, really].map(|path| format!("{}: ", path.display()));
    let bare = names.iter().find_map(|name| reason.strip_prefix(name.as_str()));
    bare.map(str::to_owned).unwrap_or(reason)
}

/// The PIN that a source holds: the first line break at the end is not part of it (RFC 7512 §7 and
/// editors).
///
/// # Errors
/// When it is not text, or no token could take it.
pub fn pin_in(mut bytes: SecretBytes) -> Result<Secret, String> {
    for end in *b"\n\r" {
        if bytes.last() == Some(&end) {
            bytes.pop();
        }
    }
    let pin = Secret::from_utf8(bytes).map_err(|_| "the PIN is not UTF-8 text")?;
    check(pin.expose())?;
    Ok(pin)
}

/// Whether a token could take it at all.
///
/// # Errors
/// When it is empty, too long, or holds what nobody can type.
pub(super) fn check(pin: &str) -> Result<(), &'static str> {
    match pin {
        "" => Err("the PIN is empty"),
        pin if pin.len() > LONGEST => Err("the PIN is longer than 255 bytes"),
        pin if pin.chars().any(char::is_control) => Err("the PIN holds a control character"),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::FilePath;
    use std::os::unix::fs::PermissionsExt;

    fn from(content: &[u8], mode: u32) -> Result<String, String> {
        let file = tempfile::NamedTempFile::new().expect("file");
        std::fs::write(file.path(), content).expect("write");
        std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(mode))
            .expect("chmod");
        let mut source = Source::new(PinSource::File(FilePath(file.path().into())), None);
        source.read(None).map(|(pin, _)| pin.expose().to_owned())
    }

    #[test]
    fn one_line_break_at_the_end_of_a_file_is_not_part_of_the_pin() {
        for content in [b"1234".as_slice(), b"1234\n", b"1234\r\n"] {
            assert_eq!(from(content, 0o600).as_deref(), Ok("1234"));
        }
        assert!(from(b"1234\n\n", 0o600).is_err());
    }

    #[test]
    fn a_file_that_everybody_can_read_and_a_pin_that_cannot_be_one_are_refused() {
        for (content, mode) in [
            (b"1234".as_slice(), 0o644),
            (b"", 0o600),
            (b"\n", 0o600),
            (b"\xff", 0o600),
            (&[b'1'; 256], 0o600),
        ] {
            assert!(from(content, mode).is_err(), "{content:?}");
        }
    }

    #[test]
    fn a_pin_value_is_given_out_once() {
        let mut source = Source::new(PinSource::Value, Some(Secret::new("1234".into())));
        assert!(source.read(None).is_ok());
        assert!(source.read(None).is_err());
    }

    #[test]
    fn a_descriptor_is_closed_for_all_that_is_started_later() {
        let file = tempfile::tempfile().expect("file");
        std::io::Write::write_all(&mut &file, b"1234\n").expect("write");
        let number = std::os::fd::IntoRawFd::into_raw_fd(file);
        let mut source = Source::new(PinSource::Descriptor(number.cast_unsigned()), None);
        assert!(std::fs::metadata(format!("/proc/self/fd/{number}")).is_err(), "it is open still");
        assert_eq!(
            source.read(None).map(|(pin, _)| pin.expose().to_owned()).as_deref(),
            Ok("1234")
        );
        assert!(source.read(None).is_err());
    }
}
