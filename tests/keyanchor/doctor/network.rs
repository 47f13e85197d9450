//! The way to the service, broken at one place after the other.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, UdpSocket};
use std::time::{Duration, Instant};

use hsm_test::pki::Flaw;
use hsm_test::s_server::SServer;
use hsm_test::server::Behaviour;
use serde_json::Value;

use super::tokens::without_the_steps;
use super::{DEVICE_STEPS, broken, broken_as_a_run, examined, key_file, step, those};
use crate::golden::check;
use crate::lab::{lab, under};
use crate::network::at;
use crate::reach::{apart, resolver};
use crate::tls::with_certificate;

/// The device is well, whatever the network is.
fn device_is_well(steps: &[Value]) {
    assert_eq!(those(steps, "ok")[..DEVICE_STEPS.len()], DEVICE_STEPS);
}

#[test]
fn a_name_that_is_unknown_is_the_fault_of_the_name() {
    let lab = lab();
    let journey = at(&lab, "https://keyanchor.invalid");
    let Some(mut process) = apart(&journey, &["-n"], "true") else { return };
    let steps = broken_as_a_run(&mut process, "name", 5);
    device_is_well(&steps);
    assert_eq!(step(&steps, "endpoint")["facts"]["url"], "https://keyanchor.invalid");
}

#[test]
fn a_name_server_that_is_silent_is_given_up_and_the_rest_is_told() {
    let lab = lab();
    let Ok(_silent) = UdpSocket::bind("127.83.71.6:53") else {
        assert_ne!(std::env::var("LAB").as_deref(), Ok("require"), "port 53 cannot be had");
        return eprintln!("SKIPPED: port 53 cannot be had here");
    };
    let line = resolver(&lab, "127.83.71.6");
    let journey = at(&lab, "https://keyanchor.invalid");
    let Some(process) = apart(&journey, &["-m"], &line) else { return };
    let start = Instant::now();
    let (ended, steps) = broken(&process, "name", 5);
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
    device_is_well(&steps);
    check("doctor-of-a-silent-name-server", &lab, &without_the_steps(ended));
}

#[test]
fn a_closed_port_is_the_fault_of_the_connection() {
    let lab = lab();
    let steps = broken_as_a_run(&mut at(&lab, "https://127.0.0.1:1"), "connection", 5);
    device_is_well(&steps);
    assert_eq!(step(&steps, "name")["facts"]["addresses"][0], "127.0.0.1");
}

#[test]
fn a_server_that_is_not_trusted_is_named_with_its_issuer() {
    for flaw in [Flaw::UnknownCa, Flaw::WrongName, Flaw::Expired, Flaw::SelfSigned] {
        let lab = with_certificate(flaw);
        let steps = broken_as_a_run(&mut lab.with_key("laptop"), "tls", 5);
        device_is_well(&steps);
        let tls = &step(&steps, "tls")["facts"];
        assert!(tls["issuer"].as_str().expect("an issuer").contains("CN="), "{tls}");
        assert!(tls["roots"][0].as_str().expect("roots").starts_with("--ca-bundle /"), "{tls}");
        assert!(lab.server.requests().is_empty());
    }
}

#[test]
fn versions_of_tls_are_told() {
    let lab = lab();
    let certificate = lab.pki().server_certificate();
    let old = SServer::start(&certificate, &["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"]);
    broken_as_a_run(&mut at(&lab, &old.url()), "tls", 5);
    let enough = SServer::start(&certificate, &["-tls1_2", "-www"]);
    // A page for people instead of the service.
    let (ended, steps) = broken(&at(&lab, &enough.url()), "endpoint", 5);
    assert_eq!(step(&steps, "tls")["facts"]["version"], "1.2");
    check("doctor-of-something-else-than-the-service", &lab, &without_the_steps(ended));
}

#[test]
fn what_answers_as_no_service_would_is_the_fault_of_the_endpoint() {
    for behaviour in [
        Behaviour::html(200),
        Behaviour::redirect(302, "https://127.0.0.1:1/"),
        Behaviour::raw(503, &[], ""),
        Behaviour::Close,
    ] {
        let lab = lab();
        lab.server.behave(behaviour);
        let (_, steps) = broken(&lab.with_key("laptop"), "endpoint", 5);
        device_is_well(&steps);
        assert_eq!(step(&steps, "tls")["facts"]["version"], "1.3");
    }
}

#[test]
fn a_clock_that_is_wrong_is_a_warning_first_and_a_failure_beyond_five_minutes() {
    let lab = lab();
    for (ahead, warned) in [(20, false), (-120, true), (120, true)] {
        lab.server.clock_offset(ahead);
        let (ended, steps) = examined(&lab.with_key("laptop"));
        let warnings = those(&steps, "warning");
        assert_eq!((ended.code, warnings.contains(&"clock".to_owned())), (0, warned), "{ahead}");
    }
    lab.server.clock_offset(7200);
    let (ended, steps) = broken(&lab.with_key("laptop"), "clock", 3);
    device_is_well(&steps);
    let ahead = step(&steps, "clock")["facts"]["service_ahead"].as_i64().expect("seconds");
    assert!((7190..=7210).contains(&ahead), "{ahead}");
    let words = ended.stderr.split(&format!(" {ahead} ")).collect::<Vec<_>>().join(" 7200 ");
    let ended = crate::lab::Ended { stderr: words, ..without_the_steps(ended) };
    check("doctor-of-a-slow-clock", &lab, &ended);
}

#[test]
fn this_computers_own_clock_is_what_is_told() {
    let lab = lab();
    let mut process = key_file(&lab);
    // Time-outs go by the other clock, which is right.
    process.env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    let process = under(&process, &["faketime", "-f", "+10m"]);
    let (_, steps) = broken(&process, "clock", 3);
    let ahead = step(&steps, "clock")["facts"]["service_ahead"].as_i64().expect("seconds");
    assert!((-615..=-585).contains(&ahead), "{ahead}");
}

/// A proxy that reads a request and answers with these words.
fn proxy(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("listener");
    let url = format!("http://{}", listener.local_addr().expect("address"));
    std::thread::spawn(move || {
        for mut connection in listener.incoming().flatten() {
            let _ = connection.read(&mut [0; 4096]);
            let _ = connection.write_all(answer);
        }
    });
    url
}

#[test]
fn a_proxy_that_is_dead_or_says_no_is_told_without_its_password() {
    let lab = lab();
    let mut process = at(&lab, "https://rolesanywhere.us-east-1.amazonaws.com");
    process.env("HTTPS_PROXY", "http://user:s3cret@127.0.0.1:1");
    let (ended, steps) = broken(&process, "proxy", 5);
    device_is_well(&steps);
    let facts = &step(&steps, "proxy")["facts"];
    assert_eq!(
        (&facts["url"], &facts["from"]),
        (&"http://127.0.0.1:1".into(), &"HTTPS_PROXY".into())
    );
    assert!(!ended.stdout.contains("s3cret") && !ended.stderr.contains("s3cret"));
    let no = proxy(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n");
    let steps = broken_as_a_run(process.env("HTTPS_PROXY", no), "connection", 5);
    assert_eq!(step(&steps, "name")["status"], "not-tried");
    assert_eq!(step(&steps, "proxy")["status"], "ok");
}

#[test]
fn a_proxy_that_does_not_count_is_told_with_the_reason() {
    let lab = lab();
    let mut process = lab.with_key("laptop");
    process.env("HTTPS_PROXY", "http://127.0.0.1:1");
    let (ended, steps) = examined(&process);
    assert_eq!((ended.code, &step(&steps, "proxy")["facts"]["excepted"]), (0, &true.into()));
    let mut process = at(&lab, "https://keyanchor.invalid");
    let Some(process) = apart(process.env("HTTPS_PROXY", "http:/127.0.0.1"), &["-n"], "true")
    else {
        return;
    };
    let (_, steps) = examined(&process);
    assert_eq!(those(&steps, "warning"), ["proxy"]);
}

#[test]
fn roots_that_cannot_be_read_are_the_fault_of_tls() {
    let lab = lab();
    let mut process = lab.command();
    process.args(["credential-process", "--key", &lab.uri("laptop")]);
    let arguments = lab.server.arguments();
    process.args(arguments.chunks(2).filter(|pair| pair[0] != "--ca-bundle").flatten());
    process.arg("--certificate").arg(lab.hsm.chain("laptop"));
    process.env("AWS_CA_BUNDLE", lab.hsm.dir().join("absent.pem"));
    broken_as_a_run(&mut process, "tls", 3);
}
