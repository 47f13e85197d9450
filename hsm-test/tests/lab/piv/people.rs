//! A YubiKey by hand, as `hsm-test piv DIR` runs it.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::cli::{Serving, hsm_test, wait_for};
use crate::client::{argument, pipe};

/// Runs it, uses it as the lines for a shell say, and gives its process, still running.
fn used(directory: &Path) -> Serving {
    let ready = directory.join("ready");
    let mut run = hsm_test();
    run.args(["piv", argument(directory), "--ready-file", argument(&ready)]);
    let running = Serving(run.stdout(Stdio::null()).spawn().expect("the binary is built"));
    let exports = wait_for(&ready);
    let script = format!(
        r#"set -e; {exports} cd "$1"
        yubico-piv-tool -r Yubico -a verify-pin -P "$(cat pin)" --sign -s 9a -A ECCP256 -i ca/root.pem -o signature
        openssl x509 -in certs/9a.pem -noout -pubkey >public.pem
        openssl dgst -sha256 -verify public.pem -signature signature ca/root.pem
        openssl verify -CAfile ca/root.pem -untrusted certs/9a-chain.pem certs/9a.pem"#
    );
    pipe(Command::new("bash").args(["-c", &script, "bash"]).arg(directory), b"");
    fs::remove_file(&ready).expect("the file was there");
    running
}

/// Programs that were started with something in that directory, and have not ended.
fn left(directory: &Path) -> Vec<String> {
    let processes = fs::read_dir("/proc").expect("a proc filesystem").flatten();
    let lines =
        processes.filter_map(|process| fs::read_to_string(process.path().join("cmdline")).ok());
    lines.filter(|line| line.contains(argument(directory))).collect()
}

#[test]
fn a_yubikey_by_hand_is_told_in_lines_for_a_shell_and_keeps_its_pki() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let root = || fs::read(directory.path().join("ca/root.pem")).expect("a PKI");
    let mut roots = Vec::new();
    for _ in 0..2 {
        let mut running = used(directory.path());
        roots.push(root());
        pipe(Command::new("kill").arg(running.0.id().to_string()), b"");
        assert!(running.0.wait().expect("a child of ours").success());
        assert_eq!(left(directory.path()), [""; 0]);
    }
    assert_eq!(roots[0], roots[1]);
}

#[test]
fn nothing_runs_on_when_the_lab_itself_is_killed() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let running = used(directory.path());
    assert_eq!(left(directory.path()).len(), 4, "itself, pcscd, a card, and who waits for the end");
    // kills it, and waits for it alone
    drop(running);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while !left(directory.path()).is_empty() {
        assert!(std::time::Instant::now() < deadline, "{:?}", left(directory.path()));
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}
