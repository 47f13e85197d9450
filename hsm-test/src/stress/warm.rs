//! Runs that find what is kept, beside a program that only starts and prints.

use std::process::Command;
use std::time::{Duration, Instant};

use super::runs::{Manners, granted, run};
use super::{Options, Row, Scene};

pub(super) fn rows(options: &Options, manners: &mut Manners) -> Vec<Row> {
    let scene = Scene::new(&options.programs);
    let first = run(&mut scene.spied(), manners);
    let calls = scene.calls().all();
    let mut hello = Command::new(options.lab.join("hello"));
    let (mut ours, mut theirs, mut same) = (Vec::new(), Vec::new(), 0);
    for _ in 0..options.warm {
        let begin = Instant::now();
        let output = run(&mut scene.spied(), manners);
        ours.push(begin.elapsed());
        same += usize::from(granted(&output) && output.stdout == first.stdout);
        let begin = Instant::now();
        run(&mut hello, &mut Manners::default());
        theirs.push(begin.elapsed());
    }
    let (requests, more) = (scene.server.requests().len(), scene.calls().all() - calls);
    let (ours, theirs) = (median(ours), median(theirs));
    let ratio = ours.as_secs_f64() / theirs.as_secs_f64();
    vec![
        Row::new(
            "G16",
            format!("{} runs that find what is kept", options.warm),
            format!(
                "{same} with the same, {} more requests, {more} calls of the module",
                requests - 1
            ),
            "all, none, none",
            same == options.warm && requests == 1 && more == 0,
        ),
        Row::new(
            "G16",
            "Their whole process beside a program that only starts and prints, medians",
            format!("{ours:.2?} and {theirs:.2?}: {ratio:.2} times"),
            "at most 2 times",
            ratio <= 2.0,
        )
        .timed(),
    ]
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
