//! The real consumers, on the very line of `~/.aws/config`: the AWS CLI and boto3. The server
//! checks their SigV4 signatures with the secret that it handed out through us.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use hsm_test::softhsm::SoftHsm;
use hsm_test::terminal::Terminal;

use crate::lab::{Lab, ended, lab};
use crate::prompts::pin;

/// The virtual environment of `make test`. Without it this is skipped, loudly, unless `LAB=require`.
fn python() -> Option<PathBuf> {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target"), PathBuf::from);
    let bin = target.join("venv/bin");
    if bin.join("aws").exists() {
        return Some(bin);
    }
    assert!(std::env::var_os("LAB").is_none(), "no AWS CLI in {}: run make test", bin.display());
    eprintln!("SKIPPED: no AWS CLI in {}; make test installs it", bin.display());
    None
}

/// A profile as a user writes it: one line, absolute paths, the URI in double quotes.
fn configured(lab: &Lab, program: &Path) -> Command {
    configured_with(lab, program, &lab.uri("laptop"))
}

fn configured_with(lab: &Lab, program: &Path, uri: &str) -> Command {
    let arguments = lab.server.arguments().join(" ");
    let line = format!(
        "{} credential-process --key \"{}\" --pkcs11-lib {} --certificate {} {arguments}",
        env!("CARGO_BIN_EXE_keyanchor"),
        uri,
        SoftHsm::module().display(),
        lab.hsm.chain("laptop").display(),
    );
    let (bundle, url) = (lab.server.ca_bundle(), lab.server.url());
    let profile = format!(
        "[profile lab]\nregion = us-east-1\ncredential_process = {line}\nca_bundle = {}\nendpoint_url = {url}\n",
        bundle.display()
    );
    let config = lab.write("config", &profile);
    let mut command = Command::new(program);
    command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", lab.hsm.dir());
    command.env("AWS_CONFIG_FILE", config).env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
    command.env("AWS_PROFILE", "lab").env("AWS_EC2_METADATA_DISABLED", "true");
    command.env("KEYANCHOR_RUNTIME_DIR", lab.hsm.dir().join("run"));
    command.envs(lab.hsm.command_env());
    command
}

const IDENTITY: &str = "arn:aws:sts::111122223333:assumed-role/Example/";

#[test]
fn the_aws_cli_gets_its_identity_through_us() {
    let Some(bin) = python() else { return };
    let lab = lab();
    let mut aws = configured(&lab, &bin.join("aws"));
    let ended =
        ended(&aws.args(["sts", "get-caller-identity", "--output", "json"]).output().expect("aws"));
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(ended.stdout.contains(IDENTITY), "{}", ended.stdout);
}

/// The AWS CLI reads our stdout and stderr through pipes; the person is before its terminal.
#[test]
fn the_question_appears_on_the_terminal_of_the_aws_cli() {
    let Some(bin) = python() else { return };
    let lab = lab();
    let mut aws = configured_with(&lab, &bin.join("aws"), "pkcs11:token=lab;object=laptop");
    let mut terminal = Terminal::open();
    let before = terminal.state();
    terminal.start_captured(aws.args(["sts", "get-caller-identity", "--output", "json"]));
    terminal.wait_for("keyanchor: aws (process ");
    terminal.wait_for(") wants to sign with pkcs11:token=lab;object=laptop;id=%01");
    terminal.wait_for("PIN for token 'lab': ").type_in(&pin());
    let ended = ended(&terminal.finish());
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{:?}", terminal.shown());
    assert!(ended.stdout.contains(IDENTITY), "{}", ended.stdout);
    assert!(!terminal.shown().contains(SoftHsm::PIN), "{:?}", terminal.shown());
    assert_eq!(terminal.state(), before);
}

#[test]
fn without_a_terminal_the_aws_cli_is_told_so_at_once() {
    let Some(bin) = python() else { return };
    let lab = lab();
    let aws = configured_with(&lab, &bin.join("aws"), "pkcs11:token=lab;object=laptop");
    let mut alone = Command::new("setsid");
    alone.arg("--wait").arg(aws.get_program()).args(["sts", "get-caller-identity"]).env_clear();
    alone.envs(aws.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let start = Instant::now();
    let ended = ended(&alone.output().expect("aws"));
    assert!(
        ended.stderr.contains("keyanchor: error: no terminal to ask for the PIN"),
        "{}",
        ended.stderr
    );
    // A person would have had fifty seconds; most of this is Python's.
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
    assert!(ended.code != 0 && lab.server.requests().is_empty());
}

#[test]
fn boto3_gets_its_identity_through_us() {
    let Some(bin) = python() else { return };
    let lab = lab();
    let mut python = configured(&lab, &bin.join("python"));
    let program = "import boto3; print(boto3.client('sts').get_caller_identity()['Arn'])";
    let ended = ended(&python.args(["-c", program]).output().expect("python"));
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(ended.stdout.starts_with(IDENTITY), "{}", ended.stdout);
}

#[test]
fn the_aws_cli_shows_our_error() {
    let Some(bin) = python() else { return };
    let lab = lab();
    lab.server.behave(hsm_test::server::Behaviour::Refuse {
        status: 403,
        kind: "AccessDeniedException".into(),
        message: "Certificate revoked".into(),
    });
    let mut aws = configured(&lab, &bin.join("aws"));
    let ended = ended(&aws.args(["sts", "get-caller-identity"]).output().expect("aws"));
    assert_ne!(ended.code, 0);
    assert!(ended.stderr.contains("keyanchor: cause: Certificate revoked"), "{}", ended.stderr);
}
