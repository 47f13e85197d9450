//! Contestants take turns in one scene; each run is a whole process, from its start to its end.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};

use super::scene::Scene;

/// Runs that are not counted: files and libraries come into memory.
const WARM_UP: usize = 3;

/// Who is measured, where, and how often.
pub(super) struct Contest<'a> {
    pub(super) scene: &'a Scene,
    pub(super) contestants: &'a [(String, PathBuf)],
    pub(super) runs: usize,
}

/// What one contestant's runs came to, in milliseconds and KiB.
#[derive(Clone, Debug)]
pub(super) struct Score {
    pub(super) name: String,
    pub(super) wall: Vec<f64>,
    pub(super) cpu: Vec<f64>,
    /// Of the largest single process of a run.
    pub(super) peak_memory: u64,
    /// The median of its time by that of the floor in the same round.
    pub(super) to_floor: f64,
}

impl Contest<'_> {
    pub(super) fn scores(&self) -> Vec<Score> {
        let mut scores: Vec<_> = self.contestants.iter().map(|it| self.entered(it)).collect();
        for round in 0..WARM_UP + self.runs {
            // everybody is first as often as last
            let mut order: Vec<usize> = (0..scores.len()).collect();
            if round % 2 == 1 {
                order.reverse();
            }
            for place in order {
                let (wall, cpu) = timed(&mut self.command(place));
                if round >= WARM_UP {
                    scores[place].wall.push(wall);
                    scores[place].cpu.push(cpu);
                }
            }
        }
        let floor = scores[1].wall.clone();
        for score in &mut scores {
            let ratios = score.wall.iter().zip(&floor).map(|(own, floor)| own / floor);
            score.to_floor = median(&ratios.collect::<Vec<_>>());
        }
        scores
    }

    fn entered(&self, (name, program): &(String, PathBuf)) -> Score {
        let peak_memory = peak_memory(&command(self.scene, name, program));
        Score { name: name.clone(), wall: vec![], cpu: vec![], peak_memory, to_floor: 1.0 }
    }

    fn command(&self, place: usize) -> Command {
        let (name, program) = &self.contestants[place];
        command(self.scene, name, program)
    }
}

pub(super) fn command(scene: &Scene, name: &str, program: &Path) -> Command {
    match name {
        "keyanchor" | "floor" => scene.command(program),
        _ => scene.peer_command(program),
    }
}

/// Wall and processor time of a run that must succeed, the processes that it starts and awaits included.
pub(super) fn timed(command: &mut Command) -> (f64, f64) {
    let (start, used) = (Instant::now(), used());
    let output = command.output();
    let wall = start.elapsed();
    let output = output.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !output.stdout.is_empty(), "{command:?} failed: {said}");
    (milliseconds(wall), milliseconds(self::used() - used))
}

/// Processor time of all children so far.
fn used() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("children can be asked about");
    let part = |time: nix::sys::time::TimeVal| {
        Duration::new(time.tv_sec().unsigned_abs(), 0)
            + Duration::from_micros(time.tv_usec().unsigned_abs())
    };
    part(usage.user_time()) + part(usage.system_time())
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

pub(super) fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// Between the two nearest values.
pub(super) fn quantile(values: &[f64], part: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    #[expect(clippy::cast_precision_loss, reason = "a few hundred runs at most")]
    let place = part * last as f64;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the list")]
    let below = place as usize;
    let above = (below + 1).min(last);
    sorted[below] + (sorted[above] - sorted[below]) * place.fract()
}

pub(super) fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_stands_in_the_middle() {
        assert!((median(&[3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((median(&[4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-9);
        assert!((quantile(&[1.0, 2.0, 3.0, 4.0, 5.0], 0.25) - 2.0).abs() < 1e-9);
    }
}
