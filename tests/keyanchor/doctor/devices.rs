//! TPMs and cards that are broken: told as a run would, and nothing of theirs is counted.

use hsm_test::piv::{Template, YubiKey};
use hsm_test::swtpm;

use super::{broken, broken_as_a_run, examined, step, those};
use crate::{piv, tpm};

#[test]
fn a_card_its_slot_and_its_pin_are_told_apart() {
    let lab = piv::with_key(Template::P256);
    let wanted = "piv:slot=9a;serial=7";
    let steps = broken_as_a_run(&mut lab.with_pin(wanted), "token", 3);
    assert_eq!(step(&steps, "tls")["status"], "ok");
    broken_as_a_run(&mut lab.with_pin("piv:slot=9c"), "key", 3);
    lab.card.leave_tries(1);
    let mark = lab.card.mark();
    broken(&lab.with_pin("piv:slot=9a"), "pin", 4);
    let mut last = lab.with_pin("piv:slot=9a");
    let (ended, steps) = examined(last.arg("--use-last-try"));
    assert_eq!((ended.code, those(&steps, "warning")), (0, vec!["pin".to_owned()]));
    assert_eq!(lab.card.log_since(mark).count("GENERAL-AUTHENTICATE"), 0);
    assert_eq!(lab.card.state().pin_tries, 1, "no try was used");
    let wrong = lab.pin(&YubiKey::PIN.replace('1', "2"));
    let mut lock = lab.with("piv:slot=9a");
    assert_eq!(crate::lab::run(lock.arg("--pin-file").arg(wrong).arg("--use-last-try")).code, 4);
    broken_as_a_run(&mut lab.with_pin("piv:slot=9a"), "pin", 4);
}

#[test]
fn a_tpm_its_key_and_its_lock_out_are_told_apart() {
    let lab = tpm::lab();
    let protected =
        swtpm::Template { protected: true, password: Some("s3cret"), ..swtpm::Template::P256 };
    let key = lab.tpm.key(&protected);
    lab.tpm.persist(&key, 0x8100_0101);
    let chain = lab.tpm.chain(&key);
    let with = |reference: &str, password: &str| {
        let mut process = lab.with(reference, &chain);
        process.arg("--pin-file").arg(lab.password(password));
        process
    };
    let mut absent = with("tpm:handle=0x81000101", "s3cret");
    absent.env("KEYANCHOR_TCTI", "swtpm:host=127.0.0.1,port=1");
    broken_as_a_run(&mut absent, "token", 3);
    broken_as_a_run(&mut with("tpm:handle=0x81000102", "s3cret"), "key", 3);
    let mut process = with("tpm:handle=0x81000101", "s3cret");
    for wrong in ["one", "two", "three"] {
        let mut wrong = with("tpm:handle=0x81000101", wrong);
        crate::lab::run(wrong.arg("--use-last-try"));
    }
    let steps = broken_as_a_run(&mut process, "pin", 4);
    assert_eq!(step(&steps, "token")["status"], "ok");
    assert_eq!(lab.tpm.left_behind(), Vec::<u32>::new());
}
