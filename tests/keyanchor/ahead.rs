//! The connection to the cloud is made while the token works: one connection, no request before the
//! signature, and none at all where the files are wrong already.

use std::io::Read;
use std::net::TcpListener;
use std::process::Command;
use std::time::Duration;

use hsm_test::relay::Relay;

use crate::lab::{Lab, fault, granted, lab, run};

/// The journey of a key through a relay.
fn through(lab: &Lab, relay: &Relay, label: &str) -> Command {
    let mut command = journey_to(lab, &relay.url());
    command.args(["--key", &lab.uri(label)]).arg("--certificate").arg(lab.hsm.chain(label));
    command
}

/// `credential-process` with another endpoint than the lab's own.
fn journey_to(lab: &Lab, endpoint: &str) -> Command {
    let mut command = lab.command();
    let arguments = lab.server.arguments();
    let others = arguments.chunks(2).filter(|pair| pair[0] != "--endpoint").flatten();
    command.arg("credential-process").args(others).args(["--endpoint", endpoint]);
    command
}

fn relay(lab: &Lab) -> Relay {
    Relay::start(lab.server.address(), Duration::ZERO)
}

#[test]
fn the_request_uses_the_connection_that_was_made_ahead() {
    let lab = lab();
    let relay = relay(&lab);
    granted(&mut through(&lab, &relay, "laptop"));
    assert_eq!((relay.connections(), lab.server.requests().len()), (1, 1));
}

#[test]
fn a_second_signature_uses_the_same_connection() {
    let lab = lab();
    let relay = relay(&lab);
    lab.server.clock_offset(3600);
    granted(&mut through(&lab, &relay, "laptop"));
    assert_eq!((relay.connections(), lab.server.requests().len()), (1, 2));
}

/// The token never answers, and the connection is there all the same: it did not wait for it.
#[test]
fn the_connection_does_not_wait_for_the_token() {
    let lab = lab();
    let relay = relay(&lab);
    let mut command = through(&lab, &relay, "laptop");
    let fault = fault(&lab, "C_Initialize * sleep forever");
    command.args(["--timeout", "2s"]).arg("--pkcs11-lib").arg(fault.module());
    let ended = run(command.envs(fault.command_env()));
    assert_eq!(ended.code, 6, "{}", ended.stderr);
    assert_eq!((relay.connections(), lab.server.requests().len()), (1, 0));
}

#[test]
fn nothing_is_connected_where_the_files_are_wrong() {
    let lab = lab();
    let relay = relay(&lab);
    let mut missing = journey_to(&lab, &relay.url());
    missing.args(["--key", &lab.uri("laptop"), "--certificate", "/nonexistent"]);
    assert_eq!(run(&mut missing).code, 3);
    let (private, _) = lab.pki().software_key("EC:P-256");
    let key = lab.write("key.pem", &private);
    let mut another = journey_to(&lab, &relay.url());
    another.arg("--key").arg(key).arg("--certificate").arg(lab.hsm.chain("laptop"));
    let ended = run(&mut another);
    assert!(ended.stderr.contains("does not belong to the key"), "{}", ended.stderr);
    assert_eq!(relay.connections(), 0);
}

/// What fails at the token is the error, and not what failed in the network meanwhile.
#[test]
fn a_token_that_fails_is_told_before_a_server_that_is_not_there() {
    let lab = lab();
    let mut command = journey_to(&lab, "https://127.0.0.1:1");
    command.args(["--key", &lab.uri("absent")]).arg("--certificate").arg(lab.hsm.chain("laptop"));
    let ended = run(&mut command);
    assert!(ended.stderr.contains("no key fits"), "{}", ended.stderr);
}

/// No byte of HTTP goes out ahead: the server's side of TLS is all there is.
#[test]
fn a_proxy_is_asked_for_one_tunnel_only() {
    let lab = lab();
    let proxy = TcpListener::bind("127.0.0.1:0").expect("proxy");
    let address = proxy.local_addr().expect("address");
    let seen = std::thread::spawn(move || {
        let (mut stream, _) = proxy.accept().expect("connection");
        let mut request = [0; 512];
        let length = stream.read(&mut request).expect("request");
        String::from_utf8_lossy(&request[..length]).into_owned()
    });
    let mut command = journey_to(&lab, "https://rolesanywhere.example");
    command.args(["--key", &lab.uri("laptop")]).arg("--certificate").arg(lab.hsm.chain("laptop"));
    let ended = run(command.env("HTTPS_PROXY", format!("http://{address}")));
    assert_eq!(ended.code, 5, "{}", ended.stderr);
    let request = seen.join().expect("proxy");
    assert!(request.starts_with("CONNECT rolesanywhere.example:443 HTTP/1.1\r\n"), "{request}");
    assert!(!request.contains("x-amz"), "{request}");
}
