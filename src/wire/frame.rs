//! One frame: a length of four bytes, big-endian, then as many bytes, the first of which says what
//! they are. A length is checked before anything is allocated for it.

use std::io::{self, ErrorKind, Read, Write};

use serde::Serialize;
use zeroize::Zeroizing;

use crate::secret::{Secret, SecretBytes};

/// Longest frame, in bytes; a certificate is a few thousand.
pub const LONGEST: usize = 256 * 1024;

const MESSAGE: u8 = b'm';
const SECRET: u8 = b's';

/// What one frame holds.
pub enum Frame {
    /// A JSON message.
    Message(Vec<u8>),
    /// A `pin-value`: the one secret that crosses.
    Secret(Secret),
}

/// Writes a message.
///
/// # Errors
/// When the pipe is closed, or the message is longer than [`LONGEST`].
pub fn write(out: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    write_frame(out, MESSAGE, &serde_json::to_vec(message)?)
}

/// Writes a secret, by hand so that no copy of it stays behind.
///
/// # Errors
/// As for a message.
pub fn write_secret(out: &mut impl Write, secret: &Secret) -> io::Result<()> {
    write_frame(out, SECRET, secret.expose().as_bytes())
}

fn write_frame(out: &mut impl Write, kind: u8, payload: &[u8]) -> io::Result<()> {
    let length = payload.len() + 1;
    if length > LONGEST {
        return Err(ErrorKind::InvalidInput.into());
    }
    let length = u32::try_from(length).map_err(|_| ErrorKind::InvalidInput)?;
    // One buffer, so that a small frame is one system call and one wake-up on the other side.
    let mut frame = Zeroizing::new(Vec::with_capacity(payload.len() + 5));
    frame.extend_from_slice(&length.to_be_bytes());
    frame.push(kind);
    frame.extend_from_slice(payload);
    out.write_all(&frame)?;
    out.flush()
}

/// Reads a frame; `None` at the end of the stream.
///
/// # Errors
/// When the stream breaks off inside a frame, or what comes is not one.
pub fn read(input: &mut impl Read) -> io::Result<Option<Frame>> {
    let mut length = [0; 4];
    match input.read(&mut length[..1]) {
        Ok(0) => return Ok(None),
        Ok(_) => input.read_exact(&mut length[1..])?,
        Err(error) if error.kind() == ErrorKind::Interrupted => return read(input),
        Err(error) => return Err(error),
    }
    let length = checked(u32::from_be_bytes(length))?;
    let mut kind = [0];
    input.read_exact(&mut kind)?;
    match kind[0] {
        MESSAGE => message(input, length - 1).map(Some),
        SECRET => secret(input, length - 1).map(Some),
        _ => Err(ErrorKind::InvalidData.into()),
    }
}

/// Takes the first frame out of what has been read so far; `None` where it is not all there yet.
///
/// # Errors
/// When it is not a frame.
pub fn take(read_so_far: &mut Vec<u8>) -> io::Result<Option<Frame>> {
    let Some(length) = read_so_far.first_chunk().map(|length| u32::from_be_bytes(*length)) else {
        return Ok(None);
    };
    let whole = 4 + checked(length)?;
    let Some(mut first) = read_so_far.get(..whole) else { return Ok(None) };
    let frame = read(&mut first);
    read_so_far.drain(..whole);
    frame
}

fn checked(length: u32) -> io::Result<usize> {
    let length = length as usize;
    if (1..=LONGEST).contains(&length) { Ok(length) } else { Err(ErrorKind::InvalidData.into()) }
}

fn message(input: &mut impl Read, length: usize) -> io::Result<Frame> {
    let mut json = vec![0; length];
    input.read_exact(&mut json)?;
    Ok(Frame::Message(json))
}

fn secret(input: &mut impl Read, length: usize) -> io::Result<Frame> {
    let mut text = SecretBytes::with_capacity(length);
    text.read_from(input)?;
    if text.len() < length {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    Secret::from_utf8(text).map(Frame::Secret).map_err(|_| ErrorKind::InvalidData.into())
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn messages_and_secrets_come_back_in_order() {
        let mut pipe = Vec::new();
        write(&mut pipe, &"hello").expect("message");
        write_secret(&mut pipe, &Secret::new("1234".into())).expect("secret");
        let mut pipe = pipe.as_slice();
        let first = read(&mut pipe).expect("read");
        assert!(matches!(first, Some(Frame::Message(json)) if json == b"\"hello\""));
        let second = read(&mut pipe).expect("read");
        assert!(matches!(second, Some(Frame::Secret(secret)) if secret.expose() == "1234"));
        assert!(read(&mut pipe).expect("end").is_none());
    }

    #[test]
    fn a_length_is_not_believed() {
        for frame in [
            [0, 0, 0, 0, b'm'],
            [0xff, 0xff, 0xff, 0xff, b'm'],
            [0, 0, 0, 9, b'm'],
            [0, 0, 0, 1, b'x'],
        ] {
            assert!(read(&mut frame.as_slice()).is_err(), "{frame:?}");
        }
        let length = u32::try_from(LONGEST + 1).expect("length");
        let mut whole = length.to_be_bytes().to_vec();
        whole.resize(4 + LONGEST + 1, b'm');
        assert!(read(&mut whole.as_slice()).is_err(), "it is all there, and too long");
        assert!(write(&mut Vec::new(), &"x".repeat(LONGEST)).is_err());
    }

    /// Gives its bytes, and fails where more is asked for.
    struct NoMore<'a>(&'a [u8]);

    impl Read for NoMore<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            assert!(!self.0.is_empty(), "{} bytes more were asked for", buffer.len());
            self.0.read(buffer)
        }
    }

    #[test]
    fn nothing_is_read_or_allocated_for_a_length_that_is_too_long() {
        for length in [u32::MAX, 1 << 30, LONGEST as u32 + 1, 0] {
            let error = read(&mut NoMore(&length.to_be_bytes())).err().expect("refused");
            assert_eq!(error.kind(), ErrorKind::InvalidData, "{length}");
            assert!(take(&mut length.to_be_bytes().to_vec()).is_err(), "it would be waited for");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(texts in vec((".*", any::<bool>()), 0..8)) {
            let mut pipe = Vec::new();
            for (text, secret) in &texts {
                if *secret {
                    write_secret(&mut pipe, &Secret::new(text.clone())).expect("secret");
                } else {
                    write(&mut pipe, text).expect("message");
                }
            }
            let mut pipe = pipe.as_slice();
            for (text, secret) in &texts {
                match read(&mut pipe).expect("read") {
                    Some(Frame::Message(json)) if !secret => {
                        let found: String = serde_json::from_slice(&json).expect("json");
                        prop_assert_eq!(&found, text);
                    }
                    Some(Frame::Secret(found)) if *secret => prop_assert_eq!(found.expose(), text),
                    _ => prop_assert!(false, "another kind of frame"),
                }
            }
            prop_assert!(read(&mut pipe).expect("end").is_none());
        }

        #[test]
        fn pieces_are_put_together(texts in vec(".{0,20}", 0..6), size in 1_usize..40) {
            let mut pipe = Vec::new();
            for text in &texts {
                write(&mut pipe, text).expect("message");
            }
            let (mut kept, mut found) = (Vec::new(), Vec::new());
            for piece in pipe.chunks(size) {
                kept.extend_from_slice(piece);
                while let Some(Frame::Message(json)) = take(&mut kept).expect("frames") {
                    found.push(serde_json::from_slice::<String>(&json).expect("json"));
                }
            }
            prop_assert_eq!(found, texts);
            prop_assert!(kept.is_empty());
        }

        #[test]
        fn a_stream_that_breaks_off_is_an_error(text in ".{0,40}", cut in 1_usize..5) {
            let mut pipe = Vec::new();
            write(&mut pipe, &text).expect("message");
            prop_assert!(read(&mut &pipe[..pipe.len() - cut]).is_err());
        }

        #[test]
        fn any_bytes_are_frames_or_an_error(zeros in 0_usize..4, bytes in vec(any::<u8>(), 0..64)) {
            let bytes = [&[0; 3][..zeros], &bytes].concat();
            let mut stream = bytes.as_slice();
            while let Ok(Some(_)) = read(&mut stream) {}
        }
    }
}
