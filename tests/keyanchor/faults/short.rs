//! A computer that has little, and a user's environment that has nothing: TPMs and cards are no worse
//! off there than tokens, and nothing is needed from variables.

use std::process::{Command, Stdio};

use hsm_test::pki::Leaf;
use hsm_test::server::Behaviour;

use crate::lab::{bare, granted, lab, run, under};
use crate::{piv, tpm};

const SMALL: [&str; 2] = ["prlimit", "--as=67108864"];

#[test]
fn sixty_four_mebibytes_are_enough_for_a_tpm_and_for_a_card() {
    let lab = tpm::lab();
    let (_, chain) = lab.persistent(hsm_test::swtpm::Template::P256);
    granted(&mut under(&lab.with("tpm:handle=0x81000101", &chain), &SMALL));
    let lab = piv::with_key(hsm_test::piv::Template::P256);
    granted(&mut under(&lab.with_pin("piv:slot=9a"), &SMALL));
}

/// As `env -i` starts it.
#[test]
fn no_variable_is_needed() {
    let lab = lab();
    let (private, public) = lab.pki().software_key("EC:P-256");
    let leaf = lab.write("leaf.pem", &lab.pki().leaf(&Leaf::of(&public)));
    let mut journey = lab.credential_process();
    journey.arg("--key").arg(lab.write("key.pem", &private)).arg("--certificate").arg(leaf);
    journey.arg("--intermediates").arg(lab.pki().intermediate_pem_path());
    let journey = bare(&journey);
    let mut empty = Command::new(journey.get_program());
    // Nothing says where the test's own cache would be.
    granted(empty.args(journey.get_args()).arg("--no-cache").env_clear().stdin(Stdio::null()));
}

/// No session of a role that we know of has a longer one.
#[test]
fn a_document_with_the_longest_token_fits_eight_kibibytes() {
    let lab = lab();
    let token = "t".repeat(7 * 1024);
    lab.server.behave(Behaviour::session(&[
        ("accessKeyId", "ASIAEXAMPLE"),
        ("secretAccessKey", &"s".repeat(40)),
        ("sessionToken", &token),
        ("expiration", "2099-01-01T00:00:00Z"),
    ]));
    let ended = run(&mut lab.with_key("laptop"));
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(ended.stdout.contains(&token) && ended.stdout.len() <= 8192);
}
