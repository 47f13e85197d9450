//! Where a password must not be: on the line to the TPM, in the memory of the main program, and in any
//! system call by which it could leave. Each search is shown to find what it looks for.

use std::path::{Path, PathBuf};
use std::process::Command;

use hsm_test::marker::Marker;
use hsm_test::swtpm::{Parent, Tap, Template};
use hsm_test::terminal::Terminal;

use super::runs::{BY_HANDLE, HANDLE, typed};
use super::{TpmLab, lab};
use crate::lab::{bare, granted};
use crate::secrecy::{in_the_memory_of, in_the_memory_of_a_run, patient, told_nothing, traced};

/// The password of the key: as long as one can be.
const OF_THE_KEY: &str = "kEy7wX2-oF-bXk93vTzR0-mArKeR-u5L";
/// That of its parent.
const OF_THE_PARENT: &str = "pArEnT2-oF-bQk61vTzR0-mArKeR-j8W";

const KEY: Template = Template { password: Some(OF_THE_KEY), protected: true, ..Template::P256 };

/// A key below a parent with a password, at its handle and in a file, and a tap to reach it by.
struct Marked {
    lab: TpmLab,
    tap: Tap,
    file: String,
    chain: PathBuf,
}

fn marked() -> Marked {
    let mut lab = lab();
    lab.tpm.make_parent(Parent::SRK, Some(OF_THE_PARENT));
    let key = lab.tpm.key_under(&KEY, Parent::SRK);
    lab.tpm.persist(&key, HANDLE);
    let (file, chain) = (lab.file(&key), lab.tpm.chain(&key));
    let tap = Tap::start(&lab.tpm);
    Marked { lab, tap, file, chain }
}

impl Marked {
    /// A run that has no password yet.
    fn with(&self, reference: &str) -> Command {
        let mut command = self.lab.with(reference, &self.chain);
        command.env("KEYANCHOR_TCTI", self.tap.tcti());
        command
    }

    /// A run with the passwords in files.
    fn stored(&self, reference: &str) -> Command {
        let mut command = self.with(reference);
        command.arg("--pin-file").arg(self.lab.secret("of-the-key", OF_THE_KEY));
        command
    }

    /// The file, with the source of its parent's password.
    fn in_file(&self) -> String {
        let source = self.lab.secret("of-the-parent", OF_THE_PARENT);
        format!("tpm:file={}?parent-pin-source={}", self.file, source.display())
    }

    fn folder(&self) -> &Path {
        self.lab.folder.path()
    }

    /// The TPM was asked for something with a password, and nothing of it was on the line.
    fn nothing_was_seen(&self) {
        assert!(!self.tap.sent().is_empty());
        for password in [OF_THE_KEY, OF_THE_PARENT] {
            let forms = |octets: &[u8]| Marker::new(password).found_in(octets);
            assert_eq!(forms(&self.tap.sent()), [""; 0]);
            assert_eq!(forms(&self.tap.answered()), [""; 0]);
            assert!(!self.tap.saw(&password.as_bytes()[..8]));
        }
    }
}

#[test]
fn no_password_that_is_stored_crosses_the_line() {
    let marked = marked();
    granted(&mut marked.stored(BY_HANDLE));
    granted(&mut marked.stored(&marked.in_file()));
    marked.nothing_was_seen();
}

#[test]
fn no_password_that_is_typed_crosses_the_line() {
    let marked = marked();
    let mut terminal = Terminal::open();
    terminal.start_captured(&bare(&marked.with(&marked.file)));
    typed(&mut terminal, OF_THE_KEY);
    typed(&mut terminal, OF_THE_PARENT);
    let output = terminal.finish();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    marked.nothing_was_seen();
}

#[test]
fn no_wrong_password_crosses_the_line() {
    let marked = marked();
    for reference in [BY_HANDLE.to_owned(), marked.in_file()] {
        let mut command = marked.with(&reference);
        let wrong = marked.lab.secret("wrong", &OF_THE_KEY[..20]);
        let ended = crate::lab::run(command.arg("--pin-file").arg(wrong));
        assert_eq!(ended.code, 4, "{}", ended.stderr);
    }
    marked.nothing_was_seen();
}

/// tpm2_createprimary sends the password of a new key without a session that hides it.
#[test]
fn a_password_that_crosses_the_line_is_seen() {
    let marked = marked();
    let mut create = Command::new("tpm2_createprimary");
    create.envs(marked.tap.command_env()).args(["-Q", "-C", "n", "-p", OF_THE_KEY]);
    let output = create.output().expect("tpm2_createprimary");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(marked.tap.saw(OF_THE_KEY.as_bytes()));
    let found = Marker::new(OF_THE_KEY).found_in(&marked.tap.sent());
    assert_eq!(found, ["the beginning", "the end"]);
}

#[test]
fn no_copy_of_a_password_that_is_stored_is_in_the_main_program() {
    for password in [OF_THE_KEY, OF_THE_PARENT] {
        let marked = marked();
        let command = marked.stored(&marked.in_file());
        let (server, marker) = (&marked.lab.server, Marker::new(password));
        assert_eq!(in_the_memory_of_a_run(server, marked.folder(), &command, &marker), [""; 0]);
    }
}

#[test]
fn no_copy_of_a_password_that_is_typed_is_in_the_main_program() {
    let marked = marked();
    let (server, marker) = (&marked.lab.server, Marker::new(OF_THE_KEY));
    let mut terminal = Terminal::open();
    terminal.start_captured(&patient(server, &bare(&marked.with(BY_HANDLE))));
    typed(&mut terminal, OF_THE_KEY);
    assert_eq!(in_the_memory_of(server, marked.folder(), terminal.leader(), &marker), [""; 0]);
}

#[test]
fn no_system_call_hands_a_password_on() {
    let marked = marked();
    let command = marked.stored(&marked.in_file());
    let output = traced(marked.folder(), &command).output().expect("strace");
    for password in [OF_THE_KEY, OF_THE_PARENT] {
        told_nothing(marked.folder(), &output, "TPM2_Sign", &Marker::new(password), &[]);
    }
    let mut terminal = Terminal::open();
    terminal.start_captured(&traced(marked.folder(), &marked.with(BY_HANDLE)));
    typed(&mut terminal, OF_THE_KEY);
    let output = terminal.finish();
    told_nothing(marked.folder(), &output, "TPM2_Sign", &Marker::new(OF_THE_KEY), &[]);
    marked.nothing_was_seen();
}
