//! Contestants in one scene: whole processes that take turns, and their peak memory.

use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sys::resource::{UsageWho, getrusage};

use super::scene::Scene;
use super::turns::{Runs, in_turns, median, timed};

/// Who is measured, where, and how often.
pub(super) struct Contest<'a> {
    pub(super) scene: &'a Scene,
    pub(super) contestants: &'a [(String, PathBuf)],
    pub(super) runs: usize,
}

/// What one contestant's runs came to.
#[derive(Clone, Debug)]
pub(super) struct Score {
    pub(super) name: String,
    pub(super) runs: Runs,
    /// Of the largest single process of a run, in KiB.
    pub(super) peak_memory: u64,
    /// The median of its time by that of the floor in the same round.
    pub(super) to_floor: f64,
}

impl Contest<'_> {
    pub(super) fn scores(&self) -> Vec<Score> {
        let commands = self.contestants.iter().map(|(name, path)| command(self.scene, name, path));
        let mut commands: Vec<_> = commands.collect();
        let peaks: Vec<_> = commands.iter().map(peak_memory).collect();
        let runs = in_turns(&mut commands, self.runs);
        let floor = runs[1].wall.clone();
        let scores = self.contestants.iter().zip(runs).zip(peaks);
        scores.map(|(((name, _), runs), peak)| Score::of(name, runs, peak, &floor)).collect()
    }
}

impl Score {
    fn of(name: &str, runs: Runs, peak_memory: u64, floor: &[f64]) -> Self {
        let ratios: Vec<_> = runs.wall.iter().zip(floor).map(|(own, floor)| own / floor).collect();
        Self { name: name.to_owned(), runs, peak_memory, to_floor: median(&ratios) }
    }
}

pub(super) fn command(scene: &Scene, name: &str, program: &Path) -> Command {
    match name {
        "keyanchor" | "floor" => scene.command(program),
        _ => scene.peer_command(program),
    }
}

/// The peak of a run's largest process, in KiB. A process of its own is asked, which has had no other children.
fn peak_memory(command: &Command) -> u64 {
    let this = std::env::current_exe().expect("a program knows itself");
    let mut asked = Command::new(this);
    asked.arg("peak-memory").arg(command.get_program()).args(command.get_args());
    let environment = command.get_envs().filter_map(|(name, value)| Some((name, value?)));
    let output = asked.env_clear().envs(environment).output().expect("this program starts");
    let said = String::from_utf8_lossy(&output.stdout).trim().parse();
    said.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
}

/// The peak of the largest process that a command starts, in KiB; what it prints is thrown away.
///
/// # Panics
/// When it fails.
pub fn peak_memory_of(words: &[std::ffi::OsString]) -> i64 {
    let (program, arguments) = words.split_first().expect("a program is named");
    timed(Command::new(program).args(arguments));
    getrusage(UsageWho::RUSAGE_CHILDREN).expect("children can be asked about").max_rss()
}
