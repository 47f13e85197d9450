//! Every fault that a PKCS#11 token or its module can make, made for real on the way to SoftHSM: each
//! ends in a sentence of the right class, or is got over, and no PIN is sent once too often.

use std::time::{Duration, Instant};

use hsm_test::fault::Fault;
use serde_json::Value;

use crate::golden::check;
use crate::lab::{Ended, Lab, fault, granted, lab, run};

mod back_off;
mod killed;
mod readers;
mod removal;
mod short;
mod table;

/// A run for `laptop` with a module that does what `script` says.
struct Faulty {
    lab: Lab,
    fault: Fault,
}

impl Faulty {
    fn new(script: &str) -> Self {
        let lab = lab();
        let fault = fault(&lab, script);
        Self { lab, fault }
    }

    fn command(&self, label: &str, options: &[&str]) -> std::process::Command {
        let mut command = self.lab.with_key(label);
        command.args(options).arg("--pkcs11-lib").arg(self.fault.module());
        command.envs(self.fault.command_env());
        command
    }

    fn run(&self, options: &[&str]) -> Ended {
        run(&mut self.command("laptop", options))
    }

    fn granted(&self) -> Value {
        granted(&mut self.command("laptop", &[]))
    }

    fn logins(&self) -> usize {
        self.fault.calls("C_Login")
    }
}

/// The run fails as the golden file says, after so many logins, and nothing was sent.
fn fails(name: &str, script: &str, logins: usize) -> Faulty {
    let faulty = Faulty::new(script);
    check(name, &faulty.lab, &faulty.run(&[]));
    assert_eq!(faulty.logins(), logins, "{name}: {script}");
    assert!(faulty.lab.server.requests().is_empty(), "{name}");
    faulty
}

/// The run gets over the fault, with so many logins.
fn is_got_over(script: &str, logins: usize) -> Faulty {
    let faulty = Faulty::new(script);
    faulty.granted();
    assert_eq!(faulty.logins(), logins, "{script}");
    faulty
}

/// Six at once, so that waiting costs less.
fn for_each(functions: &[&str], test: impl Fn(&str) + Sync) {
    let test = &test;
    for some in functions.chunks(6) {
        std::thread::scope(|scope| {
            some.iter().for_each(|function| drop(scope.spawn(move || test(function))));
        });
    }
}

/// All that a credential needs of a module, in the order of the first call.
const BEFORE: [&str; 11] = [
    "C_GetFunctionList",
    "C_Initialize",
    "C_GetSlotList",
    "C_GetTokenInfo",
    "C_OpenSession",
    "C_FindObjectsInit",
    "C_FindObjects",
    "C_FindObjectsFinal",
    "C_GetAttributeValue",
    "C_SignInit",
    "C_Sign",
];
const LOGIN: &str = "C_Login";
/// What is called once there is a signature.
const AFTER: [&str; 3] = ["C_CloseSession", "C_Finalize", "unload"];

#[test]
fn a_module_that_crashes_or_ends_anywhere_is_named_with_the_function() {
    for_each(&[BEFORE.as_slice(), &[LOGIN]].concat(), |function| {
        for (action, how) in [
            ("segv", "crashed (signal 11)"),
            ("abort", "crashed (signal 6)"),
            ("exit 0", "ended its process (status 0)"),
        ] {
            let faulty = Faulty::new(&format!("{function} 1 {action}"));
            let ended = faulty.run(&[]);
            let module = faulty.fault.module();
            let line = format!(
                "keyanchor: error: the PKCS#11 module {} {how} in {function}\n",
                module.display()
            );
            assert_eq!(ended.code, 3, "{function} {action}: {}", ended.stderr);
            assert!(ended.stderr.starts_with(&line) && ended.stdout.is_empty(), "{}", ended.stderr);
            // A PIN that may be the reason is not sent again.
            assert!(faulty.logins() <= 1 && faulty.lab.server.requests().is_empty());
        }
    });
}

#[test]
fn a_module_that_hangs_anywhere_is_given_up_and_the_function_named() {
    for_each(&[BEFORE.as_slice(), &[LOGIN]].concat(), |function| {
        let faulty = Faulty::new(&format!("{function} 1 sleep forever"));
        let start = Instant::now();
        let ended = faulty.run(&["--timeout", "5s"]);
        assert!(start.elapsed() < Duration::from_secs(8), "{function}: {:?}", start.elapsed());
        assert_eq!(ended.code, 6, "{function}: {}", ended.stderr);
        let said = format!("did not return from {function} within 5s\n");
        assert!(ended.stderr.contains(&said), "{function}: {}", ended.stderr);
        assert!(faulty.logins() <= 1 && faulty.lab.server.requests().is_empty());
    });
}

#[test]
fn a_module_that_breaks_after_the_signature_does_not_spoil_the_credential() {
    for_each(&AFTER, |function| {
        for action in ["segv", "abort", "exit 9", "sleep forever", "rv 0x5"] {
            let start = Instant::now();
            let faulty = is_got_over(&format!("{function} * {action}"), 1);
            assert!(
                start.elapsed() < Duration::from_secs(10),
                "{function} {action}: as long as a call"
            );
            assert!(function == "unload" || faulty.fault.calls(function) > 0, "{function}");
        }
    });
}

#[test]
fn a_token_that_is_removed_before_its_signature_is_said_to_be() {
    fails("token-removed", "C_Sign 1 rv 0x32", 1);
    fails("token-removed-before-the-login", "C_Login 1 rv 0xe0", 1);
    fails("token-removed-with-its-session", "C_Sign 1 vanish", 1);
}

#[test]
fn no_token_at_all_is_said_after_a_second_look() {
    let absent = fails("no-token-is-present", "C_GetSlotList * count 0", 0);
    assert_eq!(absent.fault.calls("C_Initialize"), 4);
}

#[test]
fn a_token_that_is_there_a_moment_later_is_used() {
    let late = is_got_over("C_GetSlotList 1-2 count 0", 1);
    assert_eq!(late.fault.calls("C_Initialize"), 3);
}

#[test]
fn a_wrong_pin_and_a_locked_one_are_sent_once() {
    let faulty = Faulty::new("");
    let wrong = faulty.lab.write("wrong", "000000");
    let uri = format!("pkcs11:token=lab;object=laptop?pin-source={}", wrong.display());
    let ended = faulty.run(&["--key", &uri]);
    assert_eq!((ended.code, faulty.logins()), (2, 0), "two keys: {}", ended.stderr);
    let mut command = faulty.lab.credential_process();
    command.args(["--key", &uri]).arg("--certificate").arg(faulty.lab.hsm.chain("laptop"));
    command.arg("--pkcs11-lib").arg(faulty.fault.module()).envs(faulty.fault.command_env());
    let ended = run(&mut command);
    assert!(ended.stderr.starts_with("keyanchor: error: wrong PIN"), "{}", ended.stderr);
    assert_eq!((ended.code, faulty.logins()), (4, 1));
    fails("pin-locked-by-the-module", "C_Login * rv 0xa4", 1);
}

#[test]
fn a_session_that_is_lost_is_opened_anew_with_the_pin_that_was_accepted() {
    let returned =
        ["rv 0x60", "rv 0x82", "rv 0xb0", "rv 0xb3", "rv 0x101", "rv 0x190"].map(ToOwned::to_owned);
    // SoftHSM asks for the login at C_SignInit only.
    let real = ["C_SignInit 1 close", "C_SignInit 1 logout", "C_SignInit 1 finalize"];
    let real = [&real[..], &["C_Sign 1 close", "C_Sign 1 finalize"]].concat();
    let said = ["C_SignInit", "C_Sign"]
        .iter()
        .flat_map(|function| returned.iter().map(move |code| format!("{function} 1 {code}")));
    for script in real.into_iter().map(ToOwned::to_owned).chain(said) {
        let begun = is_got_over(&script, 2).fault.calls("C_SignInit");
        // A third where the token itself says that the login is not lost.
        assert!(begun == 2 || (begun == 3 && script == "C_Sign 1 rv 0x101"), "{script}: {begun}");
    }
}

#[test]
fn a_search_in_a_lost_session_is_got_over_too() {
    // The private half is looked for after the login.
    let faulty = Faulty::new("");
    faulty.granted();
    let last = faulty.fault.calls("C_FindObjectsInit");
    is_got_over(&format!("C_FindObjectsInit {last} close"), 2);
}

#[test]
fn a_session_that_is_lost_again_is_an_error() {
    fails("session-lost-twice", "C_Sign * rv 0xb3", 2);
    fails("login-lost-twice", "C_SignInit * rv 0x101", 2);
    fails("state-lost-twice", "C_Sign * rv 0x190", 2);
}

#[test]
fn a_lost_session_is_no_reason_to_use_the_last_try() {
    // Four readings come first: two slots, twice the token before its login and its PIN.
    for flags in ["0x20000", "0x40000"] {
        let script = format!("C_SignInit 1 close\nC_GetTokenInfo 4+ flags +{flags}");
        fails("session-lost-at-the-last-try", &script, 1);
    }
}

#[test]
fn another_token_in_the_same_slot_is_not_logged_in_to() {
    let script = "C_SignInit 1 close\nC_GetTokenInfo 4+ garbage";
    fails("token-replaced-by-another", script, 1);
}

#[test]
fn a_key_that_asks_each_time_survives_a_lost_session() {
    let faulty = Faulty::new("C_SignInit 1 close");
    granted(&mut faulty.command("always", &[]));
    // The token's, lost; the token's again, and the key's own.
    assert_eq!(faulty.logins(), 3);
}

#[test]
fn a_token_that_is_logged_in_to_already_is_ready() {
    is_got_over("C_Login 1 answer 0x100", 1);
}

#[test]
fn what_fails_for_no_reason_is_tried_again_but_never_a_login_or_a_signature() {
    for function in
        ["C_GetSlotList", "C_GetTokenInfo", "C_OpenSession", "C_FindObjectsInit", "C_FindObjects"]
    {
        is_got_over(&format!("{function} 1-3 rv 0x5"), 1);
    }
    let stays = fails("general-error-that-stays", "C_OpenSession * rv 0x5", 0);
    assert_eq!(stays.fault.calls("C_OpenSession"), 4);
    fails("general-error-of-a-login", "C_Login * rv 0x5", 1);
    let sign = fails("general-error-of-a-signature", "C_Sign * rv 0x5", 1);
    assert_eq!((sign.fault.calls("C_SignInit"), sign.fault.calls("C_Sign")), (1, 1));
}

#[test]
fn every_return_value_has_its_sentence_and_its_next_step() {
    fails("computer-out-of-memory", "C_Initialize * rv 0x2", 0);
    fails("token-out-of-memory", "C_SignInit * rv 0x31", 1);
    fails("token-out-of-sessions", "C_OpenSession * rv 0xb1", 0);
    fails("pin-expired", "C_Login * rv 0xa3", 1);
    fails("pin-was-never-set", "C_Login * rv 0x102", 1);
    fails("officer-is-logged-in", "C_Login * rv 0x104", 1);
    fails("signature-declined", "C_Sign * rv 0x50", 1);
    fails("key-may-not-sign", "C_SignInit * rv 0x68", 1);
    fails("mechanism-unknown", "C_SignInit * rv 0x70", 1);
    fails("device-error", "C_Sign * rv 0x30", 1);
    fails("token-not-recognised", "C_OpenSession * rv 0xe1", 0);
    fails("vendors-own-error", "C_Sign * rv 0x80000042", 1);
    fails("module-lacks-a-library", "C_Initialize * rv 0x1b7", 0);
    fails("unknown-return-value", "C_SignInit * rv 0x7777", 1);
    fails("function-list-refused", "C_GetFunctionList * rv 0x5", 0);
    fails("input-that-the-token-does-not-take", "C_Sign * rv 0x20", 1);
    fails("key-of-another-kind", "C_SignInit * rv 0x63", 1);
    fails("operations-miscounted-twice", "C_SignInit * rv 0x90", 2);
    fails("pin-locked-before-the-signature", "C_Sign * rv 0xa4", 1);
    fails("token-removed-says-its-module", "C_GetSlotList * rv 0x32", 0);
    // Codes of NSS's own.
    fails("module-without-its-database-of-keys", "C_Initialize * rv 0xce534352", 0);
}

#[test]
fn a_function_that_a_module_does_not_have_is_named() {
    fails("function-that-is-missing", "C_Sign * absent", 1);
    // It succeeds, and gives out nothing.
    fails("functions-that-are-none", "C_GetFunctionList * rv 0x0", 0);
    let needed = BEFORE.iter().filter(|f| !["C_GetFunctionList", "C_FindObjectsFinal"].contains(f));
    for_each(&needed.copied().chain([LOGIN]).collect::<Vec<_>>(), |function| {
        let ended = Faulty::new(&format!("{function} * absent")).run(&[]);
        let line = format!("keyanchor: error: {function} failed on ");
        assert!(ended.stderr.starts_with(&line), "{function}: {}", ended.stderr);
        assert!(ended.stderr.contains("the module does not have this function"), "{function}");
        assert_eq!(ended.code, 3, "{function}");
    });
    is_got_over("C_CloseSession * absent\nC_Finalize * absent", 1);
}

#[test]
fn a_module_that_lies_about_numbers_is_not_believed() {
    for count in ["99", "0xffffffff", "0xffffffffffffffff"] {
        fails("count-of-objects-that-cannot-be", &format!("C_FindObjects 1 count {count}"), 0);
    }
    fails("objects-without-end", "C_FindObjects * count 64", 0);
    for count in ["0xffffffff", "0xffffffffffffffff"] {
        fails("count-of-slots-that-cannot-be", &format!("C_GetSlotList 1 count {count}"), 0);
    }
    fails("count-of-slots-that-cannot-be", "C_GetSlotList 2 count 99", 0);
    for length in ["0xffffffff", "0x7fffffffffffffff"] {
        for call in 1..=2 {
            let script = format!("C_GetAttributeValue {call} length {length}");
            fails("length-of-an-attribute-that-cannot-be", &script, 0);
        }
        let script = format!("C_Sign 1 length {length}");
        fails("length-of-a-signature-that-cannot-be", &script, 1);
    }
}

#[test]
fn a_module_that_lies_about_handles_and_texts_is_an_error() {
    fails("session-handle-zero", "C_OpenSession * zero", 0);
    fails("object-handle-zero", "C_FindObjects * zero", 0);
    fails("texts-of-a-token-that-are-none", "C_GetTokenInfo * garbage", 0);
    fails("no-token-info-that-parses", "C_GetTokenInfo * unparsable lab", 0);
}

#[test]
fn a_signature_of_the_wrong_size_is_never_sent() {
    fails("length-of-a-signature-that-cannot-be", "C_Sign * length 63", 1);
    fails("length-of-a-signature-that-cannot-be", "C_Sign * length 0", 1);
    fails("signature-that-does-not-verify", "C_Sign * length 62", 1);
    fails("signature-that-does-not-verify", "C_Sign * length 8192", 1);
    let faulty = Faulty::new("C_Sign * length 255");
    let ended = run(&mut faulty.command("rsa2048", &[]));
    check("signature-that-does-not-verify", &faulty.lab, &ended);
}
