//! Somebody between the host and the TPM: records what crosses, and answers in the TPM's place.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use hsm_test::swtpm::Swtpm;

/// What is answered to a command code instead of sending it on, so many times.
#[derive(Default)]
pub(crate) struct Script {
    pub(crate) answers: Vec<(u32, u32, usize)>,
    /// The same, with any bytes, for ever; then the connection is closed.
    pub(crate) garbage: Option<(u32, Vec<u8>)>,
    pub(crate) seen: Vec<u8>,
    pub(crate) commands: Vec<u32>,
    pub(crate) delay: Duration,
}

/// A pair of ports before those of a swtpm.
pub(crate) struct Relay {
    port: u16,
    pub(crate) script: Arc<Mutex<Script>>,
}

impl Relay {
    pub(crate) fn before(tpm: &Swtpm, script: Script) -> Self {
        let (data, control) = pair();
        let port = data.local_addr().expect("bound").port();
        let script = Arc::new(Mutex::new(script));
        let (to, shared) = (tpm.port(), Arc::clone(&script));
        thread::spawn(move || {
            for client in data.incoming().flatten() {
                let server = TcpStream::connect((Ipv4Addr::LOCALHOST, to)).expect("swtpm");
                serve(client, server, &shared);
            }
        });
        thread::spawn(move || {
            for client in control.incoming().flatten() {
                let server = TcpStream::connect((Ipv4Addr::LOCALHOST, to + 1)).expect("swtpm");
                let again = |stream: &TcpStream| stream.try_clone().expect("a stream");
                let (here, there) = (again(&client), again(&server));
                thread::spawn(move || forward(here, there));
                thread::spawn(move || forward(server, client));
            }
        });
        Self { port, script }
    }

    pub(crate) fn tcti(&self) -> String {
        format!("swtpm:host=127.0.0.1,port={}", self.port)
    }

    /// What is answered to one command.
    #[allow(dead_code, reason = "not every test sends by itself")]
    pub(crate) fn send(&self, command: &[u8]) -> Vec<u8> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).expect("the relay");
        stream.write_all(command).expect("written");
        message(&mut stream).expect("an answer")
    }

    /// How many commands there have been.
    #[allow(dead_code, reason = "not every test counts")]
    pub(crate) fn commands(&self) -> usize {
        self.script.lock().expect("script").commands.len()
    }

    /// How many of that code.
    #[allow(dead_code, reason = "not every test counts")]
    pub(crate) fn count(&self, command: u32) -> usize {
        let script = self.script.lock().expect("script");
        script.commands.iter().filter(|seen| **seen == command).count()
    }
}

/// Until one side closes: swtpm talks to one at a time.
fn forward(mut from: TcpStream, mut to: TcpStream) {
    let _ = std::io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Both);
}

/// Two ports, one after the other.
fn pair() -> (TcpListener, TcpListener) {
    loop {
        let data = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let next = data.local_addr().expect("bound").port().wrapping_add(1);
        if let Ok(control) = TcpListener::bind((Ipv4Addr::LOCALHOST, next)) {
            return (data, control);
        }
    }
}

/// One connection: commands and answers have their length at bytes 2 to 5.
fn serve(mut client: TcpStream, mut server: TcpStream, script: &Mutex<Script>) {
    while let Some(command) = message(&mut client) {
        let code = u32::from_be_bytes(command[6..10].try_into().expect("four bytes"));
        let garbage = script.lock().expect("script").garbage.clone();
        if let Some((_, bytes)) = garbage.filter(|(wanted, _)| *wanted == code) {
            let _ = client.write_all(&bytes);
            return;
        }
        let (instead, delay) = {
            let mut script = script.lock().expect("script");
            script.seen.extend(&command);
            script.commands.push(code);
            let open = |answer: &&mut (u32, u32, usize)| answer.0 == code && answer.2 > 0;
            let instead = script.answers.iter_mut().find(open).map(|answer| {
                answer.2 -= 1;
                answer.1
            });
            (instead, script.delay)
        };
        thread::sleep(delay);
        let answer = match instead {
            Some(code) => [&[0x80, 0x01, 0, 0, 0, 10][..], &code.to_be_bytes()].concat(),
            None => {
                server.write_all(&command).expect("swtpm");
                let Some(answer) = message(&mut server) else { return };
                answer
            }
        };
        script.lock().expect("script").seen.extend(&answer);
        if client.write_all(&answer).is_err() {
            return;
        }
    }
}

fn message(from: &mut TcpStream) -> Option<Vec<u8>> {
    let mut head = [0; 10];
    from.read_exact(&mut head).ok()?;
    let length = u32::from_be_bytes(head[2..6].try_into().expect("four bytes")) as usize;
    let mut rest = vec![0; length - head.len()];
    from.read_exact(&mut rest).ok()?;
    Some([&head[..], &rest].concat())
}
