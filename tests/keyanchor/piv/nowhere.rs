//! No daemon, no reader, no card, no library: each a sentence, and nothing else is the worse for it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use hsm_test::piv::{Pcscd, Template, Touch, TouchPolicy, YubiKey, until};

use super::with_key;
use crate::lab::{ended, granted, install, run, tool};
use crate::reach::apart;

const SLOT: &str = "piv:slot=9a";

#[test]
fn without_a_daemon_it_is_said() {
    let mut lab = with_key(Template::P256);
    lab.pcscd.stop();
    let start = Instant::now();
    lab.check("piv-no-daemon", &run(&mut lab.with_pin(SLOT)));
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    lab.pcscd.restart();
    lab.card.await_insertion();
    granted(&mut lab.with_pin(SLOT));
}

#[test]
fn a_daemon_that_was_killed_leaves_a_socket_and_it_is_said() {
    let mut lab = with_key(Template::P256);
    lab.pcscd.kill();
    let ended = run(&mut lab.with_pin(SLOT));
    lab.check("piv-no-daemon", &ended);
}

#[test]
fn a_daemon_that_is_started_anew_while_a_person_types_is_found() {
    let mut lab = with_key(Template::P256);
    let mut terminal = hsm_test::terminal::Terminal::open();
    terminal.start_captured(&crate::lab::bare(&lab.with(SLOT)));
    terminal.wait_for("PIN for YubiKey 12345678:");
    lab.pcscd.kill();
    lab.pcscd.restart();
    lab.card.await_insertion();
    terminal.type_in(&format!("{}\n", YubiKey::PIN));
    let ended = ended(&terminal.finish());
    assert_eq!(ended.code, 0, "{} {}", ended.stderr, terminal.shown());
}

#[test]
fn a_daemon_that_dies_during_a_signature_is_said() {
    let mut lab = with_key(Template { touch_policy: TouchPolicy::Always, ..Template::P256 });
    lab.card.touch(Touch::Never);
    let mut command = lab.with_pin(SLOT);
    let run = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    until("a touch is awaited", || lab.card.log().count("TOUCH awaited") > 0);
    lab.pcscd.kill();
    lab.check("piv-no-daemon", &ended(&run.wait_with_output().expect("a child")));
}

#[test]
fn a_daemon_that_does_not_answer_is_given_up() {
    let lab = with_key(Template::P256);
    lab.pcscd.pause();
    let ended = run(lab.with_pin(SLOT).args(["--timeout", "3s"]));
    lab.pcscd.resume();
    lab.check("piv-daemon-is-silent", &ended);
}

#[test]
fn without_a_reader_or_a_card_it_is_said() {
    let lab = with_key(Template::P256);
    lab.card.remove();
    let start = Instant::now();
    lab.check("piv-no-card", &run(&mut lab.with_pin(SLOT)));
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    lab.check("piv-no-reader-of-that-name", &run(&mut lab.with_pin("piv:slot=9a;reader=Gemalto")));
    let without = Pcscd::without_reader();
    let mut command = lab.with_pin(SLOT);
    lab.check("piv-no-reader", &run(command.envs(without.command_env())));
}

#[test]
fn a_card_of_another_kind_is_not_a_piv_card() {
    let lab = with_key(Template::P256);
    lab.card.script("SELECT * sw 6A82");
    lab.check("piv-card-without-piv", &run(&mut lab.with_pin(SLOT)));
}

fn libraries(program: &str) -> String {
    tool("ldd", &[program.as_ref()])
}

#[test]
fn only_the_host_of_cards_is_linked_with_their_library() {
    for program in [
        env!("CARGO_BIN_EXE_keyanchor"),
        env!("CARGO_BIN_EXE_keyanchor-pkcs11"),
        env!("CARGO_BIN_EXE_keyanchor-tpm"),
    ] {
        assert!(!libraries(program).contains("pcsclite"), "{program}");
    }
    assert!(libraries(env!("CARGO_BIN_EXE_keyanchor-piv")).contains("libpcsclite.so"));
}

#[test]
fn without_the_library_the_package_is_named_and_all_else_works() {
    let lab = with_key(Template::P256);
    let libraries = libraries(env!("CARGO_BIN_EXE_keyanchor-piv"));
    let line = libraries.lines().find(|line| line.contains("libpcsclite.so")).expect("linked");
    let path = line.split_whitespace().nth(2).expect("NAME => PATH");
    let path = Path::new(path).canonicalize().expect("the library");
    let hide = format!("mount --bind /dev/null '{}'", path.display());
    let without = |command: &Command| apart(command, &["--mount"], &hide);
    let Some(mut command) = without(&lab.with_pin(SLOT)) else { return };
    lab.check("piv-library-is-missing", &run(&mut command));
    let tokens = crate::lab::lab();
    let Some(mut command) = without(&tokens.with_key("laptop")) else { return };
    granted(&mut command);
}

#[test]
fn without_its_host_the_program_is_named() {
    let lab = with_key(Template::P256);
    let program: PathBuf = lab.folder.path().join("bin/keyanchor");
    std::fs::create_dir(lab.folder.path().join("bin")).expect("folder");
    install(env!("CARGO_BIN_EXE_keyanchor"), &program);
    let command = crate::lab::bare(&lab.with_pin(SLOT));
    let mut alone = Command::new(program);
    alone.args(command.get_args()).env_clear();
    alone.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    lab.check("piv-host-is-not-installed", &run(&mut alone));
}
