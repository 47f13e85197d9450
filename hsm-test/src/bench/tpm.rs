//! Keys in a TPM: keyanchor alone, since neither the floor nor AWS's own helper reaches a TPM that listens on a port;
//! beside a key in a file, in turns, which is all that a run costs without a device.

use std::path::Path;

use super::contest::timed;
use super::insight::phases;
use super::scene::Scene;
use crate::swtpm::{Parent, Swtpm, Template};

/// What was measured, in milliseconds.
#[derive(Debug)]
pub(super) struct Tpm {
    /// Wall and processor time of each run, the key file's last.
    pub(super) rows: Vec<(&'static str, Vec<f64>, Vec<f64>)>,
    /// Of the first of them.
    pub(super) phases: Vec<(String, f64)>,
}

const WARM_UP: usize = 3;

impl Tpm {
    pub(super) fn measured(program: &Path, in_file: &Scene, runs: usize) -> Self {
        let mut tpm = Swtpm::start();
        tpm.make_parent(Parent::SRK, None);
        let scenes = [
            Scene::of_tpm("TPM handle P-256", &tpm, &Template::P256, Some(0x8100_0101)),
            Scene::of_tpm("TPM handle RSA-2048", &tpm, &Template::RSA2048, Some(0x8100_0102)),
            Scene::of_tpm("TPM file P-256", &tpm, &Template::P256, None),
            Scene::of_tpm("TPM, with a password", &tpm, &Self::LOCKED, Some(0x8100_0103)),
        ];
        let all: Vec<_> = scenes.iter().chain([in_file]).collect();
        let mut rows: Vec<_> = all.iter().map(|it| (it.name, Vec::new(), Vec::new())).collect();
        for round in 0..WARM_UP + runs {
            for (scene, (_, wall, cpu)) in all.iter().zip(&mut rows) {
                let (took, used) = timed(&mut scene.command(program));
                if round >= WARM_UP {
                    wall.push(took);
                    cpu.push(used);
                }
            }
        }
        Self { rows, phases: phases(all[0], program, runs) }
    }

    const LOCKED: Template = Template { password: Some(Swtpm::PASSWORD), ..Template::P256 };
}
