//! `keyanchor doctor`: one thing is broken at a time, and exactly that step says so, with the words
//! and the exit code that a run would have. No PIN is sent, and none is shown.

use std::process::{Command, Stdio};

use hsm_test::piv::Template;
use hsm_test::softhsm::SoftHsm;
use hsm_test::spy::{self, Calls};
use serde_json::Value;

use crate::golden::check;
use crate::lab::{Ended, Lab, lab, on_terminal, run};
use crate::{piv, tpm};

mod devices;
mod here;
mod network;
mod page;
mod tokens;

const POINTER: &str = "; keyanchor doctor with the same options tries each step";

/// A credential process, examined.
fn doctor(process: &Command) -> Command {
    let mut command = Command::new(process.get_program());
    command.args(process.get_args().map(|word| match word.to_str() {
        Some("credential-process") => "doctor".as_ref(),
        _ => word,
    }));
    let environment = process.get_envs().filter_map(|(name, value)| Some((name, value?)));
    command.env_clear().envs(environment).stdin(Stdio::null());
    command
}

/// What was told of each step; no PIN is in it.
fn examined(process: &Command) -> (Ended, Vec<Value>) {
    let ended = run(doctor(process).arg("--json"));
    for pin in [SoftHsm::PIN, hsm_test::piv::YubiKey::PIN] {
        assert!(!ended.stdout.contains(pin) && !ended.stderr.contains(pin), "the PIN is shown");
    }
    let document: Value = serde_json::from_str(&ended.stdout).expect(&ended.stderr);
    assert_eq!(document["version"], 1);
    let steps = document["steps"].as_array().expect("steps").clone();
    (ended, steps)
}

/// The names of the steps with that status.
fn those(steps: &[Value], status: &str) -> Vec<String> {
    let those = steps.iter().filter(|step| step["status"] == status);
    those.map(|step| step["step"].as_str().expect("a name").to_owned()).collect()
}

fn step<'s>(steps: &'s [Value], name: &str) -> &'s Value {
    steps.iter().find(|step| step["step"] == name).unwrap_or_else(|| panic!("{name}: {steps:#?}"))
}

/// All is as it should be: the steps, in their order.
fn healthy(process: &Command) -> Vec<Value> {
    let (ended, steps) = examined(process);
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{}", ended.stdout);
    let ok = those(&steps, "ok");
    assert_eq!(ok.len(), steps.len(), "{}", ended.stdout);
    steps
}

/// Exactly that step has failed, and stderr has its words.
fn broken(process: &Command, name: &str, code: i32) -> (Ended, Vec<Value>) {
    let (ended, steps) = examined(process);
    assert_eq!(those(&steps, "failed"), [name], "{}\n{}", ended.stdout, ended.stderr);
    assert_eq!(ended.code, code, "{}", ended.stderr);
    let failed = step(&steps, name);
    let lines = ["error", "cause", "hint"].map(|member| (member, failed[member].as_str()));
    let lines = lines.iter().filter_map(|(member, text)| Some((member, (*text)?)));
    let lines: String =
        lines.map(|(member, text)| format!("keyanchor: {member}: {text}\n")).collect();
    assert_eq!(ended.stderr, lines);
    assert!(!ended.stderr.contains("keyanchor doctor"), "{}", ended.stderr);
    (ended, steps)
}

/// The same with what a run itself says.
fn broken_as_a_run(process: &mut Command, name: &str, code: i32) -> Vec<Value> {
    let (ended, steps) = broken(process, name, code);
    let of_the_run = run(process).stderr.replace(POINTER, "");
    assert_eq!(ended.stderr, of_the_run);
    steps
}

const DEVICE_STEPS: [&str; 10] = [
    "installation",
    "private-directory",
    "memory-lock",
    "module",
    "token",
    "pin",
    "key",
    "certificate",
    "pair",
    "chain",
];
const NETWORK_STEPS: [&str; 6] = ["proxy", "name", "connection", "tls", "endpoint", "clock"];

fn names(steps: &[Value]) -> Vec<&str> {
    steps.iter().map(|step| step["step"].as_str().expect("a name")).collect()
}

/// A key in a file, with its chain.
fn key_file(lab: &Lab) -> Command {
    let mut openssl = Command::new("openssl");
    openssl.args(["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]);
    let private = openssl.output().expect("openssl").stdout;
    let private = lab.write("key.pem", &String::from_utf8(private).expect("PEM"));
    let public = Command::new("openssl").args(["pkey", "-pubout", "-in"]).arg(&private).output();
    let public = String::from_utf8(public.expect("openssl").stdout).expect("PEM");
    let leaf = lab.write("leaf.pem", &lab.pki().leaf(&hsm_test::pki::Leaf::of(&public)));
    let mut process = lab.credential_process();
    process.arg("--key").arg(private).arg("--certificate").arg(leaf);
    process.arg("--intermediates").arg(lab.pki().intermediate_pem_path());
    process
}

#[test]
fn a_healthy_run_of_every_kind_of_key_has_no_complaint() {
    let softhsm = lab();
    let steps = healthy(&softhsm.with_key("laptop"));
    assert_eq!(names(&steps), [DEVICE_STEPS.as_slice(), &NETWORK_STEPS].concat());
    let without = |left_out: &[&str]| -> Vec<&str> {
        let all = DEVICE_STEPS.iter().chain(&NETWORK_STEPS).copied();
        all.filter(|name| !left_out.contains(name)).collect()
    };
    let steps = healthy(&key_file(&softhsm));
    assert_eq!(names(&steps), without(&["module", "token", "pin"]));

    let tpm = tpm::lab();
    let key = tpm.tpm.key(&hsm_test::swtpm::Template::P256);
    tpm.tpm.persist(&key, 0x8100_0101);
    let steps = healthy(&tpm.with("tpm:handle=0x81000101", &tpm.tpm.chain(&key)));
    assert_eq!(names(&steps), without(&["module"]));
    assert_eq!(tpm.tpm.left_behind(), Vec::<u32>::new());

    let piv = piv::with_key(Template::P256);
    let steps = healthy(&piv.with_pin("piv:slot=9a"));
    assert_eq!(names(&steps), without(&["module"]));
    assert_eq!(step(&steps, "pin")["facts"]["tries"], 3);
}

/// The journey through pkcs11-spy, and its log.
fn spied(lab: &Lab) -> (Command, std::path::PathBuf) {
    let log = lab.hsm.dir().join("spy.log");
    let mut process = lab.with_key("laptop");
    process.arg("--pkcs11-lib").arg(spy::module());
    process.envs(spy::command_env(&SoftHsm::module(), &log));
    (process, log)
}

#[test]
fn nothing_is_signed_no_pin_is_sent_and_no_session_is_asked_for() {
    let lab = lab();
    let (process, log) = spied(&lab);
    healthy(&process);
    let calls = Calls(std::fs::read_to_string(log).expect("log"));
    assert!(calls.of("C_Initialize") > 0);
    assert_eq!((calls.of("C_Login"), calls.of("C_SignInit")), (0, 0));
    let requests = lab.server.requests();
    let [request] = requests.as_slice() else { panic!("{} requests", requests.len()) };
    assert_eq!((request.method.as_str(), request.body.len()), ("GET", 0));
    assert!(request.header("authorization").is_none() && request.header("x-amz-x509").is_none());
}

#[test]
fn with_a_login_one_pin_is_sent_and_one_signature_made_and_neither_leaves() {
    let lab = lab();
    let log = lab.hsm.dir().join("spy.log");
    let (mut process, _) = spied(&lab);
    let steps = healthy(process.arg("--login"));
    assert_eq!(step(&steps, "signature")["facts"]["kind"], "P-256");
    // pkcs11-spy begins its log anew in each host; the last one is that which signs.
    let calls = Calls(std::fs::read_to_string(log).expect("log"));
    assert_eq!((calls.of("C_Login"), calls.of("C_SignInit"), calls.of("C_Sign")), (1, 1, 1));
    assert!(lab.server.requests().iter().all(|r| r.header("authorization").is_none()));

    let piv = piv::with_key(Template::P256);
    let mark = piv.card.mark();
    healthy(piv.with_pin("piv:slot=9a").arg("--login"));
    let log = piv.card.log_since(mark);
    assert_eq!((log.count("VERIFY"), log.count("GENERAL-AUTHENTICATE")), (1, 1));
    let mark = piv.card.mark();
    healthy(&piv.with_pin("piv:slot=9a"));
    assert_eq!(piv.card.log_since(mark).count("GENERAL-AUTHENTICATE"), 0);
    let log = piv.card.log_since(mark);
    assert_eq!(log.count("VERIFY"), 0, "{:?}", log.commands());
}

#[test]
fn a_wrong_pin_is_the_fault_of_the_signature_and_costs_one_try() {
    let lab = lab();
    let wrong = lab.write("wrong", "99999999");
    let mut process = lab.credential_process();
    process.arg("--pin-file").arg(wrong).args(["--key", "pkcs11:token=lab;object=laptop"]);
    process.arg("--certificate").arg(lab.hsm.chain("laptop")).arg("--login");
    broken(&process, "signature", 4);
    // It has been refused, and that is known from now on.
    let (_, steps) = examined(&process);
    assert_eq!(those(&steps, "failed"), ["pin", "signature"]);
}

#[test]
fn few_options_are_enough_for_what_they_are_about() {
    let lab = lab();
    let (ended, steps) = examined(lab.command().arg("credential-process"));
    assert_eq!((ended.code, those(&steps, "failed").len()), (0, 0), "{}", ended.stderr);
    let ok = ["installation", "private-directory", "memory-lock"];
    assert_eq!(those(&steps, "ok"), ok);
    let cause = |name| step(&steps, name)["cause"].as_str().expect("a cause").to_owned();
    assert_eq!(cause("tls"), "because no region is known: give --trust-anchor-arn or --region");
    assert!(cause("key").contains("give --key; keyanchor list"), "{}", cause("key"));

    let mut key = lab.command();
    key.args(["credential-process", "--key", &lab.uri("laptop")]);
    let (ended, steps) = examined(key.arg("--certificate").arg(lab.hsm.chain("laptop")));
    assert_eq!((ended.code, those(&steps, "ok")), (0, DEVICE_STEPS.map(str::to_owned).to_vec()));

    let mut service = lab.command();
    service.args(["credential-process", "--endpoint", &lab.server.url()]);
    let (ended, steps) = examined(service.arg("--ca-bundle").arg(lab.server.ca_bundle()));
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(those(&steps, "ok")[3..], NETWORK_STEPS);
}

#[test]
fn what_is_wrong_with_the_command_line_is_said_before_anything_is_tried() {
    let lab = lab();
    let ended = run(lab.command().args(["doctor", "--region", "mars"]));
    check("doctor-of-a-region-that-is-none", &lab, &ended);
    let help = run(lab.command().args(["doctor", "--help"])).stdout;
    assert!(help.contains("keyanchor doctor --key") && help.contains("--login"), "{help}");
    assert_eq!(on_terminal(&doctor(&lab.with_key("laptop"))), "", "nothing on stderr");
}
