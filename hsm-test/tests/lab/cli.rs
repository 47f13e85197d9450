//! The binary by hand: what it prints is enough to use it, and its server is the one of the tests.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use hsm_test::softhsm::SoftHsm;

use crate::client::{argument, pipe};

/// A running server, ended with the test.
pub(crate) struct Serving(pub(crate) Child);

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.kill().and_then(|()| self.0.wait()).expect("the server was ours");
    }
}

pub(crate) fn hsm_test() -> Command {
    Command::new(env!("CARGO_BIN_EXE_hsm-test"))
}

pub(crate) fn wait_for(path: &Path) -> String {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !path.exists() {
        assert!(Instant::now() < deadline, "{} does not appear", path.display());
        std::thread::sleep(Duration::from_millis(5));
    }
    fs::read_to_string(path).expect("a readable file")
}

/// Asks by openssl, which trusts the bundle and nothing else.
fn get_sessions(address: &str, bundle: &Path) -> String {
    let mut client = Command::new("openssl");
    client.args(["s_client", "-connect", address, "-CAfile", argument(bundle)]);
    client.args(["-verify_return_error", "-verify_ip", "127.0.0.1"]);
    client.args(["-ign_eof", "-quiet"]).stderr(Stdio::null());
    let request = b"GET /sessions HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    String::from_utf8_lossy(&pipe(&mut client, request)).into_owned()
}

#[test]
fn a_served_pki_is_trusted_by_openssl_and_each_request_is_told() {
    let hsm = SoftHsm::provisioned();
    let (ca, ready) = (hsm.dir().join("ca"), hsm.dir().join("ready"));
    let mut serve = hsm_test();
    serve.args(["serve", "--ca", argument(&ca), "--ready-file", argument(&ready)]);
    let mut serving = Serving(serve.stdout(Stdio::piped()).spawn().expect("the binary is built"));
    let url = wait_for(&ready);
    let bundle = hsm.dir().join("ca-bundle.pem");
    let answer = get_sessions(&url.trim().replace("https://", ""), &bundle);
    assert!(answer.contains("x-lab-reason: /sessions takes no GET"), "{answer}");
    let stdout = BufReader::new(serving.0.stdout.take().expect("stdout is a pipe"));
    let lines: Vec<String> = stdout.lines().map_while(Result::ok).take(9).collect();
    assert_eq!(lines[0], format!("listening on {}", url.trim()));
    assert!(lines.iter().any(|line| line.contains("--ca-bundle")), "{lines:?}");
    let last = lines.last().map(String::as_str).unwrap_or_default();
    assert!(last.starts_with("GET /sessions: refused: 405"), "{lines:?}");
}

#[test]
fn a_certificate_is_issued_for_a_public_key() {
    let hsm = SoftHsm::provisioned();
    let (public, out) = (hsm.dir().join("public.pem"), hsm.dir().join("leaf.pem"));
    fs::write(&public, hsm.public_key_pem("laptop")).expect("the directory is writable");
    let ca = hsm.dir().join("ca");
    let mut issue = hsm_test();
    issue.args(["issue", "--ca", argument(&ca), "--public-key", argument(&public)]);
    pipe(issue.args(["--out", argument(&out), "--cn", "host-c"]), b"");
    let said = pipe(
        Command::new("openssl").args([
            "x509",
            "-noout",
            "-subject",
            "-pubkey",
            "-in",
            argument(&out),
        ]),
        b"",
    );
    let expected = format!("subject=O = Example, CN = host-c\n{}", hsm.public_key_pem("laptop"));
    assert_eq!(String::from_utf8_lossy(&said), expected);
}

#[test]
fn a_tpm_by_hand_is_told_in_lines_for_a_shell_and_remembers_its_keys() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let ready = directory.path().join("ready");
    for _ in 0..2 {
        let mut run = hsm_test();
        run.args(["tpm", argument(directory.path()), "--ready-file", argument(&ready)]);
        let mut running = Serving(run.stdout(Stdio::null()).spawn().expect("the binary is built"));
        let exports = wait_for(&ready);
        let script = format!(
            r#"set -e; {exports} cd "$1"
            tpm2_getcap properties-variable | grep -qx "TPM2_PT_LOCKOUT_COUNTER: 0x0"
            tpm2_sign -Q -c 0x81000104 -g sha256 -f plain -p file:- -o signature ca/root.pem < <(tr -d '\n' <password)
            openssl x509 -in certs/locked.pem -noout -pubkey >public.pem
            openssl dgst -sha256 -verify public.pem -signature signature ca/root.pem"#
        );
        pipe(Command::new("bash").args(["-c", &script, "bash"]).arg(directory.path()), b"");
        assert!(directory.path().join("keys/rsa2048.pem").is_file());
        let pid = running.0.id().to_string();
        pipe(Command::new("kill").arg(&pid), b"");
        assert!(running.0.wait().expect("a child of ours").success());
        let port = exports.trim_end().rsplit('=').next().and_then(|port| port.parse().ok());
        let port: u16 = port.expect("the port is the last word");
        assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err());
        fs::remove_file(&ready).expect("the file was there");
    }
}

#[test]
fn a_missing_pki_is_one_sentence() {
    let output =
        hsm_test().args(["serve", "--ca", "nowhere"]).output().expect("the binary is built");
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let expected = "hsm-test: error: nowhere/root.pem is missing: softhsm/provision.sh makes it\n";
    assert_eq!(said, expected);
}
