//! The service refuses, misbehaves, or is not there.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hsm_test::pki::Pki;
use hsm_test::server::{Behaviour, Config, Server, Verdict};

use crate::golden::check;
use crate::lab::{Lab, granted, lab, run};

fn refuse(kind: &str, status: u16, message: &str) -> Behaviour {
    Behaviour::Refuse { status, kind: kind.into(), message: message.into() }
}

#[test]
fn each_known_refusal_says_its_cause() {
    let role = "arn:aws:iam::111122223333:role/Example";
    for (name, message) in [
        ("refused-untrusted", "Untrusted signing certificate"),
        ("refused-insufficient", "Untrusted certificate. Insufficient certificate"),
        ("refused-invalid-signature", "Invalid signature"),
        ("refused-revoked", "Certificate revoked"),
        ("refused-anchor-disabled", "Specified Trust Anchor is disabled."),
        ("refused-session-name", "Not authorized to set roleSessionName."),
        ("refused-role", &format!("Unable to assume role for {role}")),
        (
            "refused-role-duration",
            &format!(
                "Unable to assume role for {role}; The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
            ),
        ),
        (
            "refused-session-tags",
            &format!(
                "Unable to assume role for {role}; Some attributes failed to be mapped into session tags. Issuer: [  ]; Subject: [  ]; SAN: [ DNS/2 ]"
            ),
        ),
        ("refused-for-an-unknown-reason", "Something \u{1b}[31mnew\n"),
    ] {
        let lab = lab();
        lab.server.behave(refuse("AccessDeniedException", 403, message));
        let ended = run(&mut lab.with_key("laptop"));
        assert_eq!(ended.code, 5);
        check(name, &lab, &ended);
        assert_eq!(lab.server.requests().len(), 1, "a refusal is final");
    }
}

#[test]
fn other_refusals_have_their_classes_too() {
    for (name, behaviour) in [
        ("refused-validation", refuse("ValidationException", 400, "1 validation error detected: Value '1' at 'durationSeconds' failed to satisfy constraint")),
        ("refused-not-found", refuse("ResourceNotFoundException", 404, "Trust anchor not found")),
        ("answer-is-html", Behaviour::Raw { status: 502, headers: vec![("content-type".into(), "text/html".into())], body: b"<html>Bad gateway</html>".to_vec() }),
        ("answer-is-not-json", Behaviour::Raw { status: 201, headers: vec![], body: b"{\"credentialSet\":".to_vec() }),
        ("answer-is-an-empty-set", Behaviour::Raw { status: 201, headers: vec![], body: b"{\"credentialSet\":[]}".to_vec() }),
        ("answer-has-expired", Behaviour::Raw { status: 201, headers: vec![], body: br#"{"credentialSet":[{"credentials":{"accessKeyId":"A","secretAccessKey":"s","sessionToken":"t","expiration":"2020-01-01T00:00:00Z"}}]}"#.to_vec() }),
        ("answer-lacks-a-secret", Behaviour::Raw { status: 201, headers: vec![], body: br#"{"credentialSet":[{"credentials":{"accessKeyId":"A","secretAccessKey":"","sessionToken":"t","expiration":"2099-01-01T00:00:00Z"}}]}"#.to_vec() }),
        ("answer-is-for-another-role", Behaviour::Raw { status: 201, headers: vec![], body: br#"{"credentialSet":[{"roleArn":"arn:aws:iam::111122223333:role/Other","credentials":{"accessKeyId":"A","secretAccessKey":"s","sessionToken":"t","expiration":"2099-01-01T00:00:00Z"}}]}"#.to_vec() }),
        ("answer-is-too-long", Behaviour::Raw { status: 201, headers: vec![], body: vec![b' '; 2 * 1024 * 1024] }),
        ("answer-redirects", Behaviour::Raw { status: 307, headers: vec![("location".into(), "https://127.0.0.1:1/".into())], body: vec![] }),
    ] {
        let lab = lab();
        lab.server.behave(behaviour);
        let ended = run(&mut lab.with_key("laptop"));
        assert_eq!(ended.code, 5, "{name}: {}", ended.stderr);
        check(name, &lab, &ended);
    }
}

#[test]
fn a_server_that_is_not_there_is_unreachable() {
    let lab = lab();
    let mut command = lab.command();
    command.args(["credential-process", "--key", &lab.uri("laptop")]);
    let arguments = lab.server.arguments();
    command.args(arguments.chunks(2).filter(|pair| pair[0] != "--endpoint").flatten());
    command
        .args(["--endpoint", "https://127.0.0.1:1"])
        .arg("--certificate")
        .arg(lab.hsm.chain("laptop"));
    check("server-unreachable", &lab, &run(&mut command));
}

#[test]
fn a_server_that_hangs_is_given_up_at_the_deadline() {
    let lab = lab();
    lab.server.behave(Behaviour::Hang);
    let start = Instant::now();
    let ended = run(lab.with_key("laptop").args(["--timeout", "1500ms"]));
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    check("server-hangs", &lab, &ended);
}

#[test]
fn a_server_of_an_unknown_ca_is_not_trusted_and_gets_nothing() {
    let lab = lab();
    let mut command = lab.command();
    command.args(["credential-process", "--key", &lab.uri("laptop")]);
    let arguments = lab.server.arguments();
    command.args(arguments.chunks(2).filter(|pair| pair[0] != "--ca-bundle").flatten());
    let other = Pki::fresh(&lab.hsm.dir().join("other-ca"));
    command
        .arg("--ca-bundle")
        .arg(other.root_pem_path())
        .arg("--certificate")
        .arg(lab.hsm.chain("laptop"));
    check("server-not-trusted", &lab, &run(&mut command));
    assert!(lab.server.requests().is_empty());
}

#[test]
fn a_file_of_roots_that_cannot_be_used_is_said() {
    let lab = lab();
    let mut command = lab.command();
    command.args(["credential-process", "--key", &lab.uri("laptop")]);
    let arguments = lab.server.arguments();
    command.args(arguments.chunks(2).filter(|pair| pair[0] != "--ca-bundle").flatten());
    command
        .arg("--ca-bundle")
        .arg(lab.hsm.dir().join("absent.pem"))
        .arg("--certificate")
        .arg(lab.hsm.chain("laptop"));
    check("ca-bundle-missing", &lab, &run(&mut command));
}

#[test]
fn throttling_and_trouble_are_tried_again_with_the_same_signature() {
    for status in [429, 503] {
        let lab = lab();
        lab.server.behave(Behaviour::Throttle { times: 2, status });
        granted(&mut lab.with_key("laptop"));
        let requests = lab.server.requests();
        let signatures: Vec<_> =
            requests.iter().map(|request| request.header("authorization")).collect();
        assert_eq!(signatures.len(), 3);
        assert!(
            signatures[0].is_some()
                && signatures.iter().all(|signature| *signature == signatures[0])
        );
        assert!(matches!(requests[2].verdict, Verdict::Granted));
    }
}

#[test]
fn an_absurd_retry_after_is_an_ordinary_refusal() {
    let lab = lab();
    let headers = vec![("retry-after".into(), u64::MAX.to_string())];
    lab.server.behave(Behaviour::Raw { status: 503, headers, body: vec![] });
    let ended = run(&mut lab.with_key("laptop"));
    assert_eq!(ended.code, 5, "{}", ended.stderr);
    assert_eq!(lab.server.requests().len(), 1, "nobody waits that long");
}

#[test]
fn a_third_refusal_to_serve_is_the_last() {
    let lab = lab();
    lab.server.behave(Behaviour::Throttle { times: 9, status: 429 });
    check("throttled", &lab, &run(&mut lab.with_key("laptop")));
    assert_eq!(lab.server.requests().len(), 3);
}

#[test]
fn a_reset_connection_is_tried_again_and_then_told() {
    let lab = lab();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("listener");
    let endpoint = format!("https://{}", listener.local_addr().expect("address"));
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    std::thread::spawn(move || {
        // Accepted and dropped, as a server that is just restarting does.
        for _connection in listener.incoming().flatten() {
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    let ended = run(&mut elsewhere(&lab, &["--endpoint", &endpoint]));
    assert_eq!(ended.code, 5, "{}", ended.stderr);
    assert_eq!(count.load(Ordering::SeqCst), 3);
}

#[test]
fn a_wish_to_be_asked_later_is_honoured() {
    let lab = lab();
    let headers = vec![("retry-after".into(), "1".into())];
    lab.server.behave(Behaviour::Raw { status: 503, headers, body: vec![] });
    let start = Instant::now();
    assert_eq!(run(&mut lab.with_key("laptop")).code, 5);
    assert!(start.elapsed() >= Duration::from_secs(2), "{:?}", start.elapsed());
    assert_eq!(lab.server.requests().len(), 3);
}

/// What the lab finds wrong with a request is found by the lab: nothing here decides it.
#[test]
fn real_refusals_of_the_verifying_server_are_told() {
    let lab = lab();
    let mut command = lab.credential_process();
    command
        .args(["--key", &lab.uri("laptop")])
        .arg("--certificate")
        .arg(lab.hsm.certificate("laptop"));
    command.arg("--intermediates").arg(lab.hsm.certificate("p384"));
    // The token has the intermediate; without its help the chain would be broken.
    granted(&mut command);

    let pki = Pki::fresh(&lab.hsm.dir().join("other-ca"));
    let server = Server::start(Config::lab(&pki));
    let lab = Lab { server, ..lab };
    let ended = run(&mut lab.with_key("laptop"));
    assert!(ended.stderr.contains("Untrusted signing certificate"), "{}", ended.stderr);
    assert_eq!(ended.code, 5);
}

#[test]
fn no_proxy_is_used_for_this_computer() {
    let lab = lab();
    let mut command = lab.with_key("laptop");
    granted(
        command.env("HTTPS_PROXY", "http://127.0.0.1:1").env("ALL_PROXY", "http://127.0.0.1:1"),
    );
}

/// The journey to another endpoint.
pub(crate) fn at(lab: &Lab, url: &str) -> std::process::Command {
    let mut command = lab.command();
    command.args(["credential-process", "--key", &lab.uri("laptop"), "--endpoint", url]);
    let arguments = lab.server.arguments();
    command.args(arguments.chunks(2).filter(|pair| pair[0] != "--endpoint").flatten());
    command.arg("--certificate").arg(lab.hsm.chain("laptop"));
    command
}

/// The journey without the lab's own endpoint, and with other options.
fn elsewhere(lab: &Lab, options: &[&str]) -> std::process::Command {
    let mut command = lab.command();
    command.args(["credential-process", "--key", &lab.uri("laptop"), "--timeout", "5s"]);
    let arguments = lab.server.arguments();
    command.args(arguments.chunks(2).filter(|pair| pair[0] != "--endpoint").flatten());
    command.arg("--certificate").arg(lab.hsm.chain("laptop")).args(options);
    command
}

/// The host that is asked for, as a proxy sees it: nothing leaves this computer.
fn asked_for(options: &[&str], environment: &[(&str, &str)]) -> String {
    let lab = lab();
    let proxy = std::net::TcpListener::bind("127.0.0.1:0").expect("proxy");
    let address = proxy.local_addr().expect("address");
    let (sender, seen) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let (mut stream, _) = proxy.accept().expect("connection");
        let mut request = [0; 512];
        let length = std::io::Read::read(&mut stream, &mut request).expect("request");
        let _ = sender.send(String::from_utf8_lossy(&request[..length]).into_owned());
    });
    let mut command = elsewhere(&lab, options);
    command.envs(environment.iter().copied()).env("HTTPS_PROXY", format!("http://{address}"));
    assert_ne!(run(&mut command).code, 0);
    let request = seen.recv_timeout(Duration::from_secs(5)).expect("the proxy was asked");
    let host = request.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next());
    host.expect("CONNECT").to_owned()
}

#[test]
fn the_region_and_its_variants_decide_the_host_and_a_proxy_is_used() {
    let fips = ("AWS_USE_FIPS_ENDPOINT", "true");
    let dual_stack = ("AWS_USE_DUALSTACK_ENDPOINT", "true");
    let other = ("AWS_ENDPOINT_URL_ROLESANYWHERE", "https://vpce.example");
    for (options, environment, host) in [
        (&[][..], &[][..], "rolesanywhere.us-east-1.amazonaws.com:443"),
        (&["--region", "eu-central-1"], &[], "rolesanywhere.eu-central-1.amazonaws.com:443"),
        (&["--region", "fips-us-west-2"], &[], "rolesanywhere-fips.us-west-2.amazonaws.com:443"),
        (&["--fips"], &[], "rolesanywhere-fips.us-east-1.amazonaws.com:443"),
        (&["--dual-stack"], &[], "rolesanywhere.us-east-1.api.aws:443"),
        (&[], &[fips, dual_stack], "rolesanywhere-fips.us-east-1.api.aws:443"),
        (&[], &[other], "vpce.example:443"),
        (&[], &[("AWS_ENDPOINT_URL", "https://all.example:8443")], "all.example:8443"),
        (
            &[],
            &[other, ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")],
            "rolesanywhere.us-east-1.amazonaws.com:443",
        ),
        (&["--endpoint", "https://given.example"], &[other], "given.example:443"),
    ] {
        assert_eq!(asked_for(options, environment), host, "{options:?} {environment:?}");
    }
}

#[test]
fn roots_come_from_the_options_or_the_environment() {
    let lab = lab();
    let journey = || {
        let mut command = lab.command();
        command.args(["credential-process", "--key", &lab.uri("laptop")]);
        let arguments = lab.server.arguments();
        command.args(arguments.chunks(2).filter(|pair| pair[0] != "--ca-bundle").flatten());
        command.arg("--certificate").arg(lab.hsm.chain("laptop"));
        command
    };
    let untrusted = run(&mut journey());
    assert!(untrusted.stderr.contains("cannot be trusted"), "{}", untrusted.stderr);
    granted(journey().arg("--ca-file").arg(lab.server.ca_bundle()));
    granted(journey().env("AWS_CA_BUNDLE", lab.server.ca_bundle()));
    let other = Pki::fresh(&lab.hsm.dir().join("other-ca"));
    let pinned = run(journey().env("AWS_CA_BUNDLE", other.root_pem_path()));
    assert!(pinned.stderr.contains("cannot be trusted"), "{}", pinned.stderr);
}
