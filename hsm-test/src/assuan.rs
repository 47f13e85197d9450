//! Assuan, the language of pinentry, from the side that asks: so that the lab's own pinentry can be held against real
//! ones, and real dialogues be tried without any product.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running pinentry, ended with this.
#[derive(Debug)]
pub struct Client {
    child: Child,
    lines: Receiver<String>,
}

/// An answer: data that came before it, decoded, and its last line.
#[derive(Debug, Eq, PartialEq)]
pub struct Reply {
    /// What stood in D lines; `None` where there were none.
    pub data: Option<String>,
    /// `OK …` or `ERR …`.
    pub line: String,
}

impl Client {
    /// Starts the program, and reads its greeting.
    ///
    /// # Panics
    /// When it cannot be started, or does not greet.
    pub fn start(command: &mut Command) -> Self {
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = child.unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let stdout = BufReader::new(child.stdout.take().expect("stdout is a pipe"));
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            let lines = stdout.lines().map_while(Result::ok);
            lines.map_while(|line| sender.send(line).ok()).for_each(drop);
        });
        let client = Self { child, lines };
        let greeting = client.reply();
        assert!(greeting.line.starts_with("OK Pleased to meet you"), "{greeting:?}");
        client
    }

    /// Says something, and waits for the answer.
    ///
    /// # Panics
    /// When there is none.
    pub fn ask(&mut self, line: &str) -> Reply {
        self.say(line);
        self.reply()
    }

    /// The same with an argument, which is encoded.
    ///
    /// # Panics
    /// When the answer is not OK.
    pub fn set(&mut self, command: &str, argument: &str) {
        let reply = self.ask(&format!("{command} {}", encoded(argument)));
        assert!(reply.line.starts_with("OK"), "{command}: {reply:?}");
    }

    /// Says something; its answer is for [`reply`](Self::reply).
    ///
    /// # Panics
    /// When the program has ended.
    pub fn say(&mut self, line: &str) {
        let stdin = self.child.stdin.as_mut().expect("stdin is a pipe");
        stdin.write_all(format!("{line}\n").as_bytes()).expect("it is still listening");
    }

    /// Waits for the answer to what was said.
    ///
    /// # Panics
    /// When there is none in time.
    pub fn reply(&self) -> Reply {
        let mut data = None;
        loop {
            let line = self.lines.recv_timeout(PATIENCE).expect("an answer");
            if let Some(piece) = line.strip_prefix("D ") {
                data.get_or_insert_with(String::new).push_str(&decoded(piece));
            } else if line.starts_with("OK") || line.starts_with("ERR") {
                return Reply { data, line };
            }
        }
    }

    /// Whether it ends by itself, soon.
    ///
    /// # Panics
    /// When it is still there.
    pub fn wait(mut self) -> bool {
        drop(self.child.stdin.take());
        // the channel closes with its stdout
        while self.lines.recv_timeout(PATIENCE).is_ok() {}
        self.child.wait().expect("it is our child").success()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // it may have ended by itself
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// As an argument or as data: what would end a line, and the sign itself, in percents.
pub fn encoded(text: &str) -> String {
    text.replace('%', "%25").replace('\n', "%0A").replace('\r', "%0D")
}

/// The reverse, of whatever else was encoded, too; a percent sign without two digits is itself.
pub fn decoded(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let [first, after @ ..] = rest {
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        (rest, _) = match (first, byte) {
            (b'%', Some(byte)) => (&after[2..], bytes.push(byte)),
            _ => (after, bytes.push(*first)),
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
