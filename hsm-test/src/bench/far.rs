//! A far cloud and a slow token: what counts is that the two are waited for at once.

use std::path::PathBuf;
use std::time::Duration;

use super::contest::{Contest, Score};
use super::insight::phases;
use super::scene::Scene;
use super::turns::{median, milliseconds};
use crate::fault::Fault;
use crate::relay::Relay;
use crate::softhsm::SoftHsm;

/// What processes may cost on top of the waits, in milliseconds.
const ALLOWANCE: f64 = 15.0;

/// What was measured, in milliseconds.
#[derive(Debug)]
pub(super) struct Far {
    pub(super) scores: Vec<Score>,
    /// From the start of the device host to the signature.
    pub(super) token: f64,
    /// From the start to a connection that TLS has made ready.
    pub(super) connection: f64,
    pub(super) round_trip: f64,
}

impl Far {
    /// Everybody through a relay that is that far away, with a token that takes that long to sign.
    pub(super) fn measured(
        hsm: &SoftHsm,
        contestants: &[(String, PathBuf)],
        runs: usize,
        distance: Duration,
        signature: Duration,
    ) -> Self {
        let home = std::env::home_dir().expect("a home");
        // whoever loads a module may want its folder to be safe from others, which the checkout may not be
        let folder = tempfile::Builder::new().prefix(".keyanchor-bench-").tempdir_in(home);
        let folder = folder.expect("the home is writable");
        let script = format!("C_Sign * sleep {}ms\n", signature.as_millis());
        let fault = Fault::new(folder.path(), &SoftHsm::module(), &script);
        let scene = Scene::of("far cloud, slow token", hsm, "laptop");
        let relay = Relay::start(scene.server.address(), distance);
        let scene = scene.through(fault.module(), relay.url(), fault.command_env());
        let scores = Contest { scene: &scene, contestants, runs }.scores();
        let phases = phases(&scene, &contestants[0].1, runs);
        let sum = |names: &[&str]| {
            phases.iter().filter(|(name, _)| names.contains(&name.as_str())).map(|(_, t)| t).sum()
        };
        Self {
            scores,
            token: sum(&["find the key", "certificates", "unlock", "sign"]),
            connection: sum(&["(CA roots)", "(connect)"]),
            round_trip: milliseconds(distance * 2),
        }
    }

    /// The longest that a run should take.
    pub(super) fn goal(&self) -> f64 {
        self.token.max(self.connection) + self.round_trip + ALLOWANCE
    }

    /// What keyanchor's runs took.
    pub(super) fn whole(&self) -> f64 {
        median(&self.scores[0].runs.wall)
    }
}
