//! Keys in a YubiKey: keyanchor by itself, and everybody through the PKCS#11 modules of Yubico and of OpenSC; beside a
//! key in a file, in turns, which is all that a run costs without a device.
//!
//! The YubiKey is a virtual one: it calculates as fast as this computer does, and has no USB before it. What a real one
//! takes for a run depends on what it is asked for, which is counted.

use std::path::PathBuf;
use std::process::Command;

use super::contest;
use super::insight::phases;
use super::scene::Scene;
use super::turns::{Runs, in_turns, timed};
use crate::piv::{Card, Pcscd, Template, YubiKey, opensc_module, ykcs11_module};

/// What was measured.
#[derive(Debug)]
pub(super) struct Piv {
    /// The key file's is the last.
    pub(super) rows: Vec<Row>,
    /// Of the first of them, in milliseconds.
    pub(super) phases: Vec<(String, f64)>,
}

/// One way to a key, and what it came to.
#[derive(Debug)]
pub(super) struct Row {
    /// By what, and to which key.
    pub(super) way: &'static str,
    pub(super) has_certificate_on_card: bool,
    /// Whose program it was.
    pub(super) who: String,
    pub(super) runs: Runs,
    pub(super) asked: Asked,
}

/// What one run asks of the card.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    /// Each part of a chain is one, and each GET RESPONSE.
    pub(super) apdus: usize,
    /// PINs that were sent.
    pub(super) pins: usize,
    pub(super) signatures: usize,
}

impl Piv {
    pub(super) fn measured(
        contestants: &[(String, PathBuf)],
        in_file: &Scene,
        runs: usize,
    ) -> Self {
        let pcscd = Pcscd::start();
        let card = YubiKey::V5_4.insert(&pcscd);
        let scenes = scenes(&pcscd, &card);
        let entries: Vec<_> = scenes
            .iter()
            .chain([in_file])
            .flat_map(|scene| contestants.iter().map(move |who| (scene, who)))
            .filter(|(scene, (name, _))| takes_part(name, scene))
            .collect();
        let commands = entries.iter().map(|(scene, who)| contest::command(scene, &who.0, &who.1));
        let mut commands: Vec<_> = commands.collect();
        let asked: Vec<_> = commands.iter_mut().map(|command| Asked::by(command, &card)).collect();
        let measured = in_turns(&mut commands, runs).into_iter().zip(asked);
        let rows = entries.iter().zip(measured).map(|((scene, (who, _)), (runs, asked))| Row {
            way: scene.name,
            has_certificate_on_card: scene.has_certificate_beside_key(),
            who: who.clone(),
            runs,
            asked,
        });
        Self { rows: rows.collect(), phases: phases(&scenes[0], &contestants[0].1, runs) }
    }
}

impl Asked {
    fn by(command: &mut Command, card: &Card) -> Self {
        let mark = card.mark();
        timed(command);
        let log = card.log_since(mark);
        let (pins, signatures) = (log.count("VERIFY"), log.count("GENERAL-AUTHENTICATE"));
        Self { apdus: log.apdus(), pins, signatures }
    }
}

/// By itself only keyanchor reaches a card; the floor reads its certificate from a file.
fn takes_part(name: &str, scene: &Scene) -> bool {
    match name {
        "keyanchor" => true,
        "floor" => scene.is_of_a_module() && !scene.has_certificate_beside_key(),
        _ => scene.is_of_a_module(),
    }
}

fn scenes(pcscd: &Pcscd, card: &Card) -> Vec<Scene> {
    let p256 = card.key(&Template::P256);
    let rsa = card.key(&Template { slot: 0x9d, imported: true, ..Template::RSA2048 });
    let of = |name, key, reference| Scene::of_card(name, pcscd, card, key, reference);
    let ykcs11 = || {
        let key = "pkcs11:token=YubiKey%20PIV%20%2312345678;object=Private%20key%20for%20PIV%20Authentication";
        of("ykcs11", &p256, key).by(ykcs11_module())
    };
    let opensc =
        || of("OpenSC", &p256, "pkcs11:token=lab;object=PIV%20AUTH%20key").by(opensc_module());
    vec![
        of("piv:slot=9a", &p256, "piv:slot=9a"),
        of("piv:slot=9a", &p256, "piv:slot=9a").with_certificate_beside_key(""),
        of("piv:slot=9d (RSA)", &rsa, "piv:slot=9d"),
        ykcs11(),
        ykcs11().with_certificate_beside_key(
            "pkcs11:token=YubiKey%20PIV%20%2312345678;object=X.509%20Certificate%20for%20PIV%20Authentication",
        ),
        opensc(),
        opensc().with_certificate_beside_key(
            "pkcs11:token=lab;object=Certificate%20for%20PIV%20Authentication",
        ),
    ]
}
