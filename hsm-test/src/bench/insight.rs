//! What happens inside one of keyanchor's runs: its own phases, and the calls that its module sees.

use std::path::Path;

use super::scene::Scene;
use super::turns::median;
use crate::files;
use crate::softhsm::SoftHsm;
use crate::spy::{self, Calls};

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

/// One run with a witness between it and the module.
fn calls(scene: &Scene, program: &Path) -> Calls {
    let log = tempfile::NamedTempFile::new().expect("a folder for temporary files");
    let spy = spy::module().display().to_string();
    let mut command = scene.command_with(program, scene.key(), &["--pkcs11-lib", &spy]);
    command.envs(spy::command_env(&SoftHsm::module(), log.path()));
    let output = command.output().expect("the program has run before");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Calls(files::read(log.path()))
}
