//! A TPM that cannot be reached, and a computer without the library for it: what is said then, and that
//! nothing else is the worse for it.

use std::path::{Path, PathBuf};
use std::process::Command;

use hsm_test::swtpm::Template;

use super::runs::BY_HANDLE;
use super::{TpmLab, lab};
use crate::lab::{granted, install, run, tool, under};
use crate::reach::apart;

/// A run with a TPM that is a device of the kernel. The opening of that device, which is some other,
/// fails as a TPM's does.
fn with_device(lab: &TpmLab, errno: &str) -> crate::lab::Ended {
    const DEVICE: &str = "/dev/zero";
    let chain = lab.tpm.chain(&lab.tpm.key(&Template::P256));
    let mut command = lab.with(BY_HANDLE, &chain);
    command.env("KEYANCHOR_TCTI", format!("device:{DEVICE}"));
    let inject = format!("inject=openat:error={errno}");
    let words =
        ["strace", "-f", "-qq", "-o", "/dev/null", "-P", DEVICE, "-e", "trace=openat", "-e"];
    run(&mut under(&command, &[&words[..], &[&inject]].concat()))
}

#[test]
fn a_device_that_cannot_be_opened_says_what_to_do() {
    let lab = lab();
    lab.check("tpm-device-is-busy", &with_device(&lab, "EBUSY"));
    lab.check("tpm-device-is-not-permitted", &with_device(&lab, "EACCES"));
    lab.check("tpm-device-without-a-driver", &with_device(&lab, "ENODEV"));
}

#[test]
fn a_device_that_is_no_tpm_is_said() {
    let lab = lab();
    let chain = lab.tpm.chain(&lab.tpm.key(&Template::P256));
    let mut command = lab.with(BY_HANDLE, &chain);
    lab.check("tpm-device-is-none", &run(command.env("KEYANCHOR_TCTI", "device:/dev/zero")));
}

/// What a program is linked with.
fn libraries(program: &str) -> String {
    tool("ldd", &[program.as_ref()])
}

#[test]
fn the_main_program_is_not_linked_with_the_tpms_library() {
    for program in [env!("CARGO_BIN_EXE_keyanchor"), env!("CARGO_BIN_EXE_keyanchor-pkcs11")] {
        assert!(!libraries(program).contains("tss2"), "{program}");
    }
    assert!(libraries(env!("CARGO_BIN_EXE_keyanchor-tpm")).contains("libtss2-esys.so"));
}

/// The command where the library is an empty file.
fn without_the_library(command: &Command) -> Option<Command> {
    let libraries = libraries(env!("CARGO_BIN_EXE_keyanchor-tpm"));
    let line = libraries.lines().find(|line| line.contains("libtss2-esys.so")).expect("linked");
    let path = line.split_whitespace().nth(2).expect("NAME => PATH");
    let path = Path::new(path).canonicalize().expect("the library");
    apart(command, &["--mount"], &format!("mount --bind /dev/null '{}'", path.display()))
}

#[test]
fn without_the_library_the_package_is_named_and_all_else_works() {
    let lab = lab();
    let chain = lab.tpm.chain(&lab.tpm.key(&Template::P256));
    let by_handle = lab.with(BY_HANDLE, &chain);
    let Some(mut command) = without_the_library(&by_handle) else { return };
    lab.check("tpm-library-is-missing", &run(&mut command));
    let tokens = crate::lab::lab();
    let Some(mut command) = without_the_library(&tokens.with_key("laptop")) else { return };
    granted(&mut command);
    let Some(mut list) = without_the_library(tokens.command().arg("list")) else { return };
    let ended = run(&mut list);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(ended.stdout.contains("object=laptop"), "{}", ended.stdout);
}

#[test]
fn without_its_host_the_program_is_named() {
    let lab = lab();
    let chain = lab.tpm.chain(&lab.tpm.key(&Template::P256));
    let program: PathBuf = lab.folder.path().join("bin/keyanchor");
    std::fs::create_dir(lab.folder.path().join("bin")).expect("folder");
    install(env!("CARGO_BIN_EXE_keyanchor"), &program);
    let command = crate::lab::bare(&lab.with(BY_HANDLE, &chain));
    let mut alone = Command::new(program);
    alone.args(command.get_args()).env_clear();
    alone.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    lab.check("tpm-host-is-not-installed", &run(&mut alone));
}

#[test]
fn the_host_is_not_for_people() {
    let mut terminal = hsm_test::terminal::Terminal::open();
    let host = Command::new(env!("CARGO_BIN_EXE_keyanchor-tpm"));
    let status = terminal.start(&host).finish().status;
    assert_eq!(status.code(), Some(2));
    assert!(terminal.shown().contains("a device host is started by keyanchor, not by hand"));
}
