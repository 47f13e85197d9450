//! A token that is not there yet.

use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use super::{finish, for_key, on_terminal};
use crate::lab::{lab, run};

#[test]
fn a_token_that_is_put_in_is_waited_for_and_named() {
    let lab = lab();
    // The folder stays, as a reader does: a module in its sandbox may open that one and no other.
    let (tokens, away) = (lab.hsm.dir().join("tokens"), lab.hsm.dir().join("away"));
    std::fs::create_dir(&away).expect("a place for them");
    move_all(&tokens, &away);
    let mut command = for_key(&lab, "laptop");
    command.args(["--wait", "60s", "--pin-file"]).arg(lab.hsm.pin_file());
    let mut terminal = on_terminal(&command);
    terminal.wait_for("keyanchor: insert token 'lab'");
    move_all(&away, &tokens);
    let ended = finish(&mut terminal);
    assert_eq!(ended.code, 0, "{} {}", ended.stderr, terminal.shown());
    assert_eq!(lab.server.requests().len(), 1);
}

#[test]
fn a_token_is_waited_for_no_longer_than_was_said() {
    let lab = lab();
    let mut command = lab.credential_process();
    command.args(["--key", "pkcs11:token=another;object=laptop", "--wait", "2s"]);
    command.arg("--certificate").arg(lab.hsm.chain("laptop"));
    let start = Instant::now();
    let ended = run(&mut command);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    assert!(ended.stderr.contains("no token fits pkcs11:token=another"), "{}", ended.stderr);
    assert!(start.elapsed() >= Duration::from_secs(2));
}

/// Nobody may use the token's lock for the time that somebody looks for the token.
#[test]
fn others_use_the_module_meanwhile() {
    let lab = lab();
    let mut waiting = lab.credential_process();
    waiting.args(["--key", "pkcs11:token=another;object=laptop", "--wait", "4s"]);
    waiting.arg("--certificate").arg(lab.hsm.chain("laptop"));
    let mut waiting =
        waiting.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    thread::sleep(Duration::from_millis(700));
    crate::lab::granted(&mut lab.with_key("laptop"));
    assert!(waiting.try_wait().expect("it runs").is_none(), "it waits still");
    waiting.wait().expect("it ends");
}

fn move_all(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("a token");
        std::fs::rename(entry.path(), to.join(entry.file_name())).expect("it moves");
    }
}
