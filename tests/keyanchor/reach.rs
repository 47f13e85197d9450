//! The network between here and the server: names that are not found, packets that vanish, proxies.
//! Nothing leaves this computer: namespaces of their own stand in for a network that is broken.

use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::Command;
use std::time::{Duration, Instant};

use tokio::net::TcpSocket;

use crate::golden::check;
use crate::lab::{Lab, granted, lab, run, under};
use crate::network::at;

/// A listener whose backlog is full and that never accepts: what is sent to it vanishes.
struct BlackHole {
    address: SocketAddr,
    _listener: tokio::net::TcpListener,
    _waiting: Vec<TcpStream>,
    _runtime: tokio::runtime::Runtime,
}

impl BlackHole {
    fn at(address: SocketAddr) -> Option<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let listener = runtime.block_on(async {
            let v4 = address.is_ipv4();
            let socket = if v4 { TcpSocket::new_v4() } else { TcpSocket::new_v6() }.ok()?;
            socket.bind(address).ok()?;
            socket.listen(1).ok()
        })?;
        let address = listener.local_addr().expect("address");
        let mut waiting = Vec::new();
        while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(300)) {
            waiting.push(stream);
            assert!(waiting.len() < 100, "the backlog fills");
        }
        Some(Self { address, _listener: listener, _waiting: waiting, _runtime: runtime })
    }
}

/// The command in namespaces of its own, after that line of a shell; none where the system does not
/// allow it, which a complete lab must.
pub(crate) fn apart(command: &Command, namespaces: &[&str], line: &str) -> Option<Command> {
    let probe = Command::new("unshare").args(namespaces).arg("true").output().expect("unshare");
    if !probe.status.success() {
        assert_ne!(std::env::var("LAB").as_deref(), Ok("require"), "unshare is not permitted here");
        eprintln!("SKIPPED: unshare is not permitted here, and a broken network needs it");
        return None;
    }
    let line = format!("{line} && exec \"$0\" \"$@\"");
    let words = [&["unshare"], namespaces, &["sh", "-c", &line]].concat();
    Some(under(command, &words))
}

/// A `resolv.conf` that names that server and no other.
pub(crate) fn resolver(lab: &Lab, server: &str) -> String {
    let file = lab.write("resolv.conf", &format!("nameserver {server}\n"));
    format!("mount --bind '{}' /etc/resolv.conf", file.display())
}

#[test]
fn packets_that_vanish_are_given_up_at_the_deadline() {
    let lab = lab();
    let hole = BlackHole::at(([127, 0, 0, 1], 0).into()).expect("IPv4");
    let start = Instant::now();
    let ended = run(at(&lab, &format!("https://{}", hole.address)).args(["--timeout", "4s"]));
    check("server-is-a-black-hole", &lab, &ended);
    assert!(start.elapsed() < Duration::from_secs(14), "{:?}", start.elapsed());
}

#[test]
fn a_dead_ipv6_address_does_not_hold_up_one_that_answers() {
    let lab = lab();
    let url = lab.server.url().replace("127.0.0.1", "localhost");
    let port = url.rsplit(':').next().and_then(|port| port.parse().ok()).expect("port");
    let hole = BlackHole::at((std::net::Ipv6Addr::LOCALHOST, port).into());
    let start = Instant::now();
    granted(&mut at(&lab, &url));
    assert!(start.elapsed() < Duration::from_secs(12), "{:?} {}", start.elapsed(), hole.is_some());
}

#[test]
fn a_network_without_a_route_is_said() {
    let lab = lab();
    let Some(mut command) = apart(&lab.with_key("laptop"), &["-n"], "true") else { return };
    check("network-is-unreachable", &lab, &run(&mut command));
    assert_eq!(lab.server.connections(), 0);
}

#[test]
fn a_name_that_cannot_be_looked_up_is_said() {
    let lab = lab();
    let journey = at(&lab, "https://keyanchor.invalid");
    let Some(mut command) = apart(&journey, &["-n"], "true") else { return };
    check("name-is-not-found", &lab, &run(&mut command));
}

#[test]
fn a_name_server_that_is_silent_is_given_up_at_the_deadline() {
    let lab = lab();
    let mut journey = at(&lab, "https://keyanchor.invalid");
    journey.args(["--timeout", "2s"]);
    let Ok(_silent) = UdpSocket::bind("127.83.71.5:53") else {
        assert_ne!(std::env::var("LAB").as_deref(), Ok("require"), "port 53 cannot be had");
        eprintln!("SKIPPED: port 53 cannot be had here");
        return;
    };
    let line = resolver(&lab, "127.83.71.5");
    let Some(mut command) = apart(&journey, &["-m"], &line) else { return };
    let start = Instant::now();
    check("name-server-is-silent", &lab, &run(&mut command));
    assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
}

#[test]
fn a_proxy_that_is_not_there_or_says_no_is_said() {
    let lab = lab();
    let mut journey = at(&lab, "https://rolesanywhere.us-east-1.amazonaws.com");
    check("proxy-is-not-there", &lab, &run(journey.env("HTTPS_PROXY", "http://127.0.0.1:1")));
    let proxy = TcpListener::bind("127.0.0.1:0").expect("listener");
    let address = proxy.local_addr().expect("address");
    std::thread::spawn(move || {
        for mut connection in proxy.incoming().flatten() {
            let _ = std::io::Read::read(&mut connection, &mut [0; 4096]);
            let no = b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n";
            let _ = std::io::Write::write_all(&mut connection, no);
        }
    });
    let ended = run(journey.env("HTTPS_PROXY", format!("http://{address}")));
    check("proxy-wants-a-password", &lab, &ended);
}
