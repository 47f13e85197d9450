//! Keys in a TPM: keyanchor alone, since neither the floor nor AWS's own helper reaches a TPM that listens on a port;
//! beside a key in a file, in turns, which is all that a run costs without a device.

use std::path::Path;

use super::insight::phases;
use super::scene::Scene;
use super::turns::{Runs, in_turns};
use crate::swtpm::{Parent, Swtpm, Template};

/// What was measured, in milliseconds.
#[derive(Debug)]
pub(super) struct Tpm {
    /// Each of them by name, the key file's last.
    pub(super) rows: Vec<(&'static str, Runs)>,
    /// Of the first of them.
    pub(super) phases: Vec<(String, f64)>,
}

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
        let mut commands: Vec<_> = all.iter().map(|scene| scene.command(program)).collect();
        let names = all.iter().map(|scene| scene.name);
        let rows = names.zip(in_turns(&mut commands, runs)).collect();
        Self { rows, phases: phases(all[0], program, runs) }
    }

    const LOCKED: Template = Template { password: Some(Swtpm::PASSWORD), ..Template::P256 };
}
