//! No module is named: those that are registered with p11-kit are asked, all of them, and nothing is
//! picked silently.

use std::path::{Path, PathBuf};
use std::process::Command;

use hsm_test::softhsm::SoftHsm;

use crate::calls::{Calls, spy};
use crate::golden::check;
use crate::lab::{Lab, granted, lab, run};

/// Registers modules for this test's user. The system's own may be registered as well; they have no
/// token of ours.
fn register(lab: &Lab, modules: &[&Path]) {
    let folder = lab.hsm.dir().join(".config/pkcs11/modules");
    std::fs::create_dir_all(&folder).unwrap();
    // A user's file hides the system's of the same name, and with it another SoftHSM.
    std::fs::write(folder.join("softhsm2.module"), "module:\n").unwrap();
    for (number, module) in modules.iter().enumerate() {
        let file = folder.join(format!("lab{number}.module"));
        std::fs::write(file, format!("module: {}\n", module.display())).unwrap();
    }
}

fn unnamed(mut command: Command) -> Command {
    command.env_remove("KEYANCHOR_PKCS11_LIB");
    command
}

/// The same module in another file: what two drivers of one card are.
fn twin(lab: &Lab) -> PathBuf {
    let twin = lab.safe.path().join("twin.so");
    std::fs::copy(SoftHsm::module(), &twin).expect("twin");
    twin
}

#[test]
fn a_registered_module_is_found() {
    let lab = lab();
    register(&lab, &[&SoftHsm::module()]);
    granted(&mut unnamed(lab.with_key("laptop")));
}

#[test]
fn a_module_that_is_registered_twice_is_asked_once() {
    let lab = lab();
    register(&lab, &[&spy(), &spy()]);
    let log = lab.hsm.dir().join("spy.log");
    let mut command = unnamed(lab.with_key("laptop"));
    granted(command.env("PKCS11SPY", SoftHsm::module()).env("PKCS11SPY_OUTPUT", &log));
    assert_eq!(Calls(std::fs::read_to_string(log).expect("log")).of("C_Initialize"), 1);
}

#[test]
fn a_key_that_two_modules_show_is_not_picked_silently() {
    let lab = lab();
    register(&lab, &[&SoftHsm::module(), &twin(&lab)]);
    check("two-modules-are-both-named", &lab, &run(&mut unnamed(lab.with_key("laptop"))));
    assert!(lab.server.requests().is_empty());
}

#[test]
fn no_login_is_tried_where_another_module_has_a_token_that_fits() {
    let lab = lab();
    register(&lab, &[&spy(), &twin(&lab)]);
    let log = lab.hsm.dir().join("spy.log");
    let mut command = unnamed(lab.credential_process());
    command.args(["--key", &lab.uri("absent")]).arg("--certificate").arg(lab.hsm.chain("laptop"));
    let ended = run(command.env("PKCS11SPY", SoftHsm::module()).env("PKCS11SPY_OUTPUT", &log));
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    assert_eq!(Calls(std::fs::read_to_string(log).expect("log")).of("C_Login"), 0);
}

#[test]
fn a_broken_module_does_not_stand_in_the_way_of_a_good_one() {
    let lab = lab();
    let crash = crate::lab::fault(&lab, "C_Initialize * segv");
    register(&lab, &[&crash.module(), &SoftHsm::module()]);
    granted(unnamed(lab.with_key("laptop")).envs(crash.command_env()));
    assert_eq!(crash.calls("C_Initialize"), 1);
}
