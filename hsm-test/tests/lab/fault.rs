//! The fault shim, judged by pkcs11-tool: without a line it changes nothing, with one it does what that says.

use std::process::{Command, Output};

use hsm_test::fault::Fault;
use hsm_test::softhsm::SoftHsm;

/// Signs with `laptop` through a shim of its own.
fn signed(hsm: &SoftHsm, script: &str) -> (Fault, Output) {
    let fault = Fault::new(hsm.dir(), &SoftHsm::module(), script);
    let output = sign(hsm, &fault);
    (fault, output)
}

fn sign(hsm: &SoftHsm, fault: &Fault) -> Output {
    let mut command = Command::new("pkcs11-tool");
    command.envs(hsm.command_env()).envs(fault.command_env()).env("PIN", SoftHsm::PIN);
    command.arg("--module").arg(fault.module());
    command.args(["--token-label", "lab", "--login", "--pin", "env:PIN", "--sign"]);
    command.args(["--mechanism", "ECDSA", "--id", "01", "--input-file"]).arg(hsm.pin_file());
    command.arg("--output-file").arg("/dev/null").output().expect("pkcs11-tool")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn without_a_fault_everything_passes_and_is_counted() {
    let hsm = SoftHsm::provisioned();
    let (fault, output) = signed(&hsm, "# nothing\n\nC_Sign 99 abort\n");
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!((fault.calls("C_Login"), fault.calls("C_SignInit")), (1, 1));
    assert_eq!(fault.calls("C_Initialize"), 1);
}

#[test]
fn calls_are_counted_over_processes_and_the_script_speaks_of_that_count() {
    let hsm = SoftHsm::provisioned();
    let (fault, output) = signed(&hsm, "C_Login 2 rv 0x32\n");
    assert!(output.status.success(), "{}", said(&output));
    let output = sign(&hsm, &fault);
    assert!(said(&output).contains("CKR_DEVICE_REMOVED"), "{}", said(&output));
    assert_eq!(fault.calls("C_Login"), 2);
}

#[test]
fn a_return_value_is_given_instead_of_the_call_or_after_it() {
    let hsm = SoftHsm::provisioned();
    let (_, output) = signed(&hsm, "C_Login * rv 0xa4");
    assert!(said(&output).contains("CKR_PIN_LOCKED"), "{}", said(&output));
    let (_, output) = signed(&hsm, "C_SignInit * answer 0x31");
    assert!(said(&output).contains("CKR_DEVICE_MEMORY"), "{}", said(&output));
}

#[test]
fn a_crash_and_an_end_are_real_and_the_call_was_written_down() {
    use std::os::unix::process::ExitStatusExt;
    for (action, signal, code) in
        [("segv", Some(11), None), ("abort", Some(6), None), ("exit 7", None, Some(7))]
    {
        let hsm = SoftHsm::provisioned();
        let (fault, output) = signed(&hsm, &format!("C_OpenSession 1 {action}"));
        assert_eq!((output.status.signal(), output.status.code()), (signal, code), "{action}");
        assert_eq!(fault.calls("C_OpenSession"), 1);
    }
}

#[test]
fn a_token_that_vanishes_takes_its_handles_along() {
    let hsm = SoftHsm::provisioned();
    let (_, output) = signed(&hsm, "C_SignInit 1 vanish");
    assert!(said(&output).contains("CKR_SESSION_HANDLE_INVALID"), "{}", said(&output));
}

#[test]
fn a_session_that_is_lost_is_really_lost() {
    for (loss, code) in
        [("close", "CKR_SESSION_HANDLE_INVALID"), ("finalize", "CKR_CRYPTOKI_NOT_INITIALIZED")]
    {
        let hsm = SoftHsm::provisioned();
        let (_, output) = signed(&hsm, &format!("C_SignInit 1 {loss}"));
        assert!(said(&output).contains(code), "{}", said(&output));
    }
}

#[test]
fn a_function_that_is_absent_is_not_in_the_list() {
    let hsm = SoftHsm::provisioned();
    // pkcs11-tool needs it, and calls through the list without a look.
    let (fault, output) = signed(&hsm, "C_SignInit * absent");
    assert!(!output.status.success() && fault.calls("C_SignInit") == 0, "{}", said(&output));
    assert_eq!(fault.calls("C_Login"), 1);
}

#[test]
fn a_script_that_is_not_understood_is_a_loud_error() {
    for line in [
        "C_Sign 1 explode",
        "C_Frob 1 abort",
        "C_Sign one abort",
        "C_Sign 1 rv",
        "C_Sign 1 rv 0xzz",
        "C_Sign",
        "C_Login 1 corrupt",
        "C_GetFunctionList 1 absent",
    ] {
        let hsm = SoftHsm::provisioned();
        let (fault, output) = signed(&hsm, line);
        assert!(!output.status.success() && said(&output).contains("p11-fault: "), "{line}");
        let counted = std::panic::catch_unwind(|| fault.calls("C_Sign"));
        assert!(counted.is_err(), "{line}");
    }
}
