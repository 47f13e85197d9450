//! What happens inside one of keyanchor's runs: its own phases, and the calls that its module sees.

use std::fs;
use std::path::Path;

use super::contest::median;
use super::scene::Scene;
use crate::softhsm::SoftHsm;

/// PKCS#11 calls of one run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Calls {
    pub(super) all: usize,
    pub(super) logins: usize,
    pub(super) signatures: usize,
}

/// Phases, in milliseconds and in the order of their ends, and calls.
#[derive(Debug)]
pub(super) struct Insight {
    pub(super) phases: Vec<(String, f64)>,
    pub(super) calls: Calls,
}

impl Insight {
    pub(super) fn of(scene: &Scene, program: &Path, runs: usize) -> Self {
        Self { phases: phases(scene, program, runs), calls: calls(scene, program) }
    }
}

/// The medians of `--trace-timing`.
pub(super) fn phases(scene: &Scene, program: &Path, runs: usize) -> Vec<(String, f64)> {
    let mut all: Vec<(String, Vec<f64>)> = Vec::new();
    for _ in 0..runs {
        let mut command = scene.command_with(program, scene.key(), &["--trace-timing"]);
        let output = command.output().expect("the program has run before");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        for (name, time) in String::from_utf8_lossy(&output.stderr).lines().filter_map(phase) {
            match all.iter_mut().find(|(known, _)| *known == name) {
                Some((_, times)) => times.push(time),
                None => all.push((name, vec![time])),
            }
        }
    }
    all.into_iter().map(|(name, times)| (name, median(&times))).collect()
}

/// ` INFO find the key          7.6 ms`
fn phase(line: &str) -> Option<(String, f64)> {
    let (name, time) = line.trim().strip_prefix("INFO ")?.strip_suffix(" ms")?.rsplit_once(' ')?;
    Some((name.trim().to_owned(), time.parse().ok()?))
}

/// One run with a witness between it and the module: OpenSC's pkcs11-spy.
fn calls(scene: &Scene, program: &Path) -> Calls {
    let log = tempfile::NamedTempFile::new().expect("a folder for temporary files");
    let spy = spy();
    let mut command = scene.command_with(program, scene.key(), &["--pkcs11-lib", &spy]);
    command.env("PKCS11SPY", SoftHsm::module()).env("PKCS11SPY_OUTPUT", log.path());
    let output = command.output().expect("the program has run before");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let log = fs::read_to_string(log.path()).expect("the spy writes a log");
    let called = |line: &&str| line.split_once(": ").is_some_and(|(n, _)| n.parse::<u32>().is_ok());
    let count = |name: &str| log.lines().filter(called).filter(|l| l.contains(name)).count();
    let ended = |name: &str| {
        log.lines().filter(called).filter(|l| l.trim_end().ends_with(&format!(": {name}"))).count()
    };
    Calls { all: count("C_"), logins: ended("C_Login"), signatures: ended("C_SignInit") }
}

fn spy() -> String {
    let folders = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64"];
    let names = ["pkcs11-spy.so", "pkcs11/pkcs11-spy.so"];
    let paths = folders.iter().flat_map(|f| names.iter().map(move |n| format!("{f}/{n}")));
    let found = paths.into_iter().find(|path| Path::new(path).is_file());
    found.expect("the lab needs pkcs11-spy.so: apt-get install opensc-pkcs11")
}
