//! Every parser of input from outside, over the seeds of the fuzz targets and over damaged copies of
//! them: what must hold for each input stands in one file, which the fuzz targets use as well.

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use keyanchor::device::piv::key;
use keyanchor::exchange::arn::{Arn, Resource};
use keyanchor::exchange::endpoint::Endpoint;
use keyanchor::exchange::roles_anywhere::answer;
use keyanchor::identity::files;
use keyanchor::key::KeyRef;
use keyanchor::key::piv::PivRef;
use keyanchor::key::tpm::TpmRef;
use keyanchor::key::tss2::Tss2Key;
use keyanchor::key::uri::Pkcs11Uri;
use keyanchor::prompt::pinentry::assuan;
use keyanchor::prompt::{caller, pin_in};
use keyanchor::refusals::Record;
use keyanchor::secret::SecretBytes;
use keyanchor::signer::file::FileKey;
use keyanchor::signer::modules;
use keyanchor::wire::{Reply, Request};

#[allow(unreachable_pub, reason = "the fuzz targets' crate exports it")]
#[path = "../../hsm-test/fuzz/src/invariants.rs"]
mod invariants;

use invariants::{ALL, understood};

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("hsm-test/fuzz")
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).expect("folder").flatten();
    entries
        .map(|entry| entry.file_name().to_string_lossy().trim_end_matches(".rs").into())
        .collect()
}

fn seeds(parser: &str) -> Vec<(String, Vec<u8>)> {
    let folder = fuzz().join("seeds").join(parser);
    let read = |name: String| (name.clone(), fs::read(folder.join(name)).expect("seed"));
    names(&folder).into_iter().map(read).collect()
}

/// A generator of our own, so that each run damages the same bytes: xorshift64* (Vigna 2016).
struct Noise(u64);

impl Noise {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % limit.max(1)
    }

    /// Cut off, or with up to four bytes changed, put in, taken out or made a huge length.
    fn damaged(&mut self, seed: &[u8]) -> Vec<u8> {
        let mut bytes = seed.to_vec();
        if self.below(8) == 0 {
            bytes.truncate(self.below(seed.len()));
        }
        for _ in 0..=self.below(4) {
            let place = self.below(bytes.len());
            match (self.below(5), bytes.get_mut(place)) {
                (0, Some(byte)) => *byte ^= 1 << self.below(8),
                (1, Some(byte)) => *byte = self.below(256) as u8,
                (2, _) => bytes.insert(place, b"%;&=:/?@\n\x30\xff\0"[self.below(12)]),
                (3, Some(_)) => {
                    drop(bytes.drain(place..(place + 1 + self.below(3)).min(bytes.len())))
                }
                (4, Some(_)) => bytes.iter_mut().skip(place).take(4).for_each(|byte| *byte = 0xff),
                _ => {}
            }
        }
        bytes
    }
}

/// Each seed, and that many damaged ones in all.
fn damage(parser: &str, times: usize) {
    let (_, check) = ALL.iter().find(|(name, _)| *name == parser).expect("a parser");
    let seeds = seeds(parser);
    let mut noise = Noise(0x6b65_7961_6e63_686f);
    for (name, seed) in &seeds {
        let damaged = (0..times / seeds.len()).map(|_| noise.damaged(seed));
        for input in std::iter::once(seed.clone()).chain(damaged) {
            let passed = catch_unwind(AssertUnwindSafe(|| check(&input)));
            assert!(passed.is_ok(), "seed {name} as \"{}\"", input.escape_ascii());
        }
    }
}

#[test]
fn damaged_answers_are_read_or_refused() {
    damage("answer", 4000);
}

#[test]
fn damaged_arns_are_read_or_refused() {
    damage("arn", 20_000);
}

#[test]
fn damaged_command_lines_are_read_or_refused() {
    damage("caller", 10_000);
}

#[test]
fn damaged_certificates_are_read_or_refused() {
    damage("certificates", 4000);
}

#[test]
fn damaged_endpoints_are_read_or_refused() {
    damage("endpoint", 10_000);
}

#[test]
fn damaged_frames_of_a_host_are_read_or_refused() {
    damage("frames_host", 3000);
}

#[test]
fn damaged_frames_of_the_main_program_are_read_or_refused() {
    damage("frames_main", 10_000);
}

#[test]
fn damaged_key_files_are_read_or_refused() {
    damage("key_file", 2000);
}

#[test]
fn damaged_module_files_are_read_or_refused() {
    damage("module_file", 10_000);
}

#[test]
fn damaged_pins_are_read_or_refused() {
    damage("pin", 10_000);
}

#[test]
fn damaged_words_of_a_pinentry_are_read_or_refused() {
    damage("pinentry", 10_000);
}

#[test]
fn damaged_answers_of_a_card_are_read_or_refused() {
    damage("piv_card", 5000);
}

#[test]
fn damaged_references_to_a_card_are_read_or_refused() {
    damage("piv_reference", 10_000);
}

#[test]
fn damaged_uris_are_read_or_refused() {
    damage("pkcs11_uri", 10_000);
}

#[test]
fn damaged_references_are_read_or_refused() {
    damage("reference", 10_000);
}

#[test]
fn damaged_records_of_refused_pins_are_read_or_refused() {
    damage("refusals", 10_000);
}

#[test]
fn damaged_references_to_a_tpm_are_read_or_refused() {
    damage("tpm_reference", 10_000);
}

#[test]
fn damaged_key_files_of_a_tpm_are_read_or_refused() {
    damage("tss2", 20_000);
}

#[test]
fn each_parser_has_a_fuzz_target_and_seeds() {
    let parsers: BTreeSet<_> = ALL.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names(&fuzz().join("fuzz_targets")), parsers);
    assert_eq!(names(&fuzz().join("seeds")), parsers);
    let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).expect("manifest");
    for name in parsers {
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")), "{name}");
    }
}

/// How many answers a pinentry gives before it says what none would say.
fn answers(said: &[u8]) -> usize {
    let mut data = SecretBytes::with_capacity(assuan::LONGEST);
    let lines = said.split(|byte| *byte == b'\n').map(|line| assuan::take(line, &mut data));
    lines.map_while(Result::ok).flatten().count()
}

/// A fuzz target whose seeds are all refused at once would look at nothing.
#[test]
fn most_seeds_are_well_formed() {
    let accepted = |parser: &str, reads: &dyn Fn(&[u8]) -> bool| {
        seeds(parser).iter().filter(|(_, seed)| reads(seed)).count()
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let kinds = [Resource::Profile, Resource::Role, Resource::TrustAnchor];
    let is_arn = |seed: &[u8]| kinds.iter().any(|kind| Arn::parse(&text(seed), *kind).is_ok());
    assert!(accepted("arn", &is_arn) >= 6);
    assert!(accepted("certificates", &|seed| files::parse(seed).is_ok()) >= 15);
    assert!(accepted("endpoint", &|seed| Endpoint::given(&text(seed)).is_ok()) >= 4);
    let is_key = |seed: &[u8]| FileKey::from_pem(Path::new("key.pem"), seed).is_ok();
    assert!(accepted("key_file", &is_key) >= 8);
    assert!(accepted("module_file", &|seed| modules::parse(&text(seed)).library().is_some()) >= 3);
    assert!(accepted("caller", &|seed| caller::words(seed).is_some()) >= 15);
    assert!(accepted("pin", &|seed| pin_in(seed.into()).is_ok()) >= 6);
    assert!(accepted("pinentry", &|seed| answers(seed) >= 2) >= 8);
    let is_record = |seed: &[u8]| serde_json::from_slice::<Record>(seed).is_ok();
    assert!(accepted("refusals", &is_record) >= 10);
    assert!(accepted("pkcs11_uri", &|seed| text(seed).parse::<Pkcs11Uri>().is_ok()) >= 9);
    assert!(accepted("reference", &|seed| text(seed).parse::<KeyRef>().is_ok()) >= 5);
    assert!(accepted("tpm_reference", &|seed| text(seed).parse::<TpmRef>().is_ok()) >= 8);
    assert!(accepted("piv_reference", &|seed| text(seed).parse::<PivRef>().is_ok()) >= 5);
    let is_metadata = |seed: &[u8]| matches!(key::Key::from_metadata(seed).public, Some(Ok(_)));
    assert!(accepted("piv_card", &is_metadata) >= 3);
    assert!(accepted("piv_card", &|seed| key::certificate(seed).is_ok()) >= 2);
    let is_tpm_key = |seed: &[u8]| Tss2Key::from_file(seed).is_ok();
    assert!(accepted("tss2", &is_tpm_key) >= 8);
    assert!(accepted("frames_host", &|seed| understood::<Reply>(seed).len() > 1) >= 4);
    assert!(
        accepted("frames_host", &|seed| understood::<Reply>(seed).len() == 20) == 1,
        "failures"
    );
    assert!(accepted("frames_main", &|seed| understood::<Request>(seed).len() > 1) >= 3);
    let (role, now) = ("arn:aws:iam::111122223333:role/Example", Timestamp::UNIX_EPOCH);
    assert!(accepted("answer", &|seed| answer::granted(seed, role, now).is_ok()) >= 3);
}
