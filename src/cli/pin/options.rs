//! The options that say where a PIN is, and what may be done with it. Most of their values are never
//! shown in an error: some write the PIN where its place belongs.

use std::io;
use std::os::fd::{AsFd, AsRawFd, IntoRawFd};
use std::path::PathBuf;

use clap::{ArgGroup, Args};
use rustix::io::FdFlags;

use crate::cli::value::wrong;
use crate::error::Usage;
use crate::paths;
use crate::wire::{FilePath, PinRules, PinSource};

/// As they were typed.
#[derive(Args)]
#[group(skip)]
#[command(group = ArgGroup::new("pin").multiple(false))]
pub struct PinOptions {
    /// A file with the PIN, which not everybody can read
    #[arg(long, value_name = "FILE", group = "pin")]
    pin_file: Option<PathBuf>,
    /// An open file descriptor with the PIN
    #[arg(long, value_name = "NUMBER", group = "pin")]
    pin_fd: Option<String>,
    /// An environment variable with the PIN
    #[arg(long, value_name = "VARIABLE", group = "pin")]
    pin_env: Option<String>,
    /// A credential of systemd's with the PIN (LoadCredential=)
    #[arg(long, value_name = "NAME", group = "pin")]
    pin_credential: Option<String>,
    /// A program that prints the PIN; no shell runs it
    #[arg(long, value_name = "COMMAND", group = "pin")]
    pin_command: Option<String>,
    /// Ask nobody for a PIN
    #[arg(long)]
    no_prompt: bool,
    /// Ask for no other PIN where the key wants one of its own
    #[arg(long)]
    reuse_pin: bool,
    /// Send the PIN even if a wrong one would lock the token
    #[arg(long)]
    use_last_try: bool,
    /// The TPM's key has no password
    #[arg(long)]
    no_tpm_key_password: bool,
}

impl PinOptions {
    /// What they mean, as far as it can be known without a device.
    ///
    /// # Errors
    /// When one of them can be none.
    pub(in crate::cli) fn rules(&self) -> Result<PinRules, Usage> {
        let file = || self.pin_file.clone().map(|path| PinSource::File(FilePath(path)));
        let source = match (&self.pin_fd, &self.pin_env, &self.pin_credential, &self.pin_command) {
            (Some(number), ..) => Some(descriptor(number)?),
            (_, Some(name), ..) => Some(variable(name)?),
            (_, _, Some(name), _) => Some(credential(name)?),
            (.., Some(line)) => Some(command(line)?),
            _ => file(),
        };
        Ok(PinRules {
            source,
            no_prompt: self.no_prompt,
            last_try: self.use_last_try,
            reuse: self.reuse_pin,
            no_password: self.no_tpm_key_password,
            withheld: None,
        })
    }
}

/// One that was inherited, and that device hosts inherit in their turn. Our stdin is not theirs: they
/// get it under another number.
fn descriptor(text: &str) -> Result<PinSource, Usage> {
    let unfit = |cause: String| {
        wrong(
            "--pin-fd cannot be used".to_owned(),
            cause,
            "write --pin-fd 3 3</path/to/pin, or --pin-fd 0 for stdin",
        )
    };
    match text.parse::<u32>() {
        Err(_) => Err(unfit("it is not the number of a file descriptor".to_owned())),
        Ok(0) => stdin().map(PinSource::Descriptor).map_err(|error| unfit(paths::reason(&error))),
        Ok(1 | 2) => Err(unfit("stdout and stderr are for the answer".to_owned())),
        Ok(number) if !is_inherited(number) => {
            Err(unfit(format!("file descriptor {number} is not open")))
        }
        Ok(number) => Ok(PinSource::Descriptor(number)),
    }
}

/// Open until the end of the process, and for all that it starts.
fn stdin() -> io::Result<u32> {
    let stdin = io::stdin().as_fd().try_clone_to_owned()?;
    rustix::io::fcntl_setfd(&stdin, FdFlags::empty())?;
    debug_assert!(stdin.as_raw_fd() > 2);
    Ok(stdin.into_raw_fd().cast_unsigned())
}

/// Whether it is open, and none of ours, which are closed for what we start (proc_pid_fdinfo(5)).
fn is_inherited(number: u32) -> bool {
    const CLOSE_ON_EXEC: u32 = 0o2_000_000;
    let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{number}")).unwrap_or_default();
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = flags.and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok());
    flags.is_some_and(|flags| flags & CLOSE_ON_EXEC == 0)
}

/// As a shell could name one.
fn variable(name: &str) -> Result<PinSource, Usage> {
    let letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if !name.chars().all(letter) || name.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(wrong(
            "--pin-env cannot be used".to_owned(),
            "it is not the name of a variable".to_owned(),
            "give the variable's name, and never the PIN itself",
        ));
    }
    Ok(PinSource::Environment(name.to_owned()))
}

/// One file in the folder that systemd makes.
fn credential(name: &str) -> Result<PinSource, Usage> {
    if name.contains('/') || name == ".." || name == "." {
        return Err(wrong(
            "--pin-credential cannot be used".to_owned(),
            "it is a path, and not the name of a credential".to_owned(),
            "give the name that stands before the ':' of LoadCredential=",
        ));
    }
    Ok(PinSource::Credential(name.to_owned()))
}

/// Its words are those that a shell would make of it, but nothing in them is replaced.
fn command(line: &str) -> Result<PinSource, Usage> {
    let words = shlex::split(line).unwrap_or_default();
    if words.first().is_none_or(|program| !program.starts_with('/')) {
        return Err(wrong(
            "--pin-command cannot be used".to_owned(),
            "it does not begin with the absolute path of a program, or a quote is not closed"
                .to_owned(),
            "write it like --pin-command \"/usr/bin/pass show token\"",
        ));
    }
    Ok(PinSource::Command(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_words_and_no_shell() {
        let words = |line| match command(line) {
            Ok(PinSource::Command(words)) => words,
            _ => Vec::new(),
        };
        assert_eq!(words("/bin/echo 'a b' $HOME;ls"), ["/bin/echo", "a b", "$HOME;ls"]);
        for line in ["pass show", "", "/bin/echo 'a", "./pin"] {
            assert!(words(line).is_empty(), "{line}");
        }
    }

    #[test]
    fn what_cannot_be_a_place_is_refused_and_not_shown() {
        let refused = |answer: Result<PinSource, Usage>| {
            let usage = answer.expect_err("refused");
            format!("{} {}", usage.what, usage.cause.unwrap_or_default())
        };
        for shown in [
            refused(variable("6482-19")),
            refused(variable("648219")),
            refused(descriptor("pin648219")),
            refused(credential("../648219")),
            refused(command("648219")),
        ] {
            assert!(!shown.contains("648"), "{shown}");
        }
        assert!(variable("PIN_OF_LAB").is_ok() && credential("lab-pin").is_ok());
    }

    #[test]
    fn our_own_files_are_no_inherited_ones() {
        let file = tempfile::tempfile().expect("file");
        let number = file.as_raw_fd().cast_unsigned();
        assert!(!is_inherited(number) && !is_inherited(99_999));
        rustix::io::fcntl_setfd(&file, FdFlags::empty()).expect("inheritable");
        assert!(is_inherited(number));
    }
}
