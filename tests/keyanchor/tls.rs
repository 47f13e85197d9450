//! Servers that TLS must not trust, and handshakes that go wrong: nothing is sent to any of them.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use hsm_test::pki::Flaw;
use hsm_test::s_server::SServer;
use hsm_test::server::{Config, Server};

use crate::golden::check;
use crate::lab::{Lab, granted, lab, run};
use crate::network::at;

/// A laboratory whose server has another certificate.
pub(crate) fn with_certificate(flaw: Flaw) -> Lab {
    let lab = lab();
    let pki = lab.pki();
    let tls = pki.flawed_server_certificate(flaw);
    let server = Server::start(Config { tls, ..Config::lab(&pki) });
    Lab { server, ..lab }
}

#[test]
fn a_flawed_certificate_is_named_with_its_flaw_and_gets_no_request() {
    for (name, flaw) in [
        ("server-certificate-of-a-ca", Flaw::CaItself),
        ("server-certificate-expired", Flaw::Expired),
        ("server-certificate-not-yet-valid", Flaw::NotYetValid),
        ("server-certificate-self-signed", Flaw::SelfSigned),
        ("server-certificate-signed-with-sha1", Flaw::Sha1),
        ("server-certificate-of-an-unknown-ca", Flaw::UnknownCa),
        ("server-certificate-for-another-name", Flaw::WrongName),
    ] {
        let lab = with_certificate(flaw);
        let ended = run(&mut lab.with_key("laptop"));
        check(name, &lab, &ended);
        assert_eq!(ended.code, 5);
        assert!(lab.server.requests().is_empty(), "{name}: something was sent");
        assert_eq!(lab.server.connections(), 1, "{name}: it is final");
    }
}

#[test]
fn old_versions_of_tls_are_refused_and_get_no_request() {
    let lab = lab();
    let certificate = lab.pki().server_certificate();
    let old = SServer::start(&certificate, &["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"]);
    let ended = run(&mut at(&lab, &old.url()));
    check("server-speaks-tls-1-1-only", &lab, &ended);
    let said = old.end();
    assert!(!said.contains("POST") && !said.to_lowercase().contains("x-amz"), "{said}");
}

/// A listener that answers the first bytes of each connection with these.
fn garbage(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("listener");
    let url = format!("https://{}", listener.local_addr().expect("address"));
    std::thread::spawn(move || {
        for mut connection in listener.incoming().flatten() {
            let mut hello = [0; 4096];
            let _ = connection.read(&mut hello);
            let _ = connection.write_all(answer);
        }
    });
    url
}

#[test]
fn what_is_no_tls_is_said() {
    let lab = lab();
    let plain = garbage(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
    check("server-speaks-no-tls", &lab, &run(&mut at(&lab, &plain)));
    let noise = garbage(&[0x16, 0x03, 0x03, 0x00, 0x04, 0xff, 0xff, 0xff, 0xff]);
    check("server-sends-garbage-in-its-handshake", &lab, &run(&mut at(&lab, &noise)));
    let alert = garbage(&[0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x28]);
    check("server-refuses-the-handshake", &lab, &run(&mut at(&lab, &alert)));
}

#[test]
fn a_handshake_that_hangs_is_given_up() {
    let lab = lab();
    let silent = TcpListener::bind("127.0.0.1:0").expect("listener");
    let url = format!("https://{}", silent.local_addr().expect("address"));
    let start = Instant::now();
    let ended = run(&mut at(&lab, &url));
    check("server-hangs-in-its-handshake", &lab, &ended);
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    let start = Instant::now();
    let ended = run(at(&lab, &url).args(["--timeout", "1s"]));
    assert!(start.elapsed() < Duration::from_secs(12), "{:?}", start.elapsed());
    check("server-hangs-in-its-handshake-for-the-whole-run", &lab, &ended);
}

#[test]
fn tls_1_2_is_still_enough() {
    let lab = lab();
    let certificate = lab.pki().server_certificate();
    let server = SServer::start(&certificate, &["-tls1_2"]);
    let ended = run(at(&lab, &server.url()).args(["--timeout", "2s"]));
    assert!(server.end().contains("POST /sessions"), "{}", ended.stderr);
    granted(&mut lab.with_key("laptop"));
}
