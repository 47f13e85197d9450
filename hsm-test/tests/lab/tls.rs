//! Servers that TLS must not trust, as OpenSSL sees them.

use std::process::{Command, Stdio};

use hsm_test::pki::Flaw;
use hsm_test::s_server::SServer;

use crate::client::{argument, bench};

/// What `openssl verify` finds wrong with a chain that is to be 127.0.0.1's.
fn judged(chain: &str) -> String {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), chain).expect("the file is writable");
    let (root, path) = (bench().pki.root_pem_path(), argument(file.path()));
    let options =
        ["verify", "-purpose", "sslserver", "-verify_ip", "127.0.0.1", "-auth_level", "2"];
    let mut command = Command::new("openssl");
    command.args(options).args(["-CAfile", argument(&root), "-untrusted", path, path]);
    let output = command.output().expect("openssl is installed");
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

#[test]
fn a_server_certificate_has_the_flaw_that_was_asked_for() {
    let pki = &bench().pki;
    assert!(judged(&pki.server_certificate().0).ends_with("OK\n"));
    for (flaw, words) in [
        (Flaw::CaItself, "self-signed certificate"),
        (Flaw::Expired, "certificate has expired"),
        (Flaw::NotYetValid, "certificate is not yet valid"),
        (Flaw::SelfSigned, "self-signed certificate"),
        (Flaw::Sha1, "CA signature digest algorithm too weak"),
        (Flaw::UnknownCa, "unable to get local issuer certificate"),
        (Flaw::WrongName, "IP address mismatch"),
    ] {
        let said = judged(&pki.flawed_server_certificate(flaw).0);
        assert!(said.contains(words), "{flaw:?}: {said}");
    }
}

#[test]
fn s_server_shows_what_it_was_sent_and_keeps_to_its_version() {
    let server = SServer::start(&bench().pki.server_certificate(), &["-tls1_2"]);
    let address = server.url().replace("https://", "");
    let send = |version: &str| {
        let mut client = Command::new("openssl");
        client.args(["s_client", "-quiet", "-no_ign_eof", version, "-connect", &address]);
        client.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut client = client.spawn().expect("openssl is installed");
        let words = format!("POST {version}\n");
        // a client that could not connect does not read
        let _ =
            std::io::Write::write_all(&mut client.stdin.take().expect("a pipe"), words.as_bytes());
        client.wait().expect("the client ends")
    };
    assert!(send("-tls1_2").success());
    assert!(!send("-tls1_3").success());
    let said = server.end();
    assert!(said.contains("POST -tls1_2") && !said.contains("POST -tls1_3"), "{said}");
}
