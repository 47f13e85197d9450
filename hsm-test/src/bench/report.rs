//! The results as a table for people and as JSON for machines. Times are milliseconds, and medians where nothing else
//! is said.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::contest::Score;
use super::piv::{Piv, Row};
use super::tpm::Tpm;
use super::turns::{Runs, median, quantile};
use super::{Results, Scored};

/// The table, at most 80 columns wide.
pub(super) fn table(results: &Results) -> String {
    let mut out =
        String::from("Whole processes, from start to end (milliseconds, median and quartiles)\n\n");
    let _ = writeln!(
        out,
        "  {:<20} {:<18} {:>7} {:>15} {:>7} {:>8}",
        "", "", "median", "quartiles", "cpu", "÷ floor"
    );
    for scored in &results.scenes {
        rows(&mut out, scored);
    }
    rows(&mut out, &Scored { name: "far, slow token", scores: results.far.scores.clone() });
    let far = &results.far;
    let verdict = if far.whole() <= far.goal() { "reached" } else { "MISSED" };
    let _ = writeln!(
        out,
        "\n  far, slow token: {:.1} of at most {:.1}, {verdict}\n  \
         = max(token {:.1}, connection {:.1}) + round trip {:.0} + 15",
        far.whole(),
        far.goal(),
        far.token,
        far.connection,
        far.round_trip
    );
    let _ = writeln!(
        out,
        "\nPhases of {} (those in parentheses run beside the others)\n",
        results.scenes[0].name
    );
    phases(&mut out, &results.insight.phases);
    tpm(&mut out, &results.tpm);
    piv(&mut out, &results.piv);
    let calls = &results.insight.calls;
    let _ = writeln!(
        out,
        "\nPKCS#11 calls a credential: {}, of them C_Login {}, C_SignInit {}",
        calls.all(),
        calls.of("C_Login"),
        calls.of("C_SignInit")
    );
    let memory: Vec<_> = results.scenes[0]
        .scores
        .iter()
        .map(|s| format!("{} {} KiB", s.name, s.peak_memory))
        .collect();
    let _ = writeln!(out, "Peak memory of the largest process: {}", memory.join(", "));
    let sizes: Vec<_> = results.sizes.iter().map(|(name, size)| format!("{name} {size}")).collect();
    let _ = writeln!(out, "Sizes in bytes: {}", sizes.join(", "));
    out
}

/// keyanchor's whole processes with keys of a TPM, beside one with a key in a file.
fn tpm(out: &mut String, tpm: &Tpm) {
    let _ = writeln!(
        out,
        "\nkeyanchor with a TPM (swtpm), whole processes and the phases of the first\n"
    );
    let Some((_, file)) = tpm.rows.last() else { return };
    for (name, runs) in &tpm.rows {
        let (whole, cpu) = (median(&runs.wall), median(&runs.cpu));
        let ratio = to(file, runs);
        let _ =
            writeln!(out, "  {name:<20} {whole:>7.1}   cpu {cpu:>6.1}   ÷ key file {ratio:>5.2}");
    }
    let _ = writeln!(out);
    phases(out, &tpm.phases);
}

/// Whole processes with a key in a YubiKey, beside one with a key in a file, and what each asks of the YubiKey.
fn piv(out: &mut String, piv: &Piv) {
    let _ = writeln!(
        out,
        "\nA YubiKey (a virtual one: USB and its own time are not in it), and the phases of the first\n\n  \
         {:<17} {:<5} {:<18} {:>6} {:>6} {:>6} {:>5} {:>4} {:>4}",
        "way", "cert.", "", "median", "cpu", "÷ file", "APDUs", "PINs", "sig."
    );
    let Some(file) = piv.rows.last() else { return };
    for row in &piv.rows {
        let Row { way, who, runs, asked, .. } = row;
        let certificate = if row.has_certificate_on_card { "card" } else { "file" };
        let _ = writeln!(
            out,
            "  {way:<17} {certificate:<5} {who:<18.18} {:>6.1} {:>6.1} {:>6.2} {:>5} {:>4} {:>4}",
            median(&runs.wall),
            median(&runs.cpu),
            to(&file.runs, runs),
            asked.apdus,
            asked.pins,
            asked.signatures
        );
    }
    let _ = writeln!(out);
    phases(out, &piv.phases);
}

/// How much longer than those others.
fn to(others: &Runs, runs: &Runs) -> f64 {
    median(&runs.wall) / median(&others.wall)
}

fn phases(out: &mut String, phases: &[(String, f64)]) {
    for (name, time) in phases {
        let _ = writeln!(out, "  {name:<20} {time:>7.1}");
    }
}

fn rows(out: &mut String, scored: &Scored) {
    for (place, score) in scored.scores.iter().enumerate() {
        let scene = if place == 0 { scored.name } else { "" };
        let Runs { wall, cpu } = &score.runs;
        let quartiles = format!("{:.1}–{:.1}", quantile(wall, 0.25), quantile(wall, 0.75));
        let _ = writeln!(
            out,
            "  {scene:<20} {:<18.18} {:>7.1} {quartiles:>15} {:>7.1} {:>8.2}",
            score.name,
            median(wall),
            median(cpu),
            score.to_floor
        );
    }
}

/// Everything, the single runs included.
pub(super) fn json(results: &Results) -> Value {
    let scenes =
        results.scenes.iter().map(|s| json!({ "name": s.name, "scores": scores(&s.scores) }));
    let phases = results
        .insight
        .phases
        .iter()
        .map(|(name, time)| json!({ "name": name, "median_ms": time }));
    let (calls, far) = (&results.insight.calls, &results.far);
    json!({
        "version": 1,
        "scenes": scenes.collect::<Vec<_>>(),
        "far": {
            "scores": scores(&far.scores),
            "token_ms": far.token,
            "connection_ms": far.connection,
            "round_trip_ms": far.round_trip,
            "goal_ms": far.goal(),
            "whole_ms": far.whole(),
        },
        "tpm": results.tpm.rows.iter().map(|(name, runs)| json!({
            "name": name,
            "median_ms": median(&runs.wall),
            "median_cpu_ms": median(&runs.cpu),
            "wall_ms": runs.wall,
        })).collect::<Vec<_>>(),
        "piv": results.piv.rows.iter().map(|row| json!({
            "way": row.way,
            "certificate_on_card": row.has_certificate_on_card,
            "who": row.who,
            "median_ms": median(&row.runs.wall),
            "median_cpu_ms": median(&row.runs.cpu),
            "apdus": row.asked.apdus,
            "pins": row.asked.pins,
            "signatures": row.asked.signatures,
            "wall_ms": row.runs.wall,
        })).collect::<Vec<_>>(),
        "phases": phases.collect::<Vec<_>>(),
        "calls": { "all": calls.all(), "C_Login": calls.of("C_Login"), "C_SignInit": calls.of("C_SignInit") },
        "sizes": results.sizes.iter().map(|(n, s)| json!({ "name": n, "bytes": s })).collect::<Vec<_>>(),
    })
}

fn scores(scores: &[Score]) -> Vec<Value> {
    let scores = scores.iter().map(|score| {
        json!({
            "name": score.name,
            "median_ms": median(&score.runs.wall),
            "median_cpu_ms": median(&score.runs.cpu),
            "to_floor": score.to_floor,
            "peak_memory_kib": score.peak_memory,
            "wall_ms": score.runs.wall,
        })
    });
    scores.collect()
}
