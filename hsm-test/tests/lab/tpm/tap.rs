//! The tap: what passes unchanged, what is kept of it, and each way of misbehaving.

use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use hsm_test::swtpm::{Fault, Swtpm, Tap, Template, code};

use super::{said, verifies};

const MARKER: &str = "marker-84c1f0";
const LOCKED_UP: Template = Template { password: Some(MARKER), ..Template::P256 };

fn tapped() -> (Swtpm, Tap) {
    let tpm = Swtpm::start();
    tpm.persist(&tpm.key(&LOCKED_UP), 0x8100_0101);
    let tap = Tap::start(&tpm);
    (tpm, tap)
}

/// tpm2_sign through the tap.
fn signing(tpm: &Swtpm, tap: &Tap) -> Command {
    let (message, signature) = super::fresh_files(tpm);
    let mut sign = Command::new("tpm2_sign");
    sign.envs(tap.command_env()).args(["-c", "0x81000101", "-g", "sha256", "-f", "plain"]);
    sign.args(["-p", MARKER, "-o"]).arg(signature).arg(message);
    sign
}

fn sign(tpm: &Swtpm, tap: &Tap) -> Output {
    signing(tpm, tap).output().expect("tpm2-tools are installed")
}

#[test]
fn everything_passes_unchanged_and_is_kept() {
    let (tpm, tap) = tapped();
    let output = sign(&tpm, &tap);
    assert!(output.status.success() && verifies(&tpm, &tpm.key(&LOCKED_UP)), "{}", said(&output));
    assert_eq!((tap.count(code::SIGN), tap.count(code::LOAD)), (1, 0));
    assert!(tap.commands().contains(&code::READ_PUBLIC), "{:x?}", tap.commands());
    assert!(tap.saw(b"hello") && !tap.saw(b"good bye"));
    assert!(!tap.answered().is_empty());
}

#[test]
fn a_password_that_goes_over_the_line_is_seen_there() {
    let (tpm, tap) = tapped();
    // tpm2-tools prove that they know it, OpenSSL's provider sends it
    assert!(sign(&tpm, &tap).status.success() && !tap.saw(MARKER.as_bytes()));
    let file = tpm.file(&tpm.key(&LOCKED_UP));
    let output = super::sign_with_file(&tpm, &file, MARKER, tap.command_env());
    assert!(output.status.success() && tap.saw(MARKER.as_bytes()), "{}", said(&output));
    let sent = tap.sent();
    assert!(sent.windows(MARKER.len()).any(|octets| octets == MARKER.as_bytes()));
}

#[test]
fn a_code_is_answered_to_the_commands_it_was_ordered_for_and_no_others() {
    for (ordered, told) in [(0x902, "0x902"), (0x903, "0x903"), (0x921, "0x921"), (0x101, "0x101")]
    {
        let (tpm, tap) = tapped();
        tap.order(code::SIGN, 2..=2, Fault::Refuse(ordered));
        assert!(sign(&tpm, &tap).status.success());
        let refused = sign(&tpm, &tap);
        assert!(!refused.status.success() && said(&refused).contains(told), "{}", said(&refused));
        assert!(sign(&tpm, &tap).status.success());
        assert_eq!(tap.count(code::SIGN), 3);
    }
}

#[test]
fn a_tpm_that_asks_for_another_try_is_tried_again() {
    // libtss2 does so by itself, five times
    for again in [0x922, 0x908] {
        let (tpm, tap) = tapped();
        tap.order(code::SIGN, ..=2, Fault::Refuse(again));
        let output = sign(&tpm, &tap);
        assert!(output.status.success(), "{again:x}: {}", said(&output));
        assert_eq!(tap.count(code::SIGN), 3, "{again:x}");
    }
}

#[test]
fn answers_that_are_none_are_errors_of_the_client() {
    for fault in [
        Fault::After(0x922),
        Fault::Close,
        Fault::garbage(),
        Fault::hollow(),
        Fault::oversized(),
        Fault::Octets(vec![0x80]),
        Fault::Truncate(4),
        Fault::Truncate(20),
    ] {
        let (tpm, tap) = tapped();
        tap.order(code::SIGN, .., fault.clone());
        let mut sign = Command::new("timeout");
        let signing = signing(&tpm, &tap);
        sign.arg("2").arg(signing.get_program()).args(signing.get_args());
        let output = sign.envs(tap.command_env()).output().expect("timeout is installed");
        assert!(!output.status.success(), "{fault:?}");
        assert!(tap.count(code::SIGN) >= 1, "{fault:?}");
        assert!(super::sign(&tpm, "0x81000101", &LOCKED_UP, None).status.success(), "{fault:?}");
    }
}

#[test]
fn silence_lasts_as_long_as_the_client_waits() {
    let (tpm, tap) = tapped();
    tap.order(code::SIGN, 1..=1, Fault::Silence);
    let mut waiting = signing(&tpm, &tap).stderr(Stdio::null()).spawn().expect("tpm2-tools");
    while tap.count(code::SIGN) == 0 {
        thread::sleep(Duration::from_millis(5));
    }
    thread::sleep(Duration::from_millis(100));
    assert_eq!(waiting.try_wait().expect("a child of ours"), None);
    waiting.kill().and_then(|()| waiting.wait()).expect("a child of ours");
    assert!(sign(&tpm, &tap).status.success());
}

#[test]
fn an_answer_can_be_late() {
    let (tpm, tap) = tapped();
    tap.order(code::SIGN, .., Fault::Late(Duration::from_millis(300)));
    let began = Instant::now();
    assert!(sign(&tpm, &tap).status.success());
    assert!(began.elapsed() >= Duration::from_millis(300));
}

#[test]
fn the_tpm_behind_it_can_be_exchanged() {
    let (tpm, tap) = tapped();
    assert!(sign(&tpm, &tap).status.success());
    let empty = Swtpm::foreign();
    tap.exchange(&empty);
    let refused = sign(&tpm, &tap);
    assert!(said(&refused).contains("18B)"), "{}", said(&refused));
    tap.exchange(&tpm);
    assert!(sign(&tpm, &tap).status.success());
}

#[test]
fn a_tap_ends_with_its_guard_even_in_the_middle_of_silence() {
    let (tpm, tap) = tapped();
    tap.order(code::SIGN, .., Fault::Silence);
    let mut waiting = signing(&tpm, &tap).stderr(Stdio::null()).spawn().expect("tpm2-tools");
    while tap.count(code::SIGN) == 0 {
        thread::sleep(Duration::from_millis(5));
    }
    drop(tap);
    assert!(!waiting.wait().expect("a child of ours").success());
}

#[test]
fn clients_that_come_at_once_have_their_turn_one_after_the_other() {
    let (tpm, tap) = tapped();
    let (tpm, tap) = (&tpm, &tap);
    thread::scope(|scope| {
        let random = || {
            let mut random = Command::new("tpm2_getrandom");
            random.envs(tap.command_env()).args(["--hex", "8"]).output().expect("tpm2-tools").status
        };
        let clients: Vec<_> = (0..20).map(|_| scope.spawn(random)).collect();
        assert!(clients.into_iter().all(|client| client.join().expect("no panic").success()));
    });
    assert!(tpm.left_behind().is_empty());
}
