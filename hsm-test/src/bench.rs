//! The benchmark: whole processes, measured from outside on the lab in one run. Contestants take turns, so that what the
//! machine does meanwhile hits them alike, and ratios are those of neighbours.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::softhsm::SoftHsm;

mod contest;
mod far;
mod insight;
mod piv;
mod plot;
mod report;
mod scene;
mod tpm;
mod turns;

pub use contest::peak_memory_of;
use contest::{Contest, Score};
use far::Far;
use insight::Insight;
use piv::Piv;
use scene::Scene;
use tpm::Tpm;

/// What to measure.
#[derive(Clone, Debug)]
pub struct Options {
    /// The folder with `keyanchor`, its device hosts, `floor` and this program.
    pub programs: PathBuf,
    /// Where `bench.json` and `bench.svg` go.
    pub out: PathBuf,
    /// Another helper that takes the same command line, such as AWS's own.
    pub peer: Option<PathBuf>,
    /// How often each contestant runs in each scene.
    pub runs: usize,
}

/// All that was measured.
#[derive(Debug)]
struct Results {
    scenes: Vec<Scored>,
    insight: Insight,
    far: Far,
    tpm: Tpm,
    piv: Piv,
    sizes: Vec<(String, u64)>,
}

/// A scene and how its contestants did, the first of whom is keyanchor and the second the floor.
#[derive(Debug)]
struct Scored {
    name: &'static str,
    scores: Vec<Score>,
}

/// The distance to the cloud in the scene of that name, each way.
const DISTANCE: Duration = Duration::from_millis(20);
/// How long the slow token takes for a signature.
const SLOW_SIGNATURE: Duration = Duration::from_millis(100);

/// Measures, writes both files, and gives the table for people.
///
/// # Panics
/// When a program is missing or fails: what is not right is not fast.
pub fn run(options: &Options) -> String {
    let hsm = SoftHsm::provisioned();
    let scenes = Scene::all(&hsm);
    let contestants = contestants(options);
    let scored = scenes.iter().map(|scene| {
        let contest = Contest { scene, contestants: &contestants, runs: options.runs };
        Scored { name: scene.name, scores: contest.scores() }
    });
    let results = Results {
        scenes: scored.collect(),
        insight: Insight::of(&scenes[0], &contestants[0].1, options.runs),
        far: Far::measured(&hsm, &contestants, options.runs, DISTANCE, SLOW_SIGNATURE),
        tpm: Tpm::measured(&contestants[0].1, &scenes[2], options.runs),
        piv: Piv::measured(&contestants, &scenes[2], options.runs),
        sizes: sizes(options),
    };
    fs::create_dir_all(&options.out).unwrap_or_else(|e| panic!("{}: {e}", options.out.display()));
    write(&options.out.join("bench.json"), &format!("{:#}\n", report::json(&results)));
    write(&options.out.join("bench.svg"), &plot::svg(&results));
    report::table(&results)
}

/// Names and programs.
fn contestants(options: &Options) -> Vec<(String, PathBuf)> {
    let ours = ["keyanchor", "floor"].map(|name| (name.to_owned(), options.programs.join(name)));
    let peer = options.peer.iter().map(|path| {
        let name = path.file_name().unwrap_or(path.as_os_str());
        (name.to_string_lossy().into_owned(), path.clone())
    });
    ours.into_iter().chain(peer).collect()
}

fn sizes(options: &Options) -> Vec<(String, u64)> {
    let ours = ["keyanchor", "keyanchor-pkcs11", "keyanchor-tpm", "keyanchor-piv"]
        .map(|name| options.programs.join(name));
    let sized = ours.iter().chain(&options.peer).map(|path| {
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        (name, fs::metadata(path).unwrap_or_else(|e| panic!("{}: {e}", path.display())).len())
    });
    sized.collect()
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}
