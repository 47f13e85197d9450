//! The server misbehaves as told, and then no longer.

use std::time::{Duration, SystemTime};

use hsm_test::server::{Behaviour, Verdict};

use crate::client::{Call, date, send, serve, try_send, try_send_to};

#[test]
fn throttling_ends_after_the_times_asked_for() {
    let server = serve();
    let text = Call::right(&server).text();
    server.behave(Behaviour::Throttle { times: 2, status: 429 });
    let statuses = [(); 3].map(|()| send(&server, &text).status);
    assert_eq!(statuses, [429, 429, 201]);
    let verdicts: Vec<Verdict> =
        server.requests().into_iter().map(|request| request.verdict).collect();
    assert_eq!(verdicts, [Verdict::Unjudged, Verdict::Unjudged, Verdict::Granted]);
}

#[test]
fn a_refusal_says_what_it_was_told_to() {
    let server = serve();
    let (kind, message) = ("AccessDeniedException".to_owned(), "Certificate revoked".to_owned());
    server.behave(Behaviour::Refuse { status: 403, kind, message });
    let answer = send(&server, &Call::right(&server).text());
    assert_eq!((answer.status, answer.header("x-amzn-errortype")), (403, "AccessDeniedException"));
    assert_eq!(answer.json()["message"], "Certificate revoked");
}

#[test]
fn a_raw_answer_is_sent_as_it_is() {
    let server = serve();
    let headers = vec![("x-odd".into(), "yes".into()), ("Date".into(), "never".into())];
    server.behave(Behaviour::Raw { status: 299, headers, body: b"<html>".into() });
    let answer = send(&server, &Call::right(&server).text());
    assert_eq!((answer.status, answer.body.as_str()), (299, "<html>"));
    assert_eq!((answer.header("x-odd"), answer.header("date")), ("yes", "never"));
}

#[test]
fn a_hanging_server_still_stops() {
    let server = serve();
    server.behave(Behaviour::Hang);
    let (text, bundle) = (Call::right(&server).text(), server.ca_bundle());
    let address = server.url().replace("https://", "");
    let client = std::thread::spawn(move || try_send_to(&address, &bundle, &text));
    while server.requests().is_empty() {
        std::thread::sleep(Duration::from_millis(1));
    }
    server.behave(Behaviour::Verify);
    assert_eq!(send(&server, &Call::right(&server).text()).status, 201);
    assert!(!client.is_finished());
    drop(server);
    let outcome = client.join().expect("no panic");
    assert_eq!(outcome.expect_err("no answer").kind(), std::io::ErrorKind::UnexpectedEof);
}

#[test]
fn a_reset_is_an_error_of_the_connection() {
    let server = serve();
    server.behave(Behaviour::Reset);
    let error = try_send(&server, &Call::right(&server).text()).expect_err("no answer");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_closed_connection_is_no_reset() {
    let server = serve();
    server.behave(Behaviour::Close);
    let error = try_send(&server, &Call::right(&server).text()).expect_err("no answer");
    assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
    assert_eq!((server.requests().len(), server.connections()), (1, 1));
}

#[test]
fn a_dripping_answer_is_right_and_slow() {
    let server = serve();
    let every = Duration::from_millis(1);
    server.behave(Behaviour::Drip { every });
    let start = std::time::Instant::now();
    let answer = send(&server, &Call::right(&server).text());
    assert_eq!(answer.status, 201);
    let length = u32::try_from(answer.head.len() + answer.body.len()).expect("a short answer");
    assert!(start.elapsed() >= every * length, "{:?}", start.elapsed());
}

#[test]
fn a_truncated_answer_lacks_its_second_half() {
    for chunked in [true, false] {
        let server = serve();
        server.behave(Behaviour::Truncate { chunked });
        let text = Call::right(&server).text();
        let error = try_send(&server, &text).expect_err("TLS ends without a word");
        assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
        assert_eq!(server.requests()[0].verdict, Verdict::Granted);
        let (address, bundle) = (server.url().replace("https://", ""), server.ca_bundle());
        let whole = |length| crate::client::try_read(&address, &bundle, &text, length);
        let first = String::from_utf8(whole(800).expect("the first half")).expect("text");
        assert!(first.starts_with("HTTP/1.1 201") && first.contains("\r\n\r\n"), "{first}");
        server.behave(Behaviour::Verify);
        assert_eq!(send(&server, &text).status, 201);
    }
}

#[test]
fn an_endless_answer_does_not_end() {
    for promised in [None, Some(1 << 40)] {
        let server = serve();
        server.behave(Behaviour::Endless { promised });
        let (text, bundle) = (Call::right(&server).text(), server.ca_bundle());
        let address = server.url().replace("https://", "");
        let read = crate::client::try_read(&address, &bundle, &text, 4 << 20).expect("an answer");
        assert_eq!(read.len(), 4 << 20);
        let head = String::from_utf8_lossy(&read[..1024]).to_lowercase();
        let header = if promised.is_some() { "content-length: 1099511627776" } else { "chunked" };
        assert!(head.contains(header), "{head}");
    }
}

#[test]
fn the_date_header_follows_the_servers_clock() {
    let server = serve();
    server.clock_offset(86_400);
    let answer = send(&server, &Call::right(&server).text());
    let tomorrow = date(SystemTime::now() + Duration::from_secs(86_400));
    assert_eq!(answer.status, 403);
    let day = answer.header("date").split(' ').nth(1).unwrap_or_default();
    assert_eq!(day, &tomorrow[6..8]);
}

#[test]
fn other_paths_and_methods_are_refused() {
    let server = serve();
    let get = "GET /sessions HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    assert_eq!(send(&server, get).header("x-lab-reason"), "/sessions takes no GET");
    let other = get.replace("/sessions", "/subjects");
    assert_eq!(send(&server, &other).header("x-lab-reason"), "there is nothing at /subjects");
}

#[test]
fn a_body_over_a_mebibyte_is_refused() {
    let server = serve();
    let mut call = Call::right(&server);
    call.body = format!("{{}}{}", " ".repeat((1 << 20) - 1));
    let refused =
        try_send(&server, &call.text()).is_ok_and(|answer| answer.starts_with("HTTP/1.1 413"));
    call.body = format!("{{}}{}", " ".repeat((1 << 20) - 2));
    assert!(refused);
    assert_eq!(send(&server, &call.text()).status, 201);
}
