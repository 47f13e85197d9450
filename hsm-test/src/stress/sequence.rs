//! Run after run, ten hours of them by a simulated clock that the server shares: how often somebody is asked, and
//! that nothing grows.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::runs::{Manners, end, granted, run, start};
use super::{Options, Row, Scene};

/// Ten hours, in seconds.
const LONG: usize = 10 * 3600;

/// How long a session of an hour is given out: until 16 minutes before its end.
const FRESH: usize = 44 * 60;

pub(super) fn rows(options: &Options, manners: &mut Manners) -> Vec<Row> {
    let scene = Scene::new(&options.programs);
    let library = library();
    let command = |seconds: usize| {
        let mut command = scene.file();
        command.env("LD_PRELOAD", &library).env("FAKETIME", format!("+{seconds}s"));
        // Time-outs go by the other clock, which is right.
        command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        command
    };
    let (mut good, mut files) = (0, Vec::new());
    let mut memory = Vec::new();
    for number in 0..options.sequence {
        let seconds = number * LONG / options.sequence;
        scene.server.clock_offset(i64::try_from(seconds).unwrap_or(i64::MAX));
        good += usize::from(granted(&run(&mut command(seconds), manners)));
        if number == 1 || number + 1 == options.sequence {
            files.push(scene.kept().len());
            memory.push(peak(&command(seconds), &options.lab));
        }
    }
    let requests = scene.server.requests().len();
    let wanted = LONG.div_ceil(FRESH);
    vec![
        Row::new(
            "§8",
            format!("{} runs in ten hours, sessions of one hour", options.sequence),
            format!("{good} with credentials, {requests} requests, one each 44 minutes"),
            format!("all, at most {wanted} requests"),
            good == options.sequence && requests <= wanted && requests > 9,
        ),
        Row::new(
            "§8",
            "Files in the cache, and peak memory of a run: after the first and after the last",
            format!("{} and {} files, {} and {} KiB", files[0], files[1], memory[0], memory[1]),
            "no more",
            files[0] == files[1] && memory[1] <= memory[0] + memory[0] / 10,
        ),
    ]
}

/// Another run, for its memory, in KiB.
fn peak(command: &Command, lab: &Path) -> u64 {
    let mut measured = Command::new(lab.join("hsm-test"));
    measured.arg("peak-memory").arg(command.get_program()).args(command.get_args()).env_clear();
    measured.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = end(start(&mut measured));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.trim().parse().unwrap_or_else(|_| panic!("hsm-test peak-memory: {output:?}"))
}

/// The library that makes up the time.
fn library() -> PathBuf {
    let folders = std::fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    let mut found = folders.map(|folder| folder.path().join("faketime/libfaketime.so.1"));
    found.find(|path| path.exists()).expect("libfaketime is installed (package faketime)")
}
