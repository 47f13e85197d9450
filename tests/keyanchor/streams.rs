//! stdout is the credentials or nothing; help, version and logs; and where no secret may be.

use std::fs::File;
use std::process::{Command, Stdio};

use hsm_test::softhsm::SoftHsm;

use crate::golden::check;
use crate::lab::{granted, lab, run};

#[test]
fn a_full_or_closed_stdout_is_an_error() {
    let lab = lab();
    let full = File::options().write(true).open("/dev/full").expect("/dev/full");
    let ended = lab.with_key("laptop").stdout(full).stderr(Stdio::piped()).output().expect("run");
    check("stdout-is-full", &lab, &crate::lab::ended(&ended));
    let mut closed = Command::new("sh");
    let with_key = lab.with_key("laptop");
    closed
        .args(["-c", "exec \"$@\" >&-", "sh"])
        .arg(with_key.get_program())
        .args(with_key.get_args());
    let environment = with_key.get_envs().filter_map(|(name, value)| Some((name, value?)));
    let ended = run(closed.env_clear().envs(environment));
    check("stdout-is-closed", &lab, &ended);
    let nobody_reads = File::options().write(true).open("/dev/null").expect("/dev/null");
    let status = lab.with_key("laptop").stdout(nobody_reads).status().expect("run");
    assert!(status.success(), "thrown away on purpose");
}

#[test]
fn help_and_version_are_on_stdout() {
    let lab = lab();
    let help = run(lab.command().args(["credential-process", "--help"]));
    assert_eq!((help.code, help.stderr.as_str()), (0, ""));
    for word in
        ["--key", "--pkcs11-uri", "--private-key", "credential_process = /", "KEYANCHOR_PIN_FILE"]
    {
        assert!(help.stdout.contains(word), "{word} is missing from\n{}", help.stdout);
    }
    assert!(help.stdout.lines().all(|line| line.len() <= 100
        || line.contains("credential_process =")
        || line.starts_with("Usage:")));
    let version = run(lab.command().arg("--version"));
    assert_eq!(version.stdout, format!("keyanchor {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn debug_and_timing_tell_much_and_no_secret() {
    let lab = lab();
    let output = lab.with_key("laptop").args(["--debug", "--trace-timing"]).output().expect("run");
    let (stdout, stderr) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let document: serde_json::Value = serde_json::from_str(&stdout).expect("credentials");
    for word in [
        "C_Login",
        "C_Sign",
        "string to sign",
        "find the key",
        "unlock",
        "CreateSession",
        "whole run",
    ] {
        assert!(stderr.contains(word), "{word} is missing from\n{stderr}");
    }
    for secret in ["SecretAccessKey", "SessionToken"] {
        assert!(!stderr.contains(document[secret].as_str().unwrap()), "{secret} is in the log");
    }
    assert!(!stderr.contains(SoftHsm::PIN), "the PIN is in the log");
}

#[test]
fn without_a_terminal_nobody_is_warned() {
    let lab = lab();
    let uri = format!("pkcs11:token=lab;object=laptop?pin-value={}", SoftHsm::PIN);
    let mut command = lab.credential_process();
    granted(command.args(["--key", &uri]).arg("--certificate").arg(lab.hsm.chain("laptop")));
}

#[test]
fn every_golden_file_belongs_to_a_test_and_shows_no_pin() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let read = |folder: &str| {
        let entries = std::fs::read_dir(root.join(folder)).expect("folder").flatten();
        entries.map(|entry| entry.path()).filter(|path| path.is_file()).collect::<Vec<_>>()
    };
    let text = |path: &std::path::PathBuf| std::fs::read_to_string(path).expect("file");
    let tests: String = read("keyanchor").iter().map(text).collect();
    for file in read("golden") {
        let (name, content) = (file.file_stem().unwrap().to_string_lossy(), text(&file));
        assert!(tests.contains(&format!("\"{name}\"")), "no test is for {name}");
        assert!(!content.contains(SoftHsm::PIN), "{name} shows the PIN");
        assert!(content.starts_with("exit ") && content.contains("\nkeyanchor: error: "), "{name}");
    }
}
