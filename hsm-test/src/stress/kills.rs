//! SIGKILL at random moments of a run: of the main program, of its device host, of the one that others wait for. The
//! next run succeeds, and nothing is torn or left.

use std::fs;
use std::process::Child;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::runs::{Manners, end, granted, run, start};
use super::{Options, Row, Scene};

/// A device host ends five seconds after its main program at the latest.
const GRACE: Duration = Duration::from_secs(6);

/// Which process is killed.
#[derive(Clone, Copy)]
enum Victim {
    Front,
    Holder,
    Host,
}

pub(super) fn rows(options: &Options, manners: &mut Manners) -> Vec<Row> {
    [
        (Victim::Front, "the main program"),
        (Victim::Host, "its device host"),
        (Victim::Holder, "the one of four that asks for all"),
    ]
    .map(|(victim, name)| killed(victim, name, options, manners))
    .into()
}

fn killed(victim: Victim, name: &str, options: &Options, manners: &mut Manners) -> Row {
    let scene = match victim {
        Victim::Host => Scene::that_outlives_its_host(&options.programs),
        Victim::Front | Victim::Holder => Scene::new(&options.programs),
    };
    let length = length(&scene, manners);
    let (mut hit, mut bad, mut torn) = (0, 0, 0);
    let mut noise = Noise(u64::from(std::process::id()));
    for _ in 0..options.kills {
        scene.forget();
        let callers = if matches!(victim, Victim::Holder) { 4 } else { 1 };
        let children: Vec<_> = (0..callers).map(|_| start(&mut scene.token())).collect();
        if matches!(victim, Victim::Holder) {
            await_holder(&scene);
        }
        std::thread::sleep(length.mul_f64(noise.next()));
        let process = process(victim, &scene, &children);
        hit += usize::from(process.is_some_and(|process| send(process, Signal::SIGKILL)));
        for child in children {
            let output = end(child);
            if output.status.code().is_some() {
                manners.note(&output);
                bad += usize::from(matches!(victim, Victim::Holder) && !granted(&output));
            }
        }
        let (next, again) = (run(&mut scene.token(), manners), run(&mut scene.token(), manners));
        bad += usize::from(!granted(&next));
        torn += usize::from(next.stdout != again.stdout);
        torn += scene.kept().iter().filter(|name| name.ends_with(".tmp")).count();
    }
    let left = left(&scene);
    Row::new(
        "§8",
        format!("{} times SIGKILL of {name}, at a random moment", options.kills),
        format!(
            "{hit} hit while it ran; {bad} runs failed afterwards, {torn} torn, {left} processes left"
        ),
        "none",
        bad + torn + left == 0 && hit > options.kills / 4,
    )
}

/// How long a run takes that finds nothing kept.
fn length(scene: &Scene, manners: &mut Manners) -> Duration {
    let mut times: Vec<_> = (0..5)
        .map(|_| {
            scene.forget();
            let begin = Instant::now();
            assert!(granted(&run(&mut scene.token(), manners)), "the journey works");
            begin.elapsed()
        })
        .collect();
    times.sort();
    times[2]
}

fn await_holder(scene: &Scene) {
    let until = Instant::now() + GRACE;
    while scene.holder().is_none() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn process(victim: Victim, scene: &Scene, children: &[Child]) -> Option<i32> {
    let front = i32::try_from(children.first()?.id()).ok()?;
    match victim {
        Victim::Front => Some(front),
        Victim::Holder => scene
            .holder()
            .filter(|holder| children.iter().any(|child| i32::try_from(child.id()) == Ok(*holder))),
        Victim::Host => child_of(front),
    }
}

/// By the fourth field of `/proc/PID/stat`, after a name that may hold anything.
fn child_of(parent: i32) -> Option<i32> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut numbers = processes.filter_map(|process| process.file_name().to_str()?.parse().ok());
    numbers.find(|number: &i32| {
        let stat = fs::read_to_string(format!("/proc/{number}/stat")).unwrap_or_default();
        let fields = stat.rsplit_once(") ").map(|(_, rest)| rest.split(' '));
        fields.and_then(|mut fields| fields.nth(1)?.parse().ok()) == Some(parent)
    })
}

/// Sends a signal to a process that we have started; whether it was still there.
pub(super) fn send(process: i32, signal: Signal) -> bool {
    kill(Pid::from_raw(process), signal).is_ok()
}

/// The device hosts that are still there when they must have ended: they have the token's configuration in their
/// environment.
fn left(scene: &Scene) -> usize {
    let until = Instant::now() + GRACE;
    loop {
        let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
        let environments =
            processes.filter_map(|process| fs::read(process.path().join("environ")).ok());
        let home = scene.home();
        let count = environments.filter(|all| String::from_utf8_lossy(all).contains(&home)).count();
        if count == 0 || Instant::now() > until {
            return count;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Numbers from 0 to 1 that are like no others (SplitMix64).
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let high = ((mixed ^ (mixed >> 31)) >> 32) as u32;
        f64::from(high) / f64::from(u32::MAX)
    }
}
