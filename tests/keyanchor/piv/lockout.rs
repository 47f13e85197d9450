//! What a wrong PIN costs, read from the card's own counter: one try, then none; never the last one; and the PUK is
//! never touched.

use hsm_test::piv::{Template, YubiKey};

use super::{lab, with, with_key};
use crate::lab::{granted, run};

const SLOT: &str = "piv:slot=9a";

#[test]
fn a_wrong_pin_costs_one_try_and_none_while_its_file_is_the_same() {
    let lab = with_key(Template::P256);
    let file = lab.pin("111111");
    let mut command = lab.with(SLOT);
    command.arg("--pin-file").arg(&file);
    let (first, pins, signatures) = lab.counted(&mut command);
    assert_eq!((first.code, pins, signatures), (4, 1, 0), "{}", first.stderr);
    assert_eq!(lab.card.state().pin_tries, 2);
    lab.check("piv-wrong-pin-names-tries-left", &first);
    for _ in 0..2 {
        let (again, pins, _) = lab.counted(&mut command);
        assert_eq!((again.code, pins), (4, 0), "{}", again.stderr);
        lab.check("piv-pin-that-was-refused-before", &again);
    }
    std::fs::write(&file, YubiKey::PIN).expect("the PIN is put right");
    let (right, pins, signatures) = lab.counted(&mut command);
    assert_eq!((right.code, pins, signatures), (0, 1, 1), "{}", right.stderr);
    assert_eq!((lab.card.state().pin_tries, lab.server.requests().len()), (3, 1));
}

#[test]
fn all_ways_that_are_not_files_cost_one_try_together() {
    let lab = with_key(Template::P256);
    let mut by_variable = lab.with(SLOT);
    by_variable.args(["--pin-env", "P"]).env("P", "111111");
    let mut by_program = lab.with(SLOT);
    by_program.args(["--pin-command", "/bin/echo 222222"]);
    let mut by_value = lab.with(&format!("{SLOT}?pin-value=333333"));
    let codes = [&mut by_variable, &mut by_program, &mut by_value].map(|command| run(command).code);
    assert_eq!((codes, lab.card.state().pin_tries), ([4; 3], 2));
    crate::lab::run(lab.command().args(["pin", "forget"]));
    assert_eq!(run(&mut by_program).code, 4);
    assert_eq!(lab.card.state().pin_tries, 1, "what is forgotten is sent again");
}

#[test]
fn what_the_card_says_to_a_wrong_pin_is_told() {
    let lab = with_key(Template::P256);
    let with = |pin: &str, options: &[&str]| {
        run(lab.with(SLOT).arg("--pin-file").arg(lab.pin(pin)).args(options))
    };
    lab.card.leave_tries(2);
    lab.check("piv-wrong-pin-leaves-one-try", &with("111111", &[]));
    lab.check("piv-pin-at-the-last-try", &with(YubiKey::PIN, &[]));
    lab.check("piv-wrong-pin-was-the-last-try", &with("2222222", &["--use-last-try"]));
    lab.check("piv-pin-is-locked", &with(YubiKey::PIN, &["--use-last-try"]));
}

#[test]
fn the_last_try_is_left_alone_unless_it_is_asked_for_by_name() {
    let lab = with_key(Template::P256);
    lab.card.leave_tries(1);
    let (ended, pins, signatures) = lab.counted(&mut lab.with_pin(SLOT));
    assert_eq!((ended.code, pins, signatures), (4, 0, 0), "{}", ended.stderr);
    let (ended, pins, signatures) = lab.counted(lab.with_pin(SLOT).arg("--use-last-try"));
    assert_eq!((ended.code, pins, signatures), (0, 1, 1), "{}", ended.stderr);
    assert_eq!(lab.card.state().pin_tries, 3, "the right one makes it whole again");
    lab.card.leave_tries(0);
    let (ended, pins, _) = lab.counted(lab.with_pin(SLOT).arg("--use-last-try"));
    assert_eq!((ended.code, pins), (4, 0), "{}", ended.stderr);
}

#[test]
fn the_puk_is_never_touched() {
    let lab = with_key(Template::P256);
    let (mark, before) = (lab.card.mark(), lab.card.state().puk_tries);
    for pin in ["111111", "2222222", "33333333", YubiKey::PIN] {
        let mut command = lab.with(SLOT);
        run(command.arg("--use-last-try").arg("--pin-file").arg(lab.pin(pin)));
    }
    assert_eq!((lab.card.state().pin_tries, lab.card.state().puk_tries), (0, before));
    let log = lab.card.log_since(mark);
    let harmless =
        ["SELECT", "GET-VERSION", "GET-SERIAL", "GET-METADATA", "GET-DATA", "GET-RESPONSE"];
    let allowed = |name: &&str| harmless.contains(name) || name.starts_with("VERIFY");
    assert!(log.commands().iter().all(allowed), "{:?}", log.commands());
}

#[test]
fn without_a_pin_and_a_person_nothing_is_tried() {
    let lab = with_key(Template::P256);
    let (ended, pins, signatures) = lab.counted(&mut lab.with(SLOT));
    assert_eq!((pins, signatures, lab.card.state().pin_tries), (0, 0, 3));
    lab.check("piv-no-terminal-for-the-pin", &ended);
}

#[test]
fn a_pin_that_no_card_takes_is_not_sent() {
    let lab = with_key(Template::P256);
    for (name, pin) in
        [("piv-pin-that-is-too-short", "12345"), ("piv-pin-that-is-too-long", "123456789")]
    {
        let (ended, pins, _) = lab.counted(lab.with(SLOT).arg("--pin-file").arg(lab.pin(pin)));
        assert_eq!((pins, lab.card.state().pin_tries), (0, 3));
        lab.check(name, &ended);
    }
    let password = "cccccccfhcjudbgudrtrrktrlurdtljjhnjfhfvtlkbr";
    let (ended, pins, _) = lab.counted(lab.with(SLOT).arg("--pin-file").arg(lab.pin(password)));
    assert_eq!(pins, 0);
    lab.check("piv-pin-is-a-one-time-password", &ended);
}

#[test]
fn a_key_that_wants_no_pin_is_sent_none() {
    let lab = lab();
    lab.card.key(&Template { slot: 0x9e, ..Template::P256 });
    let mut command = lab.with("piv:slot=9e");
    let (ended, pins, signatures) = lab.counted(command.arg("--pin-file").arg(lab.pin("111111")));
    assert_eq!((ended.code, pins, signatures), (0, 0, 1), "{}", ended.stderr);
}

#[test]
fn fifty_callers_with_one_wrong_pin_cost_two_tries_at_most() {
    // so many that the last of them is not what stops us
    let lab = with(YubiKey { pin_tries: 15, ..YubiKey::V5_4 });
    lab.card.key(&Template::P256);
    let wrong = lab.pin("111111");
    let mark = lab.card.mark();
    let codes: Vec<_> = std::thread::scope(|scope| {
        let caller = || {
            let mut command = lab.with(SLOT);
            run(command.arg("--pin-file").arg(&wrong).args(["--timeout", "120s"])).code
        };
        let runs: Vec<_> = (0..50).map(|_| scope.spawn(caller)).collect();
        runs.into_iter().map(|run| run.join().expect("a run")).collect()
    });
    assert_eq!(codes, [4; 50]);
    let (sent, left) = (lab.card.log_since(mark).count("VERIFY"), lab.card.state().pin_tries);
    assert!((1..=2).contains(&sent), "{sent} PINs were sent");
    assert_eq!(usize::from(15 - left), sent);
    assert!(lab.server.requests().is_empty());
}

#[test]
fn twenty_runs_at_once_are_all_served() {
    let lab = with_key(Template::P256);
    let mark = lab.card.mark();
    std::thread::scope(|scope| {
        let run = || granted(lab.with_pin(SLOT).args(["--timeout", "60s"]));
        let runs: Vec<_> = (0..20).map(|_| scope.spawn(run)).collect();
        runs.into_iter().for_each(|run| drop(run.join().expect("a run")));
    });
    let log = lab.card.log_since(mark);
    assert_eq!((log.count("VERIFY"), log.count("GENERAL-AUTHENTICATE")), (20, 20));
}
