//! Signals at any moment: the process ends by them, and nothing of it stays in the TPM. Without a
//! harness: a host signs on its main thread, which alone takes the signal.

use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use hsm_test::swtpm::{Swtpm, Template};
use keyanchor::device::held::left_to_this_thread;
use keyanchor::key::Scheme;
use rustix::process::{Pid, Signal, kill_process};

#[path = "tpm_device/bench.rs"]
#[allow(dead_code, reason = "what the other tests stand on, too")]
mod bench;
#[path = "tpm_device/relay.rs"]
mod relay;

use bench::{at, is_clean, open, pin, sign};
use relay::{Relay, Script};

const TCTI: &str = "TPM_DEVICE_TCTI";
const HANDLE: u32 = 0x8100_0101;

fn main() {
    match std::env::var(TCTI) {
        Ok(tcti) => for_ever(&tcti),
        Err(_) => a_signal_waits_until_everything_is_flushed(),
    }
}

/// Signs for ever, beside a thread, as a host would that is never told to end.
fn for_ever(tcti: &str) {
    left_to_this_thread(|| thread::spawn(|| thread::sleep(Duration::from_secs(60))));
    let mut device = open(tcti);
    device.select(&at(HANDLE)).expect("a key");
    loop {
        device.keep_password(pin("s3cret"));
        let _ = sign(&mut device, Scheme::EcdsaSha256);
    }
}

fn a_signal_waits_until_everything_is_flushed() {
    let tpm = Swtpm::start();
    tpm.persist(&tpm.key(&Template { password: Some("s3cret"), ..Template::P256 }), HANDLE);
    // Slow enough that nearly each signal comes while something is loaded.
    let delay = Duration::from_millis(4);
    let relay = Relay::before(&tpm, Script { delay, ..Script::default() });
    let folder = tempfile::tempdir().expect("folder");
    for number in 0..24 {
        // Where signals are ignored, as under nohup, what is started would ignore them too. `env` becomes it.
        let mut host = Command::new("env");
        host.arg("--default-signal").arg(std::env::current_exe().expect("this program"));
        host.env("KEYANCHOR_RUNTIME_DIR", folder.path().join("private"));
        host.env("TSS2_LOG", "all+NONE").env(TCTI, relay.tcti());
        let begun = relay.commands();
        let mut host = host.spawn().expect("this program");
        until_it_signs(&relay, begun + 8 + number, &mut host);
        let signal = [Signal::TERM, Signal::INT, Signal::HUP][number % 3];
        kill_process(Pid::from_child(&host), signal).expect("it runs");
        let status = host.wait().expect("it ends");
        assert_eq!(status.signal(), Some(signal.as_raw()), "{status}");
        is_clean(&tpm);
    }
}

fn until_it_signs(relay: &Relay, commands: usize, host: &mut Child) {
    let patience = Instant::now() + Duration::from_secs(20);
    while relay.commands() < commands {
        let ended = host.try_wait().expect("a child");
        assert!(ended.is_none() && Instant::now() < patience, "it signs: {ended:?}");
        thread::sleep(Duration::from_millis(2));
    }
}
