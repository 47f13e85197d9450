//! STS knows whom it gave credentials, and checks each signature made with them.

use std::time::{Duration, SystemTime};

use hsm_test::server::Server;
use serde_json::Value;

use crate::client::{Answer, Call, date, hex, hmac, send, serial_hex, serve, sha256};

const QUESTION: &str = "Action=GetCallerIdentity&Version=2011-06-15";

struct Caller {
    access_key_id: String,
    secret: String,
    token: String,
    session_name: String,
    at: SystemTime,
}

/// Credentials of a session that was just given.
fn caller(server: &Server) -> Caller {
    let call = Call::right(server);
    let json = send(server, &call.text()).json();
    let credentials = &json["credentialSet"][0]["credentials"];
    let text = |name: &str| credentials[name].as_str().map(String::from).expect("a credential");
    assert_ne!(credentials, &Value::Null);
    Caller {
        access_key_id: text("accessKeyId"),
        secret: text("secretAccessKey"),
        token: text("sessionToken"),
        session_name: serial_hex(&call.leaf_pem),
        at: SystemTime::now(),
    }
}

impl Caller {
    fn post(&self, server: &Server, body: &str) -> Answer {
        self.send(server, "POST", "", body)
    }

    fn send(&self, server: &Server, method: &str, query: &str, body: &str) -> Answer {
        let (date, host) = (date(self.at), server.url().replace("https://", ""));
        let signed = "host;x-amz-date;x-amz-security-token";
        let token = &self.token;
        let canonical = format!(
            "{method}\n/\n{query}\nhost:{host}\nx-amz-date:{date}\nx-amz-security-token:{token}\n\n{signed}\n{}",
            sha256(body.as_bytes())
        );
        let scope = format!("{}/us-east-1/sts/aws4_request", &date[..8]);
        let message =
            format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", sha256(canonical.as_bytes()));
        let seed = format!("AWS4{}", self.secret).into_bytes();
        let key = scope.split('/').fold(seed, |key, part| hmac(&key, part.as_bytes()));
        let signature = hex(&hmac(&key, message.as_bytes()));
        let text = format!(
            "{method} /?{query} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\nx-amz-date: {date}\r\n\
             x-amz-security-token: {token}\r\nauthorization: AWS4-HMAC-SHA256 Credential={}/{scope}, \
             SignedHeaders={signed}, Signature={signature}\r\ncontent-length: {}\r\n\r\n{body}",
            self.access_key_id,
            body.len()
        );
        send(server, &text)
    }
}

fn refused(answer: &Answer, status: u16, code: &str, reason: &str) {
    assert_eq!((answer.status, answer.header("x-lab-reason")), (status, reason), "{answer:?}");
    assert!(answer.body.contains(&format!("<Code>{code}</Code>")), "{}", answer.body);
    assert!(answer.body.starts_with("<ErrorResponse xmlns="), "{}", answer.body);
}

#[test]
fn credentials_that_were_handed_out_have_an_identity() {
    let server = serve();
    let caller = caller(&server);
    let arn = format!(
        "<Arn>arn:aws:sts::111122223333:assumed-role/Example/{}</Arn>",
        caller.session_name
    );
    for answer in [caller.post(&server, QUESTION), caller.send(&server, "GET", QUESTION, "")] {
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(answer.body.contains(&arn), "{}", answer.body);
        assert!(answer.body.contains("<Account>111122223333</Account>"), "{}", answer.body);
    }
}

#[test]
fn another_secret_is_refused() {
    let server = serve();
    let caller = Caller { secret: "x".repeat(40), ..caller(&server) };
    let reason = "signature does not fit the secret key and the canonical request";
    refused(&caller.post(&server, QUESTION), 403, "SignatureDoesNotMatch", reason);
}

#[test]
fn another_token_is_refused() {
    let server = serve();
    let caller = Caller { token: "x".repeat(40), ..caller(&server) };
    let reason = "x-amz-security-token is not the one handed out";
    refused(&caller.post(&server, QUESTION), 403, "InvalidClientTokenId", reason);
}

#[test]
fn an_unknown_access_key_is_refused() {
    let server = serve();
    let caller = Caller { access_key_id: "ASIAIOSFODNN7EXAMPLE".into(), ..caller(&server) };
    let reason = "access key id was not handed out here";
    refused(&caller.post(&server, QUESTION), 403, "InvalidClientTokenId", reason);
}

#[test]
fn expired_credentials_are_refused() {
    let server = serve();
    let caller = caller(&server);
    let late = Caller { at: caller.at + Duration::from_secs(901), ..caller };
    server.clock_offset(890);
    assert_eq!(late.post(&server, QUESTION).status, 200);
    server.clock_offset(901);
    refused(&late.post(&server, QUESTION), 403, "ExpiredToken", "credentials have expired");
}

#[test]
fn a_clock_that_is_six_minutes_off_is_refused() {
    let server = serve();
    let caller = caller(&server);
    server.clock_offset(360);
    let reason = "x-amz-date is more than 5 minutes from the server's clock";
    refused(&caller.post(&server, QUESTION), 403, "SignatureDoesNotMatch", reason);
}

#[test]
fn another_action_is_not_known() {
    let server = serve();
    let answer = caller(&server).post(&server, "Action=AssumeRole&Version=2011-06-15");
    refused(&answer, 400, "InvalidAction", "action is not GetCallerIdentity of version 2011-06-15");
}
