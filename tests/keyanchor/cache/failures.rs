//! Where no new credentials are to be had: those of before while they count, with one line, and never
//! after they have ended.

use hsm_test::pki::Leaf;
use hsm_test::server::Behaviour;

use super::{answered, calls, file_journey, journey, later, spied};
use crate::lab::{Ended, Lab, lab, run};

fn refuses() -> Behaviour {
    Behaviour::Refuse { status: 403, kind: "AccessDeniedException".into(), message: "no".into() }
}

/// A run near the end of what is kept: the same credentials, and one line that says why.
fn excused(first: &str, ended: &Ended, why: &str) {
    assert_eq!((ended.code, ended.stdout.as_str()), (0, first), "{}", ended.stderr);
    let start = "keyanchor: warning: no new credentials, those at hand end at 20";
    assert!(ended.stderr.starts_with(start), "{}", ended.stderr);
    assert!(ended.stderr.contains(why), "{why}: {}", ended.stderr);
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    assert!(ended.stderr.len() < 1024);
}

#[test]
fn while_the_cloud_fails_the_credentials_of_before_are_given_out() {
    for (behaviour, why) in [
        (refuses(), "refused the request: AccessDeniedException"),
        (Behaviour::Hang, "did not answer within"),
        (Behaviour::html(502), "502"),
        (Behaviour::empty_set(), "an answer that cannot be used"),
    ] {
        let lab = lab();
        let mut command = file_journey(&lab);
        command.args(["--timeout", "4s"]);
        let first = answered(&mut command).stdout;
        lab.server.behave(behaviour);
        excused(&first, &run(&mut later(&command, "+50m")), why);
    }
}

#[test]
fn while_the_device_fails_the_credentials_of_before_are_given_out() {
    let lab = lab();
    let command = journey(&lab);
    let first = answered(&mut journey(&lab)).stdout;
    let tokens = lab.hsm.dir().join("tokens");
    std::fs::rename(&tokens, lab.hsm.dir().join("away")).expect("rename");
    std::fs::create_dir(&tokens).expect("no token");
    excused(&first, &run(&mut later(&command, "+50m")), "no token fits");
    std::fs::remove_dir_all(&tokens).expect("no token");
    std::fs::rename(lab.hsm.dir().join("away"), &tokens).expect("rename");
    let wrong = lab.write("wrong", "00000000");
    let mut command = journey(&lab);
    command.arg("--pin-file").arg(wrong);
    forget_failures(&lab);
    excused(&first, &run(&mut later(&command, "+50m")), "wrong PIN");
}

#[test]
fn credentials_that_have_ended_are_never_given_out() {
    let lab = lab();
    let command = file_journey(&lab);
    answered(&mut file_journey(&lab));
    lab.server.behave(refuses());
    for time in ["+59m30s", "+61m", "+30d"] {
        let ended = run(&mut later(&command, time));
        assert_eq!((ended.code, ended.stdout.as_str()), (5, ""), "{time}: {}", ended.stderr);
    }
}

#[test]
fn who_has_credentials_does_not_bother_what_has_just_failed() {
    let lab = lab();
    let command = file_journey(&lab);
    let first = answered(&mut file_journey(&lab)).stdout;
    lab.server.behave(refuses());
    // The service is asked twice by one run: it blames the clock, which is 50 minutes fast here.
    excused(&first, &run(&mut later(&command, "+50m")), "AccessDeniedException");
    let asked = lab.server.requests().len();
    for _ in 0..5 {
        excused(&first, &run(&mut later(&command, "+50m")), "AccessDeniedException");
    }
    assert_eq!(lab.server.requests().len(), asked, "for half a minute nobody asks again");
}

/// The references are the same, and lead to another certificate now.
#[test]
fn credentials_of_another_certificate_are_not_given_out() {
    let lab = lab();
    let on_token = || {
        let mut command = super::kept(lab.credential_process());
        command.args(["--key", &lab.uri("rsa2048")]);
        command
    };
    let first = answered(&mut on_token()).stdout;
    lab.server.behave(refuses());
    excused(&first, &run(&mut later(&on_token(), "+50m")), "AccessDeniedException");
    lab.hsm.delete_certificate("rsa2048");
    let leaf = lab.pki().leaf(&Leaf::of(&lab.hsm.public_key_pem("rsa2048")));
    lab.hsm.import_certificate(&lab.write("renewed.pem", &leaf), "rsa2048", "02");
    forget_failures(&lab);
    for time in ["the first", "one who comes soon after"] {
        let ended = run(&mut later(&on_token(), "+50m"));
        assert_eq!((ended.code, ended.stdout.as_str()), (5, ""), "{time}: {}", ended.stderr);
    }
}

/// As if the last failure were long ago.
fn forget_failures(lab: &Lab) {
    for lock in super::found(lab, "lock") {
        std::fs::remove_file(lock).expect("lock");
    }
}

#[test]
fn a_usage_error_is_one_whatever_is_kept() {
    let lab = lab();
    answered(&mut spied(&lab));
    let called = calls(&lab).all();
    let ended = run(spied(&lab).args(["--session-duration", "12"]));
    assert_eq!((ended.code, ended.stdout.as_str()), (2, ""));
    assert_eq!(calls(&lab).all(), called);
}
