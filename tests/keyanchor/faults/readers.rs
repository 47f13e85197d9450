//! Who reads the answer may be slow, or stop: the credentials are for them alone, and nothing that
//! others need is held meanwhile.

use std::io::{PipeReader, PipeWriter, Read, Write};
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::fs::{OFlags, fcntl_setfl};

use crate::hosts::wait_until;
use crate::lab::{ended, granted, lab};

/// A pipe that takes nothing more until somebody reads, and how much is in it.
fn full_pipe() -> (PipeReader, PipeWriter, usize) {
    let (reader, mut writer) = std::io::pipe().expect("pipe");
    fcntl_setfl(&writer, OFlags::NONBLOCK).expect("a pipe of ours");
    let size = std::iter::from_fn(|| writer.write(&[b' '; 4096]).ok()).sum();
    fcntl_setfl(&writer, OFlags::empty()).expect("a pipe of ours");
    (reader, writer, size)
}

#[test]
fn a_reader_that_does_not_read_holds_no_token() {
    let lab = lab();
    let (mut reader, writer, size) = full_pipe();
    // The command has the writer as well, and must not outlive its start.
    let slow = lab.with_key("laptop").stdout(writer).stderr(Stdio::piped()).spawn();
    let slow = slow.expect("it starts");
    wait_until(|| lab.server.requests().len() == 1);
    let start = Instant::now();
    for _ in 0..3 {
        granted(&mut lab.with_key("laptop"));
    }
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
    let mut read = String::new();
    reader.read_to_string(&mut read).expect("text");
    let ended = ended(&slow.wait_with_output().expect("a child"));
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    assert!(
        read[size..].starts_with("{\"Version\":1,") && read.ends_with("}\n"),
        "the whole answer"
    );
}
