//! kryoptic tokens: what is on them, and how they count wrong PINs.

use std::process::Command;

use hsm_test::kryoptic::{Kryoptic, WrongPins};
use hsm_test::pki::Pki;

fn kryoptic() -> Kryoptic {
    let directory = tempfile::tempdir().expect("a temporary directory");
    Kryoptic::provisioned(&Pki::fresh(directory.path()))
}

fn objects(kryoptic: &Kryoptic, pin: &str) -> (bool, String) {
    let mut list = Command::new("pkcs11-tool");
    list.envs(kryoptic.command_env()).env("PIN", pin).arg("--module").arg(Kryoptic::module());
    list.args(["--token-label", Kryoptic::TOKEN, "--login", "--pin", "env:PIN", "-O"]);
    let output = list.output().expect("pkcs11-tool is installed");
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn each_key_has_its_certificate_and_cannot_be_exported() {
    let (_, listing) = objects(&kryoptic(), Kryoptic::PIN);
    assert_eq!(
        listing.matches("sensitive, always sensitive, never extractable, local").count(),
        3,
        "{listing}"
    );
    assert_eq!(listing.matches("Certificate Object").count(), 3, "{listing}");
}

#[test]
fn ten_wrong_pins_lock_the_token_and_its_flags_say_so_in_time() {
    let token = kryoptic();
    assert!(!token.flags().contains("user PIN"), "{}", token.flags());
    for (wrong, flag, opens) in [
        (WrongPins::CountLow, "user PIN count low", true),
        (WrongPins::FinalTry, "final user PIN try", true),
        (WrongPins::Locked, "user PIN locked", false),
    ] {
        token.enter(wrong);
        assert!(token.flags().contains(flag), "{wrong:?}: {}", token.flags());
        assert_eq!(objects(&token, Kryoptic::PIN).0, opens, "{wrong:?}");
    }
}
