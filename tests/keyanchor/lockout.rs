//! What a wrong PIN costs, however it comes: one try, once. C_Login is counted by pkcs11-spy, on a
//! token that counts tries and locks, and on one that does neither.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;

use hsm_test::kryoptic::{Kryoptic, WrongPins};

use crate::foreign::{Foreign, of_kryoptic, seen, softhsm};
use crate::lab::{Ended, Lab, lab, run};
use crate::ways::{ASKED, IN_THE_URI, STORED, Way};

const WRONG: &str = "99999999";

/// Tokens of both kinds, each with a laboratory.
fn tokens() -> [(Lab, Foreign); 2] {
    let (one, other) = (lab(), lab());
    let (softhsm, kryoptic) = (softhsm(&one), Rc::new(Kryoptic::provisioned(&other.pki())));
    let kryoptic = of_kryoptic(&other, &kryoptic);
    [(one, softhsm), (other, kryoptic)]
}

/// A token that locks, and its lock-out state.
fn locking() -> (Lab, Rc<Kryoptic>, Foreign) {
    let lab = lab();
    let kryoptic = Rc::new(Kryoptic::provisioned(&lab.pki()));
    let foreign = of_kryoptic(&lab, &kryoptic);
    (lab, kryoptic, foreign)
}

fn log(lab: &Lab) -> PathBuf {
    lab.hsm.dir().join("spy.log")
}

/// A run, and how often it logged in.
fn counted(lab: &Lab, command: &mut Command) -> (Ended, usize) {
    let ended = run(command);
    (ended, seen(&log(lab)).of("C_Login"))
}

/// A run with a PIN that comes that way, and that remembers nothing of the others.
fn by(way: &Way, lab: &Lab, foreign: &Foreign, pin: &str) -> Command {
    let mut command = (way.give)(lab, foreign.without_pin(lab, &log(lab)), pin);
    command.env("KEYANCHOR_RUNTIME_DIR", lab.hsm.dir().join(format!("run{}", way.name)));
    command
}

#[test]
fn a_wrong_pin_costs_one_try_and_none_while_its_source_is_the_same() {
    for (lab, foreign) in tokens() {
        for way in STORED.iter().chain([&IN_THE_URI]) {
            let mut command = by(way, &lab, &foreign, WRONG);
            let (first, logins) = counted(&lab, &mut command);
            assert_eq!((first.code, logins), (4, 1), "{}: {}", way.name, first.stderr);
            for _ in 0..2 {
                let (again, logins) = counted(&lab, &mut command);
                assert_eq!((again.code, logins), (4, 0), "{}: {}", way.name, again.stderr);
                assert!(again.stderr.contains("refused"), "{}: {}", way.name, again.stderr);
            }
        }
        assert!(lab.server.requests().is_empty());
    }
}

#[test]
fn the_token_itself_has_counted_no_more_tries_than_that() {
    let (lab, kryoptic, foreign) = locking();
    kryoptic.enter(WrongPins::CountLow);
    // Two more are left before the last one: one of them is used here, however often it is run.
    let mut command = by(&STORED[0], &lab, &foreign, WRONG);
    for _ in 0..5 {
        assert_eq!(run(&mut command).code, 4);
    }
    assert!(kryoptic.flags().contains("count low"), "{}", kryoptic.flags());
    assert!(!kryoptic.flags().contains("final"), "{}", kryoptic.flags());
    let mut another = by(&STORED[4], &lab, &foreign, WRONG);
    assert_eq!(run(&mut another).code, 4);
    assert!(kryoptic.flags().contains("final"), "{}", kryoptic.flags());
}

#[test]
fn fifty_callers_with_one_wrong_pin_cost_two_tries_at_most() {
    for (lab, foreign) in tokens() {
        for way in [&STORED[0], &STORED[5]] {
            let log = |number| lab.hsm.dir().join(format!("spy-{number}.log"));
            let mut command = by(way, &lab, &foreign, WRONG);
            command.args(["--timeout", "120s"]);
            let caller = |number| {
                let mut own = with_log(&command, &log(number));
                move || run(&mut own).code
            };
            let codes: Vec<_> = std::thread::scope(|scope| {
                let runs: Vec<_> = (0..50).map(|number| scope.spawn(caller(number))).collect();
                runs.into_iter().map(|run| run.join().expect("a run")).collect()
            });
            assert_eq!(codes, [4; 50], "{}", way.name);
            let logins: usize = (0..50).map(|number| seen(&log(number)).of("C_Login")).sum();
            assert!((1..=2).contains(&logins), "{}: {logins} tries", way.name);
        }
        assert!(lab.server.requests().is_empty());
    }
}

/// The same command, watched by itself: the spies of two processes would write over each other.
fn with_log(command: &Command, log: &Path) -> Command {
    let mut own = Command::new(command.get_program());
    own.args(command.get_args()).env_clear();
    own.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    own.env("PKCS11SPY_OUTPUT", log);
    own
}

#[test]
fn without_a_pin_and_a_person_nothing_is_tried() {
    for (lab, foreign) in tokens() {
        let (ended, logins) = counted(&lab, &mut foreign.without_pin(&lab, &log(&lab)));
        assert_eq!((ended.code, logins), (4, 0), "{}", ended.stderr);
        assert!(ended.stderr.contains("no terminal to ask for the PIN"), "{}", ended.stderr);
    }
}

/// Nothing was tried, and nobody was asked for what cannot be used.
fn is_left_alone(way: &Way, lab: &Lab, foreign: &Foreign, options: &[&str], why: &str) {
    let pin = hsm_test::softhsm::SoftHsm::PIN;
    let (ended, logins) = counted(lab, by(way, lab, foreign, pin).args(options));
    assert_eq!((ended.code, logins), (4, 0), "{}: {}", way.name, ended.stderr);
    assert!(ended.stderr.contains(why), "{}: {}", way.name, ended.stderr);
    let started = ["pinentry.log", "askpass.log"].map(|log| lab.safe.path().join(log));
    let told = started.iter().map(|log| std::fs::read_to_string(log).unwrap_or_default());
    assert_eq!(told.collect::<String>(), "", "{} was asked", way.name);
}

#[test]
fn the_last_try_and_a_lock_are_left_alone_whatever_the_way() {
    let (lab, kryoptic, foreign) = locking();
    kryoptic.enter(WrongPins::FinalTry);
    for way in STORED.iter().chain(&ASKED).chain([&IN_THE_URI]) {
        is_left_alone(way, &lab, &foreign, &[], "only one try is left");
    }
    // By name, it is used: once.
    let (ended, logins) =
        counted(&lab, by(&STORED[0], &lab, &foreign, WRONG).arg("--use-last-try"));
    assert_eq!((ended.code, logins), (4, 1), "{}", ended.stderr);
    assert!(kryoptic.flags().contains("locked"), "{}", kryoptic.flags());
    for way in STORED.iter().chain(&ASKED).chain([&IN_THE_URI]) {
        is_left_alone(way, &lab, &foreign, &["--use-last-try"], "locked");
    }
    assert!(lab.server.requests().is_empty());
}
