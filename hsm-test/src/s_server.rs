//! `openssl s_server`, where TLS must be older or odder than rustls can be made to.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tempfile::TempDir;

use crate::files::write;

/// A server on a port of its own, which ends when dropped.
#[derive(Debug)]
pub struct SServer {
    child: Child,
    address: SocketAddr,
    said: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
    _files: TempDir,
}

impl SServer {
    /// Starts a server with that chain and key, both PEM, and more of its own options; it listens when this returns.
    ///
    /// # Panics
    /// When OpenSSL is missing, or does not take the options.
    pub fn start((chain, key): &(String, String), options: &[&str]) -> Self {
        let files = tempfile::tempdir().expect("a temporary directory");
        let (chain_file, key_file) = (files.path().join("chain.pem"), files.path().join("key.pem"));
        write(&chain_file, chain);
        write(&key_file, key);
        let mut command = Command::new("openssl");
        command.args(["s_server", "-accept", "127.0.0.1:0", "-cert"]).arg(&chain_file);
        command.arg("-cert_chain").arg(&chain_file).arg("-key").arg(&key_file).args(options);
        // it ends with its standard input
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("the lab needs openssl: apt-get install openssl");
        let output = child.stdout.take().expect("stdout is a pipe");
        let said = Arc::new(Mutex::new(String::new()));
        let (ready, address) = mpsc::channel();
        let log = Arc::clone(&said);
        let reader = thread::spawn(move || {
            for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line).into_owned();
                if let Some(address) = line.strip_prefix("ACCEPT ") {
                    // nobody waits for a second one
                    let _ = ready.send(address.trim().parse::<SocketAddr>());
                }
                *open(&log) += &format!("{line}\n");
            }
        });
        let address = address.recv_timeout(Duration::from_secs(20));
        let address = address.expect("openssl s_server listens").expect("an address");
        Self { child, address, said, reader: Some(reader), _files: files }
    }

    /// `https://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// Ends the server and gives what it has said: every byte that it was sent after a handshake is in it.
    pub fn end(mut self) -> String {
        self.stop();
        open(&self.said).clone()
    }

    fn stop(&mut self) {
        // both only fail where it has ended already
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

impl Drop for SServer {
    fn drop(&mut self) {
        self.stop();
    }
}

fn open<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
