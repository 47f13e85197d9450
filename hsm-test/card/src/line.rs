//! The line to vpcd, the driver of a virtual reader: each message is a length of two bytes and that many bytes.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::os::linux::net::TcpStreamExt;
use std::thread;
use std::time::Duration;

use socket2::SockRef;

/// The card's end of the line. A card that is pulled while it owes an answer leaves the line in the middle of one, and
/// by a reset: of any other end vpcd would make an empty answer, and PC/SC a success.
pub struct Line {
    stream: TcpStream,
    owes: bool,
}

/// How long vpcd may take to read the length of an answer.
const LENGTH_READ: Duration = Duration::from_millis(20);

/// What the reader wants.
#[derive(Debug, Eq, PartialEq)]
pub enum Message {
    /// The answer to reset.
    Atr,
    /// To have a command done.
    Command(Vec<u8>),
    /// Power off.
    PowerOff,
    /// Power on.
    PowerOn,
    /// A reset.
    Reset,
}

impl Line {
    /// Connects to vpcd on this machine.
    pub fn connect(port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_nodelay(true)?;
        SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
        Ok(Self { stream, owes: false })
    }

    /// Another handle of the same line, to cut it with.
    pub fn handle(&self) -> io::Result<TcpStream> {
        self.stream.try_clone()
    }

    /// Waits for a message; an error when the line is cut.
    pub fn read(&mut self) -> io::Result<Message> {
        loop {
            let mut length = [0; 2];
            self.fill(&mut length)?;
            let mut payload = vec![0; usize::from(u16::from_be_bytes(length))];
            self.fill(&mut payload)?;
            return Ok(match payload[..] {
                [] => continue,
                [0] => Message::PowerOff,
                [1] => Message::PowerOn,
                [2] => Message::Reset,
                [4] => Message::Atr,
                _ => {
                    self.owes = true;
                    Message::Command(payload)
                }
            });
        }
    }

    /// Answers.
    pub fn write(&mut self, payload: &[u8]) -> io::Result<()> {
        let length = u16::try_from(payload.len()).map_err(io::Error::other)?;
        self.owes = false;
        self.stream.write_all(&[&length.to_be_bytes()[..], payload].concat())
    }

    /// Length and payload are two segments, and vpcd sends the second when the first is acknowledged: without a quick
    /// acknowledgement, which the kernel takes back after each read, a command takes 40 ms.
    fn fill(&mut self, mut buffer: &mut [u8]) -> io::Result<()> {
        while !buffer.is_empty() {
            self.stream.set_quickack(true)?;
            match self.stream.read(buffer)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => buffer = &mut buffer[count..],
            }
        }
        Ok(())
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        // an error says that vpcd was quicker
        if self.owes && self.stream.write_all(&[0, 2]).is_ok() {
            thread::sleep(LENGTH_READ);
        }
    }
}
