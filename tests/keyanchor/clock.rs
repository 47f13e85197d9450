//! A clock that is wrong: measured by the service's Date header, said, and corrected once.

use std::process::Command;

use hsm_test::pki::{Leaf, Pki};
use hsm_test::server::{Behaviour, Config, Server, Verdict};

use crate::golden::check;
use crate::lab::{Lab, granted, lab, on_terminal, run};

const HOUR: i64 = 3600;

/// A lab whose certificates have been valid for two hours already, so that its server's clock can be
/// behind; and the journey of a key there.
fn aged(offset: i64, label: &str) -> (Lab, Command) {
    let lab = lab();
    let pki = Pki::fresh(&lab.hsm.dir().join("aged-ca"));
    let server = Server::start(Config::lab(&pki));
    server.clock_offset(offset);
    let leaf = lab.write("aged.pem", &pki.leaf(&Leaf::of(&lab.hsm.public_key_pem(label))));
    let lab = Lab { server, ..lab };
    let mut command = lab.credential_process();
    command.args(["--key", &lab.uri(label)]).arg("--certificate").arg(leaf);
    command.arg("--intermediates").arg(pki.intermediate_pem_path());
    (lab, command)
}

#[test]
fn a_clock_that_is_wrong_is_corrected_once_with_a_new_signature() {
    for offset in [HOUR, -HOUR] {
        for label in ["laptop", "rsa2048", "always"] {
            let (lab, mut command) = aged(offset, label);
            granted(&mut command);
            let requests = lab.server.requests();
            let [first, second] = requests.as_slice() else {
                panic!("{} requests", requests.len())
            };
            let refused =
                matches!(&first.verdict, Verdict::Refused(refusal) if refusal.status == 403);
            assert!(refused && matches!(second.verdict, Verdict::Granted), "{}", second.verdict);
            assert_ne!(first.header("x-amz-date"), second.header("x-amz-date"));
            assert_ne!(first.header("authorization"), second.header("authorization"));
        }
    }
}

#[test]
fn a_clock_that_is_a_little_wrong_is_not_corrected() {
    let lab = lab();
    lab.server.clock_offset(120);
    granted(&mut lab.with_key("laptop"));
    assert_eq!(lab.server.requests().len(), 1);
}

#[test]
fn a_clock_that_is_wrong_is_said_on_a_terminal() {
    for (offset, said) in [(HOUR, "slow"), (-HOUR, "fast"), (120, "slow")] {
        let (_lab, command) = aged(offset, "laptop");
        let shown = on_terminal(&command);
        assert!(shown.starts_with("keyanchor: warning: this computer's clock is "), "{shown}");
        assert!(shown.contains(&format!(" seconds {said}; set it right")), "{shown}");
        assert_eq!(shown.lines().count(), 1, "{shown}");
    }
    let lab = lab();
    lab.server.clock_offset(20);
    assert_eq!(on_terminal(&lab.with_key("laptop")), "");
}

/// A refusal that remains is told with what the clock has to do with it.
#[test]
fn a_clock_that_is_wrong_is_named_where_the_correction_does_not_help() {
    let lab = lab();
    lab.server.clock_offset(HOUR);
    lab.server.behave(Behaviour::Refuse {
        status: 403,
        kind: "AccessDeniedException".into(),
        message: "Invalid signature".into(),
    });
    check("clock-is-slow", &lab, &run(&mut lab.with_key("laptop")));
    assert_eq!(lab.server.requests().len(), 2, "corrected once, and not again");
}

#[test]
fn a_refusal_for_another_reason_is_not_signed_again_whatever_the_clock_is() {
    let lab = lab();
    lab.server.clock_offset(HOUR);
    lab.server.behave(Behaviour::Refuse {
        status: 403,
        kind: "AccessDeniedException".into(),
        message: "Untrusted signing certificate".into(),
    });
    assert_eq!(run(&mut lab.with_key("laptop")).code, 5);
    assert_eq!(lab.server.requests().len(), 1);
}

/// A signature for a time far ahead could be kept and used then.
#[test]
fn a_clock_that_is_days_wrong_is_named_and_not_corrected() {
    let lab = lab();
    lab.server.clock_offset(3 * 24 * HOUR);
    let ended = run(&mut lab.with_key("laptop"));
    assert_eq!((ended.code, lab.server.requests().len()), (5, 1));
    assert!(ended.stderr.contains("clock is 4320 minutes slow"), "{}", ended.stderr);
}
