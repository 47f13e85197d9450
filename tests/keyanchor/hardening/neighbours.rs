//! Other users of this computer who may write where we look, and what a module leaves behind.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::golden::check;
use crate::hosts::own_programs;
use crate::lab::{fault, granted, install, lab, run, tool};

/// As an access control list that names somebody shows itself: in the group's bits (acl(5)).
fn open_to_its_group(path: &Path) {
    let mode = fs::metadata(path).expect("it is there").permissions().mode();
    fs::set_permissions(path, fs::Permissions::from_mode(mode | 0o020)).expect("chmod");
}

#[test]
fn a_module_that_a_group_may_change_is_not_loaded_whatever_the_group() {
    let lab = lab();
    let fault = fault(&lab, "");
    let journey = || {
        let mut command = lab.with_key("laptop");
        command.arg("--pkcs11-lib").arg(fault.module());
        command
    };
    granted(&mut journey());
    open_to_its_group(&fault.module());
    let ended = run(&mut journey());
    assert_eq!((ended.code, fault.calls("C_Initialize")), (3, 1), "{}", ended.stderr);
    assert!(ended.stderr.contains("others can write to it"), "{}", ended.stderr);
    fs::set_permissions(fault.module(), fs::Permissions::from_mode(0o755)).expect("chmod");
    open_to_its_group(lab.safe.path());
    assert_eq!(run(&mut journey()).code, 3, "nor one in such a folder");
}

#[test]
fn a_pin_file_that_its_group_can_change_is_not_read() {
    let lab = lab();
    let file = lab.write("group-pin", hsm_test::softhsm::SoftHsm::PIN);
    let journey = || {
        let mut command = lab.with_key("laptop");
        command.arg("--pin-file").arg(&file);
        command
    };
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).expect("chmod");
    granted(&mut journey());
    open_to_its_group(&file);
    check("pin-file-that-its-group-can-change", &lab, &run(&mut journey()));
}

#[test]
fn a_device_host_that_others_could_change_is_not_started() {
    let lab = lab();
    let program = own_programs(&lab);
    granted(&mut lab.with_program(&program, "laptop"));
    open_to_its_group(&program.with_file_name("keyanchor-pkcs11"));
    let ended = run(&mut lab.with_program(&program, "laptop"));
    check("device-host-that-others-could-change", &lab, &ended);
}

#[test]
fn a_device_host_in_libexec_is_looked_for_from_a_folder_called_bin_alone() {
    let lab = lab();
    let libexec = lab.safe.path().join("libexec/keyanchor");
    fs::create_dir_all(&libexec).expect("a folder");
    install(env!("CARGO_BIN_EXE_keyanchor-pkcs11"), &libexec.join("keyanchor-pkcs11"));
    for (folder, code) in [("bin", 0), ("elsewhere", 3)] {
        let folder = lab.safe.path().join(folder);
        fs::create_dir_all(&folder).expect("a folder");
        install(env!("CARGO_BIN_EXE_keyanchor"), &folder.join("keyanchor"));
        let ended = run(&mut lab.with_program(&folder.join("keyanchor"), "laptop"));
        assert_eq!(ended.code, code, "{}: {}", folder.display(), ended.stderr);
    }
}

#[test]
fn a_child_that_a_module_forks_does_not_keep_the_token_from_others() {
    let lab = lab();
    let fault = fault(&lab, "C_SignInit 1 fork");
    let journey = || {
        let mut command = lab.with_key("laptop");
        command.arg("--pkcs11-lib").arg(fault.module());
        command
    };
    granted(&mut journey());
    assert_eq!(fault.outcome("fork"), 0, "the child is there for 20 seconds");
    granted(&mut journey());
}

/// Another program of the user cannot attach to one that it cannot read, from its first instruction on.
#[test]
fn what_is_installed_cannot_be_read_and_is_taken_away_again() {
    let lab = lab();
    let (programs, root) = (lab.safe.path().join("built"), lab.safe.path().join("root"));
    fs::create_dir(&programs).expect("a folder");
    for built in [
        env!("CARGO_BIN_EXE_keyanchor"),
        env!("CARGO_BIN_EXE_keyanchor-pkcs11"),
        env!("CARGO_BIN_EXE_keyanchor-tpm"),
        env!("CARGO_BIN_EXE_keyanchor-piv"),
    ] {
        install(built, &programs.join(Path::new(built).file_name().expect("a name")));
    }
    let make = |target: &str| {
        let words = [
            "-s".to_owned(),
            "-C".to_owned(),
            env!("CARGO_MANIFEST_DIR").to_owned(),
            target.to_owned(),
            format!("DESTDIR={}", root.display()),
            "PREFIX=/usr".to_owned(),
            format!("PROGRAMS={}", programs.display()),
        ];
        tool("make", &words.each_ref().map(AsRef::as_ref));
    };
    make("install");
    let installed = ["bin/keyanchor", "libexec/keyanchor/keyanchor-pkcs11"];
    let places = installed.map(|name| root.join("usr").join(name));
    for place in &places {
        let mode = fs::metadata(place).expect("installed").permissions().mode();
        assert_eq!(mode & 0o7777, 0o711, "{}", place.display());
    }
    granted(&mut lab.with_program(&places[0], "laptop"));
    make("uninstall");
    assert!(places.iter().all(|place| !place.exists()));
    assert!(!root.join("usr/libexec/keyanchor").exists());
    assert!(Command::new(&places[0]).spawn().is_err());
}
