//! Other programs with the same card: one that has it for itself, one that does not end its transaction, one that
//! resets it or takes the PIN's effect away. Nobody is ended, and no try is wasted.

use std::thread;
use std::time::{Duration, Instant};

use hsm_test::piv::{Card, Client, Share, Template, TouchPolicy};
use hsm_test::terminal::Terminal;

use super::{PivLab, lab, with_key};
use crate::lab::{bare, ended, granted, run};

const SLOT: &str = "piv:slot=9a;serial=12345678";

/// Runs what must be served although another program has the card for the first three seconds.
fn served_after<T: Send>(lab: &PivLab, hold: impl FnOnce(&Card) -> T) {
    let (holder, mark) = (hold(&lab.card), lab.card.mark());
    thread::scope(|scope| {
        let run = scope.spawn(|| granted(&mut lab.with_pin(SLOT)));
        thread::sleep(Duration::from_secs(3));
        let meanwhile = lab.card.log_since(mark);
        assert_eq!(meanwhile.commands(), Vec::<&str>::new(), "the card is the other's so long");
        assert!(!run.is_finished(), "it waits");
        drop(holder);
        run.join().expect("a run");
    });
}

/// A client in a transaction that it does not end.
fn transacting(card: &Card, name: &str) -> Client {
    let client = Client::named(card, name);
    client.connect(Share::Shared).expect("the card is there for all");
    client.begin().expect("nobody else is in a transaction");
    client
}

#[test]
fn a_card_that_another_program_holds_for_three_seconds_is_waited_for() {
    let lab = with_key(Template::P256);
    served_after(&lab, |card| Client::holding(card, "teller"));
    served_after(&lab, |card| transacting(card, "teller"));
}

/// Compares what is said of a holder; others that tests beside this one have started may be named after it.
fn check(name: &str, refused: &crate::lab::Ended, holder: &Client) {
    let lines = refused.stderr.lines().map(|line| line.split(" or ").next().unwrap_or_default());
    let hint = refused.stderr.lines().last().unwrap_or_default();
    let told: Vec<_> = lines.take(2).chain([hint]).map(|line| format!("{line}\n")).collect();
    crate::golden::compare(name, refused, &told.concat().replace(&holder.id().to_string(), "[id]"));
}

/// Both in one test: they are names that no other test may use, since the likeliest holder is named first.
#[test]
fn a_card_that_is_held_for_ever_is_given_up_after_five_seconds_and_the_holder_is_named() {
    let lab = with_key(Template::P256);
    let before = lab.card.mark();
    let holder = Client::holding(&lab.card, "scdaemon");
    let start = Instant::now();
    let refused = run(&mut lab.with_pin(SLOT));
    let waited = start.elapsed();
    assert!(waited >= Duration::from_secs(5) && waited < Duration::from_secs(9), "{waited:?}");
    check("piv-card-is-held-by-scdaemon", &refused, &holder);
    assert_eq!(lab.card.log_since(before).commands(), Vec::<&str>::new());
    drop(holder);
    let holder = transacting(&lab.card, "yubikey-agent");
    check("piv-card-is-in-another-transaction", &run(&mut lab.with_pin(SLOT)), &holder);
    drop(holder);
    granted(&mut lab.with_pin(SLOT));
}

/// Three are named, strangers by the alphabet, and tests beside this one have some.
#[test]
fn a_holder_of_another_name_is_named_as_well() {
    let lab = with_key(Template::P256);
    let holder = Client::holding(&lab.card, "a-teller");
    let refused = run(&mut lab.with_pin(SLOT));
    assert!(
        refused.stderr.contains(&format!("a-teller (process {})", holder.id())),
        "{}",
        refused.stderr
    );
}

/// Between two of our steps, while a person types the PIN, all others may use the card.
#[test]
fn others_use_the_card_while_a_person_types() {
    let lab = with_key(Template::P256);
    type Disturbs = fn(&Client);
    let ways: [Disturbs; 3] = [Client::reset, Client::select_another_application, |client| {
        assert_eq!(client.verify("648219"), 0x9000)
    }];
    for disturb in ways {
        let mark = lab.card.mark();
        let mut terminal = Terminal::open();
        terminal.start_captured(&bare(&lab.with(SLOT)));
        terminal.wait_for("PIN for YubiKey 12345678:");
        disturb(&Client::of(&lab.card));
        terminal.type_in("648219\n");
        let ended = ended(&terminal.finish());
        assert_eq!(ended.code, 0, "{} {}", ended.stderr, terminal.shown());
        assert_eq!(lab.card.log_since(mark).count("GENERAL-AUTHENTICATE"), 1);
        assert!(!lab.card.state().verified);
    }
}

#[test]
fn a_card_is_held_by_others_while_a_person_types() {
    let lab = with_key(Template::P256);
    let mut terminal = Terminal::open();
    terminal.start_captured(&bare(&lab.with(SLOT)));
    terminal.wait_for("PIN for YubiKey 12345678:");
    let holder = Client::holding(&lab.card, "teller");
    terminal.type_in("648219\n");
    thread::sleep(Duration::from_secs(1));
    drop(holder);
    assert_eq!(ended(&terminal.finish()).code, 0, "{}", terminal.shown());
}

/// Inside one transaction that cannot happen; a card that is reset by its own reader does the same.
#[test]
fn a_pin_whose_effect_is_lost_before_the_signature_is_sent_once_more() {
    let lab = with_key(Template::P256);
    for fault in ["GENERAL-AUTHENTICATE 1 unverify", "GENERAL-AUTHENTICATE 1 deselect"] {
        lab.card.script(fault);
        let mark = lab.card.mark();
        granted(&mut lab.with_pin(SLOT));
        lab.card.clear();
        let log = lab.card.log_since(mark);
        assert_eq!((log.count("VERIFY"), log.count("GENERAL-AUTHENTICATE")), (2, 2), "{fault}");
        assert_eq!(lab.card.state().pin_tries, 3, "{fault}");
    }
}

#[test]
fn a_pin_whose_effect_is_lost_again_and_again_is_not() {
    let lab = with_key(Template::P256);
    lab.card.script("GENERAL-AUTHENTICATE * unverify");
    let (disturbed, pins, signatures) = lab.counted(&mut lab.with_pin(SLOT));
    assert_eq!((pins, signatures, lab.card.state().pin_tries), (2, 2, 3));
    lab.check("piv-pin-is-lost-again-and-again", &disturbed);
}

#[test]
fn a_pin_is_not_sent_again_where_somebody_has_used_up_a_try_meanwhile() {
    let lab = with_key(Template::P256);
    lab.card.script("GENERAL-AUTHENTICATE 1 unverify");
    // two are before the PIN, the third after the refusal, the fourth before it is sent once more
    lab.card.script("VERIFY-STATUS 4 sw 63C2");
    let (disturbed, pins, signatures) = lab.counted(&mut lab.with_pin(SLOT));
    assert_eq!((pins, signatures), (1, 1), "{}", disturbed.stderr);
    lab.check("piv-tries-are-used-up-meanwhile", &disturbed);
    lab.card.clear();
    lab.card.script("GENERAL-AUTHENTICATE 1 unverify");
    lab.card.script("VERIFY-STATUS 4+ sw 9000");
    lab.check("piv-tries-are-used-up-meanwhile", &run(&mut lab.with_pin(SLOT)));
}

/// Between the look at the tries and the PIN another program may have used them up.
#[test]
fn the_last_try_is_left_alone_where_others_have_come_to_it_meanwhile() {
    let lab = with_key(Template::P256);
    for (status, code) in [("63C1", 4), ("6983", 4), ("63C2", 0)] {
        lab.card.script(&format!("VERIFY-STATUS 2 sw {status}"));
        let (ended, pins, _) = lab.counted(&mut lab.with_pin(SLOT));
        assert_eq!(
            (ended.code, pins),
            (code, usize::from(code == 0)),
            "{status}: {}",
            ended.stderr
        );
        lab.card.clear();
    }
}

/// Whoever waits for a touch holds the card; another YubiKey is used meanwhile, and this one afterwards.
#[test]
fn a_run_that_waits_for_a_touch_does_not_hold_up_another_card() {
    let lab = lab();
    lab.card.key(&Template { touch_policy: TouchPolicy::Always, ..Template::P256 });
    let other = hsm_test::piv::YubiKey { slot: 1, serial: 7, ..hsm_test::piv::YubiKey::V5_4 };
    let other = other.insert(&lab.pcscd);
    other.key(&Template::P256);
    lab.card.touch(hsm_test::piv::Touch::Never);
    thread::scope(|scope| {
        let first = scope.spawn(|| run(&mut lab.with_pin(SLOT)));
        hsm_test::piv::until("a touch is awaited", || lab.card.log().count("TOUCH awaited") > 0);
        granted(&mut lab.with_pin("piv:slot=9a;serial=7"));
        lab.card.touch(hsm_test::piv::Touch::AtOnce);
        assert_eq!(first.join().expect("a run").code, 0);
    });
}
