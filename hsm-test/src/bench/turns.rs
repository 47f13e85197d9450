//! Command lines that take turns; each run is a whole process, from its start to its end.

use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};

/// Runs that are not counted: files and libraries come into memory.
const WARM_UP: usize = 3;

/// What the runs of one command line took, in milliseconds.
#[derive(Clone, Debug, Default)]
pub(super) struct Runs {
    pub(super) wall: Vec<f64>,
    pub(super) cpu: Vec<f64>,
}

/// Runs each of them so often.
pub(super) fn in_turns(commands: &mut [Command], runs: usize) -> Vec<Runs> {
    let mut all = vec![Runs::default(); commands.len()];
    for round in 0..WARM_UP + runs {
        // everybody is first as often as last
        let mut order: Vec<usize> = (0..commands.len()).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for place in order {
            let (wall, cpu) = timed(&mut commands[place]);
            if round >= WARM_UP {
                all[place].wall.push(wall);
                all[place].cpu.push(cpu);
            }
        }
    }
    all
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
