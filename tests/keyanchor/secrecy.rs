//! Where a PIN must not be, whatever the way it came: in the memory of the main program, and in any
//! system call by which it could leave. Each search is shown to find what it looks for.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::time::{Duration, Instant};

use hsm_test::marker::Marker;
use hsm_test::server::{Behaviour, Server};
use hsm_test::terminal::Terminal;

use crate::lab::{Lab, bare, lab, tool};
use crate::prompts::asking;
use crate::ways::{ASKED, IN_THE_URI, STORED};

/// In the environment of the main program: a core of it has that.
const ENVIRONMENT: &str = "LAB_MARKER=a text that a core of the program has";

/// How a signed request begins to say who it is from.
const REQUEST: &str = "AWS4-X509-ECDSA-SHA256 Credential=";

/// System calls that hand bytes to somebody else, or leave them somewhere.
const HANDED_ON: &str = "trace=execve,execveat,write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg,\
                         sendmmsg,vmsplice,process_vm_writev,setxattr,fsetxattr,io_uring_enter";

/// A token whose PIN is nowhere by chance.
fn marked() -> (Lab, Marker) {
    let lab = lab();
    lab.hsm.change_pin(Marker::PIN);
    (lab, Marker::new(Marker::PIN))
}

/// A run that has no PIN yet.
fn without(lab: &Lab) -> Command {
    let mut command = lab.credential_process();
    command.args(["--key", "pkcs11:token=lab;object=laptop"]);
    command.arg("--certificate").arg(lab.hsm.chain("laptop"));
    command
}

/// The PIN on the command line, for all to see.
fn shown(lab: &Lab, pin: &Marker) -> Command {
    (IN_THE_URI.give)(lab, without(lab), pin.text())
}

/// Waits until the signed request is there; the server does not answer it.
fn wait_for_request(server: &Server) {
    let until = Instant::now() + Duration::from_secs(60);
    while server.requests().is_empty() {
        assert!(Instant::now() < until, "no request");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// All memory of a process, also what it keeps out of dumps.
fn core(folder: &Path, process: u32) -> Vec<u8> {
    let path = folder.join("core");
    let (process, write) = (process.to_string(), format!("generate-core-file {}", path.display()));
    let all = "set dump-excluded-mappings on";
    let options = ["--batch", "-nx", "--readnever", "-p", &process, "-ex", all, "-ex", &write];
    tool("gdb", &options.map(AsRef::as_ref));
    let core = std::fs::read(&path).expect("a core: gdb may have to be root");
    std::fs::remove_file(path).expect("core");
    core
}

/// The forms of the PIN in the memory of the main program, which has sent its request and waits.
pub(crate) fn in_the_memory_of(
    server: &Server,
    folder: &Path,
    process: u32,
    marker: &Marker,
) -> Vec<&'static str> {
    wait_for_request(server);
    let core = core(folder, process);
    for text in [ENVIRONMENT, REQUEST] {
        assert!(!Marker::new(text).found_in(&core).is_empty(), "a core has {text:?}");
    }
    marker.found_in(&core)
}

/// A run that takes its time: the server does not answer.
pub(crate) fn patient(server: &Server, command: &Command) -> Command {
    server.behave(Behaviour::Hang);
    let (name, value) = ENVIRONMENT.split_once('=').expect("NAME=VALUE");
    let mut command = bare(command);
    command.args(["--timeout", "60s"]).env(name, value);
    command
}

struct Waiting(Child);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.kill().and_then(|()| self.0.wait()).expect("it was waiting for the server");
    }
}

/// The same for one that nobody is asked by.
pub(crate) fn in_the_memory_of_a_run(
    server: &Server,
    folder: &Path,
    command: &Command,
    marker: &Marker,
) -> Vec<&'static str> {
    let waiting = Waiting(patient(server, command).spawn().expect("it starts"));
    in_the_memory_of(server, folder, waiting.0.id(), marker)
}

#[test]
fn no_copy_of_a_pin_that_is_not_typed_is_in_the_main_program() {
    for way in STORED.iter().chain(&ASKED) {
        let (lab, pin) = marked();
        let found = in_the_memory_of_a_run(
            &lab.server,
            lab.hsm.dir(),
            &(way.give)(&lab, without(&lab), pin.text()),
            &pin,
        );
        // A variable of its own is in its memory: once, and it makes no copy.
        let own = if way.name == "--pin-env" { &["the beginning", "the end"][..] } else { &[] };
        assert_eq!(found, own, "{}", way.name);
    }
}

#[test]
fn no_copy_of_a_pin_that_is_typed_is_in_the_main_program() {
    let (lab, pin) = marked();
    let mut terminal = Terminal::open();
    terminal.start_captured(&patient(&lab.server, &asking(&lab))).wait_for("PIN for token 'lab': ");
    terminal.type_in(&format!("{}\n", pin.text()));
    assert_eq!(in_the_memory_of(&lab.server, lab.hsm.dir(), terminal.leader(), &pin), [""; 0]);
}

#[test]
fn a_copy_that_is_in_the_main_program_is_found() {
    let (lab, pin) = marked();
    let found = in_the_memory_of_a_run(&lab.server, lab.hsm.dir(), &shown(&lab, &pin), &pin);
    assert!(found.contains(&"the beginning") && found.contains(&"the end"), "{found:?}");
}

/// The same run under strace, which writes down what any of its processes hands on; and the program
/// says all that it has to say.
pub(crate) fn traced(folder: &Path, command: &Command) -> Command {
    let bare = bare(command);
    let mut traced = Command::new("strace");
    // In hexadecimal: whatever the bytes are, they can be read back. With the names of processes.
    traced.args(["-f", "-v", "-Y", "-xx", "-s", "99999", "-e", HANDED_ON, "-o"]).arg(log(folder));
    traced.arg(bare.get_program()).args(bare.get_args()).arg("--debug");
    traced.envs(bare.get_envs().filter_map(|(name, value)| Some((name, value?))));
    traced
}

fn log(folder: &Path) -> PathBuf {
    folder.join("strace.log")
}

/// The calls that carry it: the process's name and the call's.
fn calls_with(folder: &Path, marker: &Marker) -> Vec<(String, String)> {
    calls_that(folder, &|strings| !marker.found_in(strings).is_empty())
}

/// The calls whose strings are so.
pub(crate) fn calls_that(folder: &Path, are: &dyn Fn(&[u8]) -> bool) -> Vec<(String, String)> {
    let log = std::fs::read_to_string(log(folder)).expect("strace ran");
    let calls = log.lines().filter(|line| are(&strings(line)));
    let named = calls.map(|line| {
        // 4242<\x63\x61\x74> write(1, …
        let (process, call) = line.split_once("> ").expect("PID<NAME>");
        let name = String::from_utf8_lossy(&strings(process)).into_owned();
        (name, call.split('(').next().unwrap_or_default().to_owned())
    });
    named.collect()
}

/// All strings of a line of strace, one after the other, as `writev` has them.
fn strings(line: &str) -> Vec<u8> {
    let digits = line.split("\\x").skip(1).filter_map(|piece| piece.get(..2));
    digits.map(|two| u8::from_str_radix(two, 16).expect("strace writes \\xNN")).collect()
}

/// The run was a whole one that said a lot, `call` among it, and none of it was the PIN. The calls that carry it are
/// those of who handed it to us.
pub(crate) fn told_nothing(folder: &Path, output: &Output, call: &str, pin: &Marker, by: &[&str]) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    assert!(stderr.contains(call) && stderr.contains("string to sign"), "{stderr}");
    assert_eq!(pin.found_in(&output.stderr), [""; 0]);
    let answer = Marker::new(&String::from_utf8_lossy(&output.stdout[..64]));
    assert_eq!(
        calls_with(folder, &answer),
        [("keyanchor".into(), "write".into())],
        "it sees writes"
    );
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    for member in ["SecretAccessKey", "SessionToken"] {
        let secret = Marker::new(document[member].as_str().expect("text"));
        let calls = calls_with(folder, &secret);
        assert_eq!(calls, [("keyanchor".into(), "write".into())], "{member} goes to stdout alone");
        assert_eq!(secret.found_in(&output.stderr), [""; 0]);
    }
    let calls = calls_with(folder, pin);
    assert_eq!(calls.is_empty(), by.is_empty(), "what is handed to us is seen");
    let others = |(name, call): &(String, String)| {
        let with_its_variables = call == "execve" || !name.starts_with("keyanchor");
        !by.contains(&name.as_str()) || !with_its_variables
    };
    let ours: Vec<_> = calls.into_iter().filter(others).collect();
    assert_eq!(ours, [], "{by:?}");
}

#[test]
fn no_system_call_of_ours_hands_a_pin_on_that_is_not_typed() {
    for way in STORED.iter().chain(&ASKED) {
        let (lab, pin) = marked();
        let command = (way.give)(&lab, without(&lab), pin.text());
        told_nothing(
            lab.hsm.dir(),
            &traced(lab.hsm.dir(), &command).output().expect("strace"),
            "C_Login",
            &pin,
            way.by,
        );
    }
}

#[test]
fn no_system_call_hands_a_pin_that_is_typed_on() {
    let (lab, pin) = marked();
    let mut terminal = Terminal::open();
    terminal
        .start_captured(&traced(lab.hsm.dir(), &asking(&lab)))
        .wait_for("PIN for token 'lab': ");
    let output = terminal.type_in(&format!("{}\n", pin.text())).finish();
    told_nothing(lab.hsm.dir(), &output, "C_Login", &pin, &[]);
    assert_eq!(pin.found_in(terminal.shown().as_bytes()), [""; 0]);
}

#[test]
fn a_system_call_that_hands_a_pin_on_is_found() {
    let (lab, pin) = marked();
    let output = traced(lab.hsm.dir(), &shown(&lab, &pin)).output().expect("strace");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found = calls_with(lab.hsm.dir(), &pin);
    let calls: Vec<_> = found.iter().map(|(_, call)| call.as_str()).collect();
    // The command line, and the frame to the host: that is all, and why there is a warning.
    assert_eq!(calls, ["execve", "write"], "{found:?}");
    assert_eq!(pin.found_in(&[output.stdout, output.stderr].concat()), [""; 0]);
}
