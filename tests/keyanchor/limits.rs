//! What is too long, too many or never ends: refused at its limit, by a program that could not even
//! get the memory for what the length says.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::lab::{Ended, Lab, fault, granted, lab, run};

/// The same command with an address space of 1 GiB: four cannot be allocated.
fn confined(command: &Command) -> Command {
    let mut confined = Command::new("sh");
    confined.args(["-c", "ulimit -v 1048576 && exec \"$@\"", "sh"]);
    confined.arg(command.get_program()).args(command.get_args()).env_clear();
    let variables = command.get_envs().filter_map(|(name, value)| Some((name, value?)));
    confined.envs(variables);
    confined.stdin(std::process::Stdio::null());
    confined
}

fn refused(command: &Command, code: i32, said: &str) -> Ended {
    let start = Instant::now();
    let ended = run(&mut confined(command));
    assert_eq!((ended.code, ended.stdout.as_str()), (code, ""), "{}", ended.stderr);
    assert!(ended.stderr.contains(said), "{said}: {}", ended.stderr);
    assert!(ended.stderr.len() < 1024 && ended.stderr.lines().count() <= 3, "{}", ended.stderr);
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
    ended
}

/// A file of 4 GiB that takes no room.
fn huge(lab: &Lab) -> PathBuf {
    let path = lab.write("huge", "-----BEGIN CERTIFICATE-----\n");
    File::options().write(true).open(&path).expect("huge").set_len(1 << 32).expect("length");
    path
}

#[test]
fn the_memory_is_enough_for_what_is_not_too_long() {
    let lab = lab();
    granted(&mut confined(&lab.with_key("laptop")));
}

#[test]
fn files_of_four_gigabytes_are_not_read() {
    let lab = lab();
    let huge = huge(&lab);
    let chain = lab.hsm.chain("laptop");
    let uri = format!("pkcs11:token=lab;object=laptop?pin-source={}", huge.display());
    for (key, certificate, code) in
        [(lab.uri("laptop"), &huge, 3), (huge.display().to_string(), &chain, 3), (uri, &chain, 4)]
    {
        let mut command = lab.credential_process();
        command.args(["--key", &key]).arg("--certificate").arg(certificate);
        refused(&command, code, "larger than");
    }
    let mut command = lab.with_key("laptop");
    refused(command.arg("--intermediates").arg(&huge), 3, "larger than 1048576 bytes");
    let mut command = without(&lab, "--ca-bundle");
    refused(command.arg("--ca-bundle").arg(&huge), 3, "larger than 8388608 bytes");
}

/// The journey of a key, without one of the server's options.
fn without(lab: &Lab, option: &str) -> Command {
    let mut command = lab.command();
    command.args(["credential-process", "--key", &lab.uri("laptop")]);
    let given = lab.server.arguments();
    command.args(given.chunks(2).filter(|pair| pair[0] != option).flatten());
    command.arg("--certificate").arg(lab.hsm.chain("laptop"));
    command
}

#[test]
fn options_that_are_too_long_are_refused_before_a_device_is_touched() {
    let lab = lab();
    let long = "x".repeat(100_000);
    for (option, value, said) in [
        ("--key", format!("pkcs11:token={long}"), "it is longer than 4096 bytes"),
        ("--role-arn", format!("arn:aws:iam::111122223333:role/{long}"), "longer than 2048"),
        ("--endpoint", format!("https://{long}"), "is not the URL of an endpoint"),
        ("--region", long.clone(), "is not a region"),
        ("--role-session-name", long.clone(), "it is not 2 to 64 letters"),
        ("--session-duration", "9".repeat(100_000), "from 900 to 43200"),
        ("--timeout", "9".repeat(100_000), "up to one hour"),
    ] {
        let mut command = without(&lab, option);
        if option == "--key" {
            command = lab.credential_process();
        }
        command.args([option, &value]);
        refused(&command, 2, said);
    }
    assert!(lab.server.requests().is_empty());
}

/// A host of ours that says what it is told, and the program beside it.
fn with_host(lab: &Lab, script: &str) -> Command {
    let folder = lab.safe.path().join("bin");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::copy(env!("CARGO_BIN_EXE_keyanchor"), folder.join("keyanchor")).unwrap();
    let host = folder.join("keyanchor-pkcs11");
    std::fs::write(&host, format!("#!/bin/sh\n{}\n{script}\n", hello())).unwrap();
    std::fs::set_permissions(&host, std::fs::Permissions::from_mode(0o755)).unwrap();
    lab.with_program(&folder.join("keyanchor"), "laptop")
}

/// A shell's `printf` of one message.
fn frame(json: &str) -> String {
    let length = json.len() + 1;
    format!(r"printf '\000\000\{:03o}\{:03o}m%s' '{json}'", length / 256, length % 256)
}

fn hello() -> String {
    frame(&format!(r#"{{"Hello":{{"version":"{}"}}}}"#, env!("CARGO_PKG_VERSION")))
}

#[test]
fn a_host_that_announces_a_frame_of_four_gigabytes_is_not_believed() {
    let lab = lab();
    let command = with_host(&lab, r"printf '\377\377\377\377m'; exec cat /dev/zero");
    refused(&command, 3, "the device host does not fit this keyanchor");
}

#[test]
fn a_host_that_never_stops_talking_is_given_up_at_the_end() {
    let lab = lab();
    for message in [r#"{"Notice":{"Calling":"C_Sign"}}"#, r#"{"Notice":"Resumed"}"#] {
        let talk = format!("while :; do {}; done 2>/dev/null", frame(message));
        let mut command = with_host(&lab, &talk);
        refused(command.args(["--timeout", "2s"]), 6, "keyanchor: error: the PKCS#11 module");
    }
}

#[test]
fn a_host_that_answers_what_nobody_asked_does_not_fill_the_memory() {
    let lab = lab();
    let large = frame(&format!("{{\"Certificates\":[\"{}\"]}}", "A".repeat(64_000)));
    let answers = format!("{}; while :; do {large}; done 2>/dev/null", frame("\"Opened\""));
    refused(&with_host(&lab, &answers), 3, "the device host does not fit this keyanchor");
}

#[test]
fn a_module_that_speaks_of_four_gigabytes_is_not_believed() {
    for lie in ["C_GetAttributeValue * length 0x100000000", "C_GetSlotList * count 0x20000000"] {
        let lab = lab();
        let fault = fault(&lab, lie);
        let mut command = lab.with_key("laptop");
        command.arg("--pkcs11-lib").arg(fault.module()).envs(fault.command_env());
        let ended = refused(&command, 3, "keyanchor: error: ");
        assert!(!ended.stderr.contains("crashed"), "{}", ended.stderr);
    }
}

/// A server that answers each request with a head and then with a body without end.
fn server(head: String, body: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("port");
    let address = listener.local_addr().expect("address");
    std::thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            // The client goes away when it has had enough.
            let _ = answer(connection, &head, body);
        }
    });
    format!("http://{address}")
}

fn answer(mut connection: TcpStream, head: &str, body: &[u8]) -> std::io::Result<()> {
    let mut request = [0; 65536];
    let mut length = 0;
    while !request[..length].windows(4).any(|end| end == b"\r\n\r\n") {
        length += connection.read(&mut request[length..])?;
    }
    connection.write_all(head.as_bytes())?;
    while !body.is_empty() {
        connection.write_all(body)?;
    }
    Ok(())
}

#[test]
fn a_server_that_sends_too_much_is_left_at_the_limit() {
    let lab = lab();
    const LINE: &[u8] = &[b'x'; 65536];
    const CHUNK: &[u8] = b"4\r\nxxxx\r\n";
    let status = "HTTP/1.1 201 Created\r\n";
    let many: String = (0..2000).map(|number| format!("x-{number}: y\r\n")).collect();
    for (head, body, said) in [
        (format!("{status}content-length: 4294967296\r\n\r\n"), LINE, "longer than 1048576 bytes"),
        (format!("{status}content-length: 18446744073709551615\r\n\r\n"), LINE, ""),
        (format!("{status}transfer-encoding: chunked\r\n\r\n"), CHUNK, "longer than 1048576 bytes"),
        (format!("{status}transfer-encoding: chunked\r\n\r\nffffffff\r\n"), LINE, "longer than"),
        (format!("{status}connection: close\r\n\r\n"), LINE, "longer than 1048576 bytes"),
        (format!("{status}x-long: "), LINE, ""),
        (format!("{status}{many}content-length: 0\r\n\r\n"), b"", ""),
    ] {
        let endpoint = server(head, body);
        let mut command = without(&lab, "--endpoint");
        command.args(["--endpoint", &endpoint]);
        refused(&command, 5, said);
    }
}
