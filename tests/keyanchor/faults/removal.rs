//! A token that is pulled out before its signature or in the midst of it, in each way in which a module
//! may say so.

use std::time::{Duration, Instant};

use super::{Faulty, fails};
use crate::golden::check;
use crate::lab::{lab, run};

/// The token cannot be had any more, and that is all there is to say.
fn is_said_to_be_removed(script: &str, code: &str) {
    let faulty = Faulty::new(script);
    let ended = faulty.run(&[]);
    let said = format!(
        "keyanchor: error: token 'lab' was removed\nkeyanchor: cause: C_Sign: {code}\n\
         keyanchor: hint: insert it, leave it in, and run it again\n"
    );
    assert_eq!((ended.code, ended.stderr, ended.stdout), (3, said, String::new()), "{script}");
    assert_eq!(faulty.logins(), 1, "{script}");
    assert!(faulty.lab.server.requests().is_empty(), "{script}");
}

#[test]
fn before_the_signature_it_is_said_whichever_way_the_module_says_it() {
    is_said_to_be_removed("C_Sign 1 rv 0x32", "CKR_DEVICE_REMOVED");
    is_said_to_be_removed("C_Sign 1 rv 0xe0", "CKR_TOKEN_NOT_PRESENT");
    // Its session is gone, and so is the token when it is looked for.
    is_said_to_be_removed("C_Sign 1 vanish", "CKR_SESSION_HANDLE_INVALID");
}

#[test]
fn during_the_signature_it_is_said_as_soon_as_the_module_knows() {
    is_said_to_be_removed("C_Sign 1 rv 0x32 after 5", "CKR_DEVICE_REMOVED");
    is_said_to_be_removed("C_Sign 1 rv 0xe0 after 5", "CKR_TOKEN_NOT_PRESENT");
}

#[test]
fn a_signature_that_never_comes_is_given_up_at_the_deadline_of_a_call() {
    fails("signature-never-comes", "C_Sign 1 sleep forever", 1);
}

#[test]
fn where_no_token_is_there_at_the_start_it_is_said_at_once() {
    let lab = lab();
    let tokens = lab.hsm.dir().join("tokens");
    std::fs::remove_dir_all(&tokens).expect("pulled out");
    std::fs::create_dir(&tokens).expect("an empty reader");
    let start = Instant::now();
    check("no-token-is-present", &lab, &run(&mut lab.with_key("laptop")));
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}
