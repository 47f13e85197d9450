//! The server answers slowly, partly, without end or not at all: each run ends in time, in little
//! memory, with nothing on stdout.

use std::time::{Duration, Instant};

use hsm_test::server::{Behaviour, Verdict};

use crate::golden::check;
use crate::lab::{Ended, Lab, granted, lab, run, under};

fn behaving(behaviour: Behaviour) -> Lab {
    let lab = lab();
    lab.server.behave(behaviour);
    lab
}

/// A run that must be over long before a test would be called hanging.
fn in_time(command: &mut std::process::Command) -> Ended {
    let start = Instant::now();
    let ended = run(command);
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}: {}", start.elapsed(), ended.stderr);
    ended
}

#[test]
fn a_dripping_answer_is_given_up_at_the_deadline() {
    let lab = behaving(Behaviour::Drip { every: Duration::from_millis(200) });
    let ended = in_time(lab.with_key("laptop").args(["--timeout", "2s"]));
    check("server-drips", &lab, &ended);
}

#[test]
fn an_answer_that_drips_fast_enough_is_an_answer() {
    let lab = behaving(Behaviour::Drip { every: Duration::from_micros(10) });
    granted(lab.with_key("laptop").args(["--timeout", "60s"]));
}

#[test]
fn a_truncated_answer_is_never_a_success() {
    for (name, chunked) in [("answer-ends-early", false), ("answer-ends-within-a-chunk", true)] {
        let lab = behaving(Behaviour::Truncate { chunked });
        let ended = in_time(&mut lab.with_key("laptop"));
        check(name, &lab, &ended);
        assert_eq!(ended.code, 5, "{}", ended.stderr);
        assert_eq!(lab.server.requests().len(), 3, "{name}");
    }
}

#[test]
fn an_answer_without_an_end_is_cut_and_does_not_fill_the_memory() {
    for (name, promised) in
        [("answer-without-an-end", None), ("answer-of-a-tebibyte", Some(1 << 40))]
    {
        let lab = behaving(Behaviour::Endless { promised });
        let ended = in_time(&mut under(&lab.with_key("laptop"), &["prlimit", "--as=100000000"]));
        check(name, &lab, &ended);
        assert_eq!((ended.code, lab.server.requests().len()), (5, 1), "{}", ended.stderr);
    }
}

#[test]
fn a_connection_that_ends_without_an_answer_is_tried_again_with_the_same_signature() {
    for (name, behaviour) in
        [("server-closes-without-an-answer", Behaviour::Close), ("server-resets", Behaviour::Reset)]
    {
        let lab = behaving(behaviour);
        let ended = in_time(&mut lab.with_key("laptop"));
        check(name, &lab, &ended);
        let signatures = lab.server.requests().into_iter().map(|r| r.header("authorization"));
        let signatures: Vec<_> = signatures.collect();
        assert_eq!(signatures.len(), 3, "{name}");
        assert!(signatures.iter().all(|signature| *signature == signatures[0]), "{name}");
    }
}

#[test]
fn each_kind_of_trouble_there_has_its_words() {
    for (name, status) in [
        ("refused-with-500", 500),
        ("refused-with-502", 502),
        ("refused-with-503", 503),
        ("refused-with-504", 504),
    ] {
        let lab = behaving(Behaviour::Throttle { times: 9, status });
        check(name, &lab, &in_time(&mut lab.with_key("laptop")));
        assert_eq!(lab.server.requests().len(), 3, "{name}");
    }
}

#[test]
fn what_is_refused_for_good_is_asked_once() {
    for status in [400, 403, 404] {
        let lab = behaving(Behaviour::Throttle { times: 9, status });
        assert_eq!(in_time(&mut lab.with_key("laptop")).code, 5);
        assert_eq!(lab.server.requests().len(), 1, "{status}");
    }
}

#[test]
fn trouble_that_ends_is_no_trouble() {
    for status in [429, 500, 502, 503, 504] {
        let lab = behaving(Behaviour::Throttle { times: 1, status });
        granted(&mut lab.with_key("laptop"));
        assert_eq!(lab.server.requests()[1].verdict, Verdict::Granted);
    }
}

#[test]
fn a_wish_to_be_asked_after_the_deadline_is_not_waited_for() {
    let lab = behaving(Behaviour::raw(429, &[("retry-after", "9")], "{}"));
    let ended = in_time(lab.with_key("laptop").args(["--timeout", "3s"]));
    check("throttled-for-longer-than-the-run", &lab, &ended);
    assert_eq!(lab.server.requests().len(), 1);
}

#[test]
fn malformed_answers_of_every_kind_are_named() {
    let whole = [
        ("accessKeyId", "ASIAEXAMPLE"),
        ("secretAccessKey", "secret"),
        ("sessionToken", "token"),
        ("expiration", "2099-01-01T00:00:00Z"),
    ];
    let without = |member: &str| {
        Behaviour::session(
            &whole.into_iter().filter(|(name, _)| *name != member).collect::<Vec<_>>(),
        )
    };
    let with = |member: &str, value: &'static str| {
        let changed = whole.map(|(name, old)| (name, if name == member { value } else { old }));
        Behaviour::session(&changed)
    };
    for (name, behaviour) in [
        ("answer-is-a-page", Behaviour::html(201)),
        ("answer-is-nothing", Behaviour::raw(201, &[], "")),
        ("answer-is-an-array", Behaviour::raw(201, &[], "[]")),
        ("answer-is-nested-deeply", Behaviour::raw(201, &[], &"[".repeat(100_000))),
        ("answer-lacks-the-expiration", without("expiration")),
        ("answer-lacks-the-token", without("sessionToken")),
        ("answer-has-an-expiration-that-is-no-time", with("expiration", "tomorrow")),
        ("answer-has-control-characters", with("sessionToken", "a\u{1b}[2Jb")),
        ("answer-has-an-unknown-status", Behaviour::raw(299, &[], "{}")),
        ("answer-has-no-content", Behaviour::raw(204, &[], "")),
    ] {
        let lab = behaving(behaviour);
        let ended = in_time(&mut lab.with_key("laptop"));
        check(name, &lab, &ended);
        assert_eq!((ended.code, lab.server.requests().len()), (5, 1), "{name}: {}", ended.stderr);
    }
}

#[test]
fn a_head_that_is_too_long_is_not_read() {
    let lab = behaving(Behaviour::raw(201, &[("x-long", &"x".repeat(2 << 20))], "{}"));
    let ended = in_time(&mut under(&lab.with_key("laptop"), &["prlimit", "--as=100000000"]));
    check("answer-has-an-endless-head", &lab, &ended);
    assert_eq!((ended.code, lab.server.requests().len()), (5, 1));
}

#[test]
fn redirects_are_not_followed() {
    for status in [301, 302, 307, 308] {
        let lab = lab();
        let trap = std::net::TcpListener::bind("127.0.0.1:0").expect("listener");
        trap.set_nonblocking(true).expect("a fresh socket");
        let location = format!("https://{}/", trap.local_addr().expect("address"));
        lab.server.behave(Behaviour::redirect(status, &location));
        assert_eq!(in_time(&mut lab.with_key("laptop")).code, 5);
        assert!(trap.accept().is_err(), "{status} was followed");
    }
}
